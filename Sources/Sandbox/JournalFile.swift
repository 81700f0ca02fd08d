import Glibc

// The few system calls of the journal, each with the error that names call and path. Blocking: for the journal's
// thread, and for start-up.

/// An open file or directory, closed with its owner.
struct JournalFile: ~Copyable {
  let path: String
  private let descriptor: Int32

  init(opening path: String, flags: Int32) throws(JournalError) {
    self.path = path
    descriptor = open(path, flags | O_CLOEXEC, 0o600)
    if descriptor < 0 { throw .system(call: "open", path: path, errno: errno) }
  }

  deinit { close(descriptor) }

  /// Writes all of `bytes` at `offset`.
  func write(_ bytes: [UInt8], at offset: Int) throws(JournalError) {
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeBytes {
        pwrite(descriptor, $0.baseAddress! + done, $0.count - done, off_t(offset + done))
      }
      if count < 0 {
        if errno == EINTR { continue }
        throw .system(call: "pwrite", path: path, errno: errno)
      }
      done += count
    }
  }

  /// Gives the file zeroed space, so that writing later changes no metadata and cannot find the disk full.
  func allocate(from offset: Int, bytes: Int) throws(JournalError) {
    var code: Int32
    repeat { code = posix_fallocate(descriptor, off_t(offset), off_t(bytes)) } while code == EINTR
    if code != 0 { throw .system(call: "fallocate", path: path, errno: code) }
  }

  /// Waits until the data is on disk, with what is needed to find it.
  func syncData() throws(JournalError) {
    if fdatasync(descriptor) != 0 { throw .system(call: "fdatasync", path: path, errno: errno) }
  }

  func syncAll() throws(JournalError) {
    if fsync(descriptor) != 0 { throw .system(call: "fsync", path: path, errno: errno) }
  }

  /// Keeps other processes out for as long as the file is open.
  func lock() throws(JournalError) {
    guard flock(descriptor, LOCK_EX | LOCK_NB) != 0 else { return }
    if errno == EWOULDBLOCK { throw .inUse(path: path) }
    throw .system(call: "flock", path: path, errno: errno)
  }

  /// The whole content.
  static func contents(of path: String) throws(JournalError) -> [UInt8] {
    let file = try JournalFile(opening: path, flags: O_RDONLY)
    var status = stat()
    if fstat(file.descriptor, &status) != 0 { throw .system(call: "fstat", path: path, errno: errno) }
    var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeMutableBytes {
        pread(file.descriptor, $0.baseAddress! + done, $0.count - done, off_t(done))
      }
      if count < 0, errno == EINTR { continue }
      if count < 0 { throw .system(call: "pread", path: path, errno: errno) }
      if count == 0 { break }
      done += count
    }
    return done == bytes.count ? bytes : Array(bytes[..<done])
  }
}

/// The names in the journal's directory.
struct JournalDirectory {
  let path: String

  func snapshot(_ generation: UInt64) -> String { "\(path)/snapshot-\(generation).tgs" }
  func log(_ generation: UInt64) -> String { "\(path)/log-\(generation).tgj" }
  func unfinishedSnapshot(_ generation: UInt64) -> String { "\(path)/snapshot-\(generation).tmp" }

  func create() throws(JournalError) {
    if mkdir(path, 0o700) != 0, errno != EEXIST { throw .system(call: "mkdir", path: path, errno: errno) }
  }

  /// Makes renames and new names durable.
  func sync() throws(JournalError) {
    let directory = try JournalFile(opening: path, flags: O_RDONLY | O_DIRECTORY)
    try directory.syncAll()
  }

  func rename(_ from: String, to: String) throws(JournalError) {
    if Glibc.rename(from, to) != 0 { throw .system(call: "rename", path: from, errno: errno) }
  }

  /// Removes the journal's files of every generation but one. What stays behind harms nothing: the newest counts.
  func removeAll(but generation: UInt64) {
    for name in (try? names()) ?? [] {
      guard let found = Self.generation(of: name), found != generation || name.hasSuffix(".tmp") else { continue }
      unlink("\(path)/\(name)")
    }
  }

  /// Generations that have a file with this prefix and suffix, ascending.
  func generations(prefix: String, suffix: String) throws(JournalError) -> [UInt64] {
    try names().filter { $0.hasPrefix(prefix) && $0.hasSuffix(suffix) }.compactMap(Self.generation).sorted()
  }

  private static func generation(of name: String) -> UInt64? {
    guard name.hasPrefix("snapshot-") || name.hasPrefix("log-"), let dash = name.firstIndex(of: "-") else { return nil }
    return UInt64(name[name.index(after: dash)...].prefix { $0 != "." })
  }

  private func names() throws(JournalError) -> [String] {
    guard let directory = opendir(path) else { throw .system(call: "opendir", path: path, errno: errno) }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        names.append(String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self))
      }
    }
    return names
  }
}
