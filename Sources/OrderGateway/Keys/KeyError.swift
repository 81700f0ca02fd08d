// What can go wrong with API keys, as values whose text says what to do. Cold path; no key or pepper is ever in a text.

/// A failure of the key store.
public enum KeyError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The pepper file can be read by others than its owner.
  case pepperExposed(path: String, mode: UInt32)
  /// There are keys, but the pepper that they were stored with is gone.
  case pepperMissing(path: String, keyCount: Int)
  /// The pepper file does not hold what it should.
  case pepperDamaged(path: String, bytes: Int)
  /// A system call failed.
  case system(call: String, path: String, errno: Int32)
  /// The database refused; the text is SQLite's.
  case database(path: String, reason: String)
  /// A key with this name is already valid.
  case nameTaken(String)
  /// Names and user ids are 1 to 64 characters of letters, digits, `_`, `-`, `.` and `@`.
  case badName(String)
  /// No valid key has this id or name.
  case unknown(String)
  case tooMany(max: Int)

  public var description: String {
    switch self {
    case .pepperExposed(let path, let mode):
      "\(path) can be read by others (mode \(String(mode, radix: 8))); run: chmod 600 \(path)"
    case .pepperMissing(let path, let count):
      "\(path) is missing but \(count) keys were stored with it. Restore the file, or remove tickgate.sqlite beside "
        + "it to start without keys"
    case .pepperDamaged(let path, let bytes):
      "\(path) holds \(bytes) bytes instead of \(Pepper.bytes). Restore it from a backup"
    case .system(let call, let path, let code): "\(call) failed on \(path): \(systemErrorText(code))"
    case .database(let path, let reason): "key database \(path): \(reason)"
    case .nameTaken(let name): "a key named \(name) exists; revoke it first or choose another name"
    case .badName(let name):
      "'\(name.prefix(64))' cannot be used: names have 1 to 64 letters, digits or any of _ - . @"
    case .unknown(let name): "no valid key has the id or name '\(name.prefix(64))'"
    case .tooMany(let max): "there are already \(max) valid keys; revoke some first"
    }
  }
}
