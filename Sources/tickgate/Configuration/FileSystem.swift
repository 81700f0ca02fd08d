import Glibc

/// The few file operations of start-up, with errors that name the file.
enum FileSystem {
  struct Failure: Error, CustomStringConvertible {
    let path: String
    let code: Int32
    var description: String { "\(path): \(String(cString: strerror(code)))" }
  }

  /// Largest file that is read whole: an instrument list of all brokers stays well below.
  private static let bytesMax = 512 << 20

  static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

  static func read(_ path: String) throws(Failure) -> [UInt8] {
    let fd = open(path, O_RDONLY | O_CLOEXEC)
    guard fd >= 0 else { throw Failure(path: path, code: errno) }
    defer { close(fd) }
    var information = stat()
    guard fstat(fd, &information) == 0 else { throw Failure(path: path, code: errno) }
    guard information.st_size <= bytesMax else { throw Failure(path: path, code: EFBIG) }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(Int(information.st_size))
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = Glibc.read(fd, &chunk, chunk.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw Failure(path: path, code: errno) }
      if count == 0 { return bytes }
      guard bytes.count + count <= bytesMax else { throw Failure(path: path, code: EFBIG) }
      bytes.append(contentsOf: chunk[0..<count])
    }
  }

  /// Replaces a file as a whole: readers see the old or the new one.
  static func write(_ bytes: [UInt8], to path: String, mode: mode_t = 0o644) throws(Failure) {
    let temporary = path + ".new"
    let fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
    guard fd >= 0 else { throw Failure(path: temporary, code: errno) }
    defer { close(fd) }
    var offset = 0
    while offset < bytes.count {
      let count = bytes.withUnsafeBytes { Glibc.write(fd, $0.baseAddress! + offset, bytes.count - offset) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw Failure(path: temporary, code: errno) }
      offset += count
    }
    guard fsync(fd) == 0, rename(temporary, path) == 0 else { throw Failure(path: path, code: errno) }
  }

  /// Makes a directory that only its owner can read, parents included.
  static func makeDirectory(_ path: String) throws(Failure) {
    var made = path.hasPrefix("/") ? "/" : ""
    for part in path.split(separator: "/") {
      made += made.isEmpty || made.hasSuffix("/") ? part : "/" + part
      if mkdir(made, 0o700) != 0, errno != EEXIST { throw Failure(path: made, code: errno) }
    }
  }
}
