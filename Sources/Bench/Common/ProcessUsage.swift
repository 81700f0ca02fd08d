// CPU time and memory of a process, from the kernel.

import CUring
import Glibc

struct ProcessUsage: Sendable {
  /// Of all threads, the ended ones included, ns.
  var cpuNanos: Int64
  var residentBytes: Int
  /// Most that ever was resident.
  var residentPeakBytes: Int

  /// Nil when there is no such process.
  init?(pid: Int32) {
    // The process's own CPU clock: nanoseconds, where /proc/PID/stat counts in hundredths of a second.
    var clock = clockid_t()
    // CUring is imported for this type alone: its header is the one that the compiler finds first.
    var time = timespec()
    guard clock_getcpuclockid(pid, &clock) == 0, clock_gettime(clock, &time) == 0,
      let status = Self.read("/proc/\(pid)/status")
    else { return nil }
    cpuNanos = Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    residentBytes = Self.kilobytes("VmRSS:", status) * 1024
    residentPeakBytes = Self.kilobytes("VmHWM:", status) * 1024
  }

  private static func kilobytes(_ name: String, _ status: String) -> Int {
    for line in status.split(separator: "\n") where line.hasPrefix(name) {
      return line.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap { Int($0) } ?? 0
    }
    return 0
  }

  private static func read(_ path: String) -> String? {
    let fd = open(path, O_RDONLY)
    guard fd >= 0 else { return nil }
    defer { close(fd) }
    var bytes = [UInt8](repeating: 0, count: 8192)
    let count = Glibc.read(fd, &bytes, bytes.count)
    return count > 0 ? String(decoding: bytes[0..<count], as: UTF8.self) : nil
  }
}

/// Reads a whole file; nil when it cannot be read.
func readFile(_ path: String) -> [UInt8]? {
  guard let file = fopen(path, "r") else { return nil }
  defer { fclose(file) }
  var bytes: [UInt8] = []
  var chunk = [UInt8](repeating: 0, count: 1 << 16)
  while true {
    let count = fread(&chunk, 1, chunk.count, file)
    if count == 0 { return bytes }
    bytes.append(contentsOf: chunk[0..<count])
  }
}

/// Writes a line to standard error.
func printError(_ line: String) {
  let text = line + "\n"
  _ = text.withCString { write(STDERR_FILENO, $0, strlen($0)) }
}
