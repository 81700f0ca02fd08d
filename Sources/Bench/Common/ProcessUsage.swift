import Glibc

/// CPU time and memory of a process, from /proc.
struct ProcessUsage {
  /// User and system time of all threads, ns.
  var cpuNanos: Int64
  var residentBytes: Int

  /// Nil when there is no such process.
  init?(pid: Int32) {
    guard let stat = Self.read("/proc/\(pid)/stat"), let statm = Self.read("/proc/\(pid)/statm"),
      let close = stat.lastIndex(of: ")")
    else { return nil }
    // Fields after the name: utime and stime are the 12th and 13th, in clock ticks.
    let fields = stat[stat.index(after: close)...].split(separator: " ")
    let pages = statm.split(separator: " ")
    guard fields.count > 13, let user = Int64(fields[11]), let system = Int64(fields[12]), pages.count > 1,
      let resident = Int(pages[1])
    else { return nil }
    cpuNanos = (user + system) * (1_000_000_000 / Int64(sysconf(Int32(_SC_CLK_TCK))))
    residentBytes = resident * Int(sysconf(Int32(_SC_PAGESIZE)))
  }

  private static func read(_ path: String) -> String? {
    let fd = open(path, O_RDONLY)
    guard fd >= 0 else { return nil }
    defer { close(fd) }
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = Glibc.read(fd, &bytes, bytes.count)
    return count > 0 ? String(decoding: bytes[0..<count], as: UTF8.self) : nil
  }
}
