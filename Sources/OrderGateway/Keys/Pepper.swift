import Glibc

// The secret that API keys are hashed with: a file of random bytes that only its owner may read. Without it the stored
// digests say nothing about the keys. Read once at start, on the starting thread.

/// Reads and creates the pepper.
enum Pepper {
  /// Length of the file.
  static let bytes = 32
  /// Permission bits that must be clear.
  private static let othersMask: UInt32 = 0o077

  /// Nil when there is no such file.
  static func read(_ path: String) throws(KeyError) -> [UInt8]? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
    if descriptor < 0 {
      if errno == ENOENT { return nil }
      throw .system(call: "open", path: path, errno: errno)
    }
    defer { close(descriptor) }
    var status = stat()
    if fstat(descriptor, &status) != 0 { throw .system(call: "fstat", path: path, errno: errno) }
    if status.st_mode & othersMask != 0 { throw .pepperExposed(path: path, mode: status.st_mode & 0o777) }
    // One byte more than expected, to notice a file that is too long.
    var content = [UInt8](repeating: 0, count: bytes + 1)
    let count = Glibc.read(descriptor, &content, bytes + 1)
    if count < 0 { throw .system(call: "read", path: path, errno: errno) }
    if count != bytes { throw .pepperDamaged(path: path, bytes: count) }
    content.removeLast()
    return content
  }

  /// Creates the file, durable before it returns: a key that was handed out must not outlive its pepper.
  static func create(_ path: String, in directory: String) throws(KeyError) -> [UInt8] {
    var generator = SystemRandomNumberGenerator()
    let content = (0..<bytes).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    if descriptor < 0 { throw .system(call: "open", path: path, errno: errno) }
    defer { close(descriptor) }
    if write(descriptor, content, bytes) != bytes { throw .system(call: "write", path: path, errno: errno) }
    if fsync(descriptor) != 0 { throw .system(call: "fsync", path: path, errno: errno) }
    let folder = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if folder < 0 { throw .system(call: "open", path: directory, errno: errno) }
    defer { close(folder) }
    if fsync(folder) != 0 { throw .system(call: "fsync", path: directory, errno: errno) }
    return content
  }
}

/// The system's text for an error number.
func systemErrorText(_ code: Int32) -> String { String(cString: strerror(code)) }
