// The key that the credential store is sealed with: a file of random bytes that only its owner may read. Blocking; the
// thread of the caller.

import Crypto
import Glibc

/// Reads and creates the key file.
enum SealingKey {
  /// Length of the file: AES-256.
  static let bytes = 32
  /// Permission bits that must be clear.
  private static let othersMask: UInt32 = 0o077

  /// Nil when there is no such file.
  static func read(_ path: String) throws(CredentialError) -> SymmetricKey? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
    if descriptor < 0 {
      if errno == ENOENT { return nil }
      throw .system(call: "open", path: path, errno: errno)
    }
    defer { close(descriptor) }
    var status = stat()
    if fstat(descriptor, &status) != 0 { throw .system(call: "fstat", path: path, errno: errno) }
    if status.st_mode & S_IFMT != S_IFREG { throw .keyDamaged(path: path) }
    if status.st_uid != geteuid() { throw .keyForeign(path: path) }
    if status.st_mode & othersMask != 0 { throw .keyExposed(path: path, mode: status.st_mode & 0o777) }
    // One byte more than expected, to notice a file that is too long.
    var content = [UInt8](repeating: 0, count: bytes + 1)
    let count = Glibc.read(descriptor, &content, bytes + 1)
    if count < 0 { throw .system(call: "read", path: path, errno: errno) }
    guard count == bytes else { throw .keyDamaged(path: path) }
    return SymmetricKey(data: content[0..<bytes])
  }

  /// Creates the file, durable before it returns: what is sealed must not outlive its key. It appears with its whole
  /// content or not at all.
  static func create(_ path: String) throws(CredentialError) -> SymmetricKey {
    var generator = SystemRandomNumberGenerator()
    let content = (0..<bytes).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    try WholeFile.replace(path, with: content)
    return SymmetricKey(data: content)
  }
}
