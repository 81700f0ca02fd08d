import Glibc

/// CPU time of the threads of this process, by name.
enum ThreadUsage {
  /// libzmq's own.
  static let library = "ZMQbg"

  static func nanos(of name: String) -> Int64 {
    guard let directory = opendir("/proc/self/task") else { return 0 }
    defer { closedir(directory) }
    var total: Int64 = 0
    while let entry = readdir(directory) {
      let id = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      guard let comm = readFile("/proc/self/task/\(id)/comm"), let stat = readFile("/proc/self/task/\(id)/schedstat"),
        String(decoding: comm, as: UTF8.self).hasPrefix(name)
      else { continue }
      let text = String(decoding: stat, as: UTF8.self)
      total += text.split(separator: " ").first.flatMap { Int64($0) } ?? 0
    }
    return total
  }
}
