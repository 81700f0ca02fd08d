// Files that are read and replaced as a whole: a reader sees the old content or the new, whatever ends the writer.
// Blocking; the thread of the caller. Files are for their owner alone.

import Glibc

/// Identity and age of a file's content, to notice that it changed.
struct FileStamp: Sendable, Equatable {
  let device: UInt64
  let inode: UInt64
  let bytes: Int64
  let modifiedNanos: Int64
  let isReadableByOthers: Bool

  fileprivate init(_ status: stat) {
    device = UInt64(status.st_dev)
    inode = UInt64(status.st_ino)
    bytes = Int64(status.st_size)
    modifiedNanos = Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec)
    isReadableByOthers = status.st_mode & 0o044 != 0
  }

  /// Nil when there is no such file.
  static func of(_ path: String) throws(CredentialError) -> FileStamp? {
    var status = stat()
    if stat(path, &status) == 0 { return FileStamp(status) }
    if errno == ENOENT || errno == ENOTDIR { return nil }
    throw .system(call: "stat", path: path, errno: errno)
  }
}

enum WholeFile {
  /// Content and stamp of exactly that content; nil when there is no such file.
  static func read(_ path: String, bytesMax: Int) throws(CredentialError) -> (content: [UInt8], stamp: FileStamp)? {
    // Not blocking: a pipe in the place of the file must not hold the reader up.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    if descriptor < 0 {
      if errno == ENOENT || errno == ENOTDIR { return nil }
      throw .system(call: "open", path: path, errno: errno)
    }
    defer { close(descriptor) }
    var status = stat()
    if fstat(descriptor, &status) != 0 { throw .system(call: "fstat", path: path, errno: errno) }
    if status.st_mode & S_IFMT != S_IFREG { throw .system(call: "read", path: path, errno: EINVAL) }
    if status.st_size > bytesMax { throw .tooLarge(path: path, bytesMax: bytesMax) }
    var content: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 16_384)
    while true {
      let count = Glibc.read(descriptor, &chunk, chunk.count)
      if count < 0, errno == EINTR { continue }
      if count < 0 { throw .system(call: "read", path: path, errno: errno) }
      if count == 0 { return (content, FileStamp(status)) }
      if content.count + count > bytesMax { throw .tooLarge(path: path, bytesMax: bytesMax) }
      content += chunk[0..<count]
    }
  }

  /// Durable on return, with mode 0600. Callers exclude one another.
  static func replace(_ path: String, with content: [UInt8]) throws(CredentialError) {
    let temporary = path + ".new"
    unlink(temporary)
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
    if descriptor < 0 { throw .system(call: "open", path: temporary, errno: errno) }
    defer { close(descriptor) }
    var offset = 0
    while offset < content.count {
      let count = content.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress! + offset, content.count - offset) }
      if count < 0, errno == EINTR { continue }
      if count <= 0 { throw .system(call: "write", path: temporary, errno: errno) }
      offset += count
    }
    if fsync(descriptor) != 0 { throw .system(call: "fsync", path: temporary, errno: errno) }
    if rename(temporary, path) != 0 { throw .system(call: "rename", path: path, errno: errno) }
    try syncDirectory(of: path)
  }

  private static func syncDirectory(of path: String) throws(CredentialError) {
    let directory = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
    let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if descriptor < 0 { throw .system(call: "open", path: directory, errno: errno) }
    defer { close(descriptor) }
    if fsync(descriptor) != 0 { throw .system(call: "fsync", path: directory, errno: errno) }
  }
}
