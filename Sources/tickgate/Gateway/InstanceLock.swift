import Glibc

/// One running gateway per state directory: a lock on a file that holds the pid. The kernel frees it however the
/// process ends.
struct InstanceLock: ~Copyable {
  struct Held: Error, CustomStringConvertible {
    let directory: String
    let pid: String
    var description: String {
      "a gateway with the state directory \(directory) is already running, pid \(pid): stop it (kill \(pid)) or choose "
        + "another with --state_dir"
    }
  }

  private let descriptor: Int32

  init(directory: String) throws {
    let path = directory + "/tickgate.pid"
    let fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard fd >= 0 else { throw FileSystem.Failure(path: path, code: errno) }
    guard flock(fd, LOCK_EX | LOCK_NB) == 0 else {
      let pid = (try? FileSystem.read(path)).map { String(decoding: $0, as: UTF8.self) } ?? ""
      close(fd)
      throw Held(directory: directory, pid: pid.isEmpty ? "unknown" : String(pid.prefix { $0 != "\n" }))
    }
    ftruncate(fd, 0)
    let text = "\(getpid())\n"
    _ = text.withCString { Glibc.write(fd, $0, strlen($0)) }
    descriptor = fd
  }

  deinit { close(descriptor) }
}
