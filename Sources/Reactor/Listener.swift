// Binding a port, and naming who holds it when it cannot be bound. Start-up only.

import Glibc

/// A bound, listening TCP socket, ready to be handed to a loop.
public struct Listener: Sendable {
  public let descriptor: Int32
  /// The port that was bound: of use when 0 was asked for.
  public let port: UInt16

  /// Connections that the kernel keeps waiting for us.
  public static let backlog: Int32 = 4096

  /// - Parameters:
  ///   - host: numeric address, or `localhost`.
  ///   - port: 0 for any free one.
  public init(host: String, port: UInt16) throws(LoopError) {
    guard let address = SocketAddress(host: host, port: port) else { throw .badAddress("\(host):\(port)") }
    let fd = socket(address.family, Int32(SOCK_STREAM.rawValue) | 0o2_004_000, 0)
    guard fd >= 0 else { throw .cannotBind(host: host, port: port, errno: errno) }
    var on: Int32 = 1
    let size = socklen_t(MemoryLayout<Int32>.size)
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, size)
    // Accepted sockets inherit it: saves a system call per connection.
    setsockopt(fd, Int32(IPPROTO_TCP), TCP_NODELAY, &on, size)
    let bound = withUnsafeTemporaryAllocation(byteCount: 128, alignment: 8) { storage in
      let length = address.write(to: storage.baseAddress!)
      return bind(fd, storage.baseAddress!.assumingMemoryBound(to: sockaddr.self), length)
    }
    guard bound == 0, listen(fd, Self.backlog) == 0 else {
      let code = errno
      Glibc.close(fd)
      if code == EADDRINUSE { throw .portTaken(host: host, port: port, owner: PortOwner.find(port: port)) }
      throw .cannotBind(host: host, port: port, errno: code)
    }
    descriptor = fd
    self.port = Self.localPort(of: fd) ?? port
  }

  private static func localPort(of fd: Int32) -> UInt16? {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let result = withUnsafeMutablePointer(to: &storage) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(fd, $0, &length) }
    }
    return result == 0 ? SocketAddress(storage)?.port : nil
  }
}

/// Finds the process that listens on a port, by the socket's inode, as far as permissions let it be seen.
enum PortOwner {
  /// `pid 123 (name)`, nil when it cannot be known.
  static func find(port: UInt16) -> String? {
    let inodes = ["/proc/net/tcp", "/proc/net/tcp6"].flatMap { inodesListening(on: port, table: $0) }
    guard !inodes.isEmpty, let processes = opendir("/proc") else { return nil }
    defer { closedir(processes) }
    while let entry = readdir(processes) {
      guard let pid = Int32(name(of: entry)), holds(pid: pid, inodes: inodes) else { continue }
      let command = readAll("/proc/\(pid)/comm").map { $0.prefix { $0 != "\n" } } ?? "?"
      return "pid \(pid) (\(command))"
    }
    return nil
  }

  private static func inodesListening(on port: UInt16, table: String) -> [String] {
    let hex = String(port, radix: 16, uppercase: true)
    let suffix = ":" + String(repeating: "0", count: 4 - hex.count) + hex
    guard let text = readAll(table) else { return [] }
    return text.split(separator: "\n").dropFirst().compactMap { line in
      let fields = line.split(separator: " ", omittingEmptySubsequences: true)
      // local address, state 0A = LISTEN, inode
      guard fields.count > 9, fields[1].hasSuffix(suffix), fields[3] == "0A" else { return nil }
      return "socket:[\(fields[9])]"
    }
  }

  private static func holds(pid: Int32, inodes: [String]) -> Bool {
    let folder = "/proc/\(pid)/fd"
    guard let descriptors = opendir(folder) else { return false }
    defer { closedir(descriptors) }
    while let entry = readdir(descriptors) {
      var target = [CChar](repeating: 0, count: 64)
      let count = readlink("\(folder)/\(name(of: entry))", &target, 63)
      if count > 0, inodes.contains(String(decoding: target[0..<count].map(UInt8.init), as: UTF8.self)) { return true }
    }
    return false
  }

  private static func name(of entry: UnsafeMutablePointer<dirent>) -> String {
    withUnsafePointer(to: &entry.pointee.d_name) {
      $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
    }
  }

  private static func readAll(_ path: String) -> String? {
    guard let file = fopen(path, "r") else { return nil }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = fread(&chunk, 1, chunk.count, file)
      if count == 0 { return String(decoding: bytes, as: UTF8.self) }
      bytes.append(contentsOf: chunk[0..<count])
    }
  }
}
