// What can go wrong with stored credentials, as values whose text says what to do. No secret is ever in a text.

import Glibc

/// A failure of the credential store or of a secret that was given.
public enum CredentialError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The key file can be read by others than its owner.
  case keyExposed(path: String, mode: UInt32)
  /// The key file belongs to another user.
  case keyForeign(path: String)
  /// There is a store, but the key that it was sealed with is gone.
  case keyMissing(path: String, store: String)
  /// The key file does not hold what it should.
  case keyDamaged(path: String)
  /// The store is sealed with another key, or was changed.
  case wrongKey(path: String, key: String)
  /// The store was cut or is no store at all.
  case damaged(path: String)
  /// The store was written by a newer version.
  case newer(path: String, version: UInt8)
  case tooLarge(path: String, bytesMax: Int)
  /// A system call failed.
  case system(call: String, path: String, errno: Int32)
  case unknownBroker(String)
  /// A secret that cannot be one.
  case badSecret(CredentialField)
  /// There is nothing to remove.
  case nothingStored(broker: String, field: CredentialField?)
  /// A login needs these, and they are stored nowhere.
  case missing(broker: String, fields: [CredentialField])
  /// What was given for a login is not what the broker's page hands out.
  case badCode(parameter: String)
  /// An address that a secret must not be sent to.
  case badAddress(String)

  public var description: String {
    switch self {
    case .keyExposed(let path, let mode):
      "\(path) can be read by others (mode \(String(mode, radix: 8))); run: chmod 600 \(path)"
    case .keyForeign(let path): "\(path) belongs to another user; run the gateway as its owner"
    case .keyMissing(let path, let store):
      "\(path) is missing but \(store) was sealed with it. Restore the file, or remove \(store) and set the tokens again"
    case .keyDamaged(let path): "\(path) is not a key of \(SealingKey.bytes) bytes. Restore it from a backup"
    case .wrongKey(let path, let key):
      "\(path) cannot be opened with \(key): it was sealed with another key or was changed. Restore both from one "
        + "backup, or remove \(path) and set the tokens again"
    case .damaged(let path): "\(path) is cut or is no credential store; remove it and set the tokens again"
    case .newer(let path, let version): "\(path) was written by a newer version (format \(version)); update tickgate"
    case .tooLarge(let path, let bytesMax): "\(path) has more than \(bytesMax) bytes"
    case .system(let call, let path, let code): "\(call) failed on \(path): \(String(cString: strerror(code)))"
    case .unknownBroker(let name):
      "there is no broker '\(name.prefix(32))'; known: \(BrokerAccount.table.map(\.name).joined(separator: ", "))"
    case .badSecret(let field):
      "what was given as \(field.rawValue) is empty, longer than \(BrokerSecrets.secretBytesMax) bytes, or has blanks "
        + "or characters other than printable ASCII"
    case .nothingStored(let broker, let field):
      "nothing is stored for \(broker)" + (field.map { " as \($0.rawValue)" } ?? "")
    case .missing(let broker, let fields):
      "\(broker) needs \(fields.map(\.rawValue).joined(separator: ", ")); run: "
        + fields.map { "tickgate token set \(broker) --field \($0.rawValue)" }.joined(separator: "; ")
    case .badCode(let parameter): "expected the address with \(parameter)=… that the browser ended on, or that value"
    case .badAddress(let host): "secrets are sent with https only, and to loopback: not to \(host.prefix(128))"
    }
  }
}
