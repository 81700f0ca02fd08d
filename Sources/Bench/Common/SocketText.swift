// Plain TCP sockets of the bench. Set-up only.

import Glibc

enum SocketText {
  /// SOCK_NONBLOCK | SOCK_CLOEXEC, which Glibc's module does not export as plain numbers.
  static let nonBlocking: Int32 = 0o2_004_000
  private static let closeOnExec: Int32 = 0o2_000_000

  struct Failure: Error, CustomStringConvertible {
    let description: String
    init(_ what: String) { description = "\(what): \(String(cString: strerror(errno)))" }
  }

  static func address(_ host: String, _ port: UInt16) throws -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    guard inet_pton(AF_INET, host == "localhost" ? "127.0.0.1" : host, &address.sin_addr) == 1 else {
      errno = EINVAL
      throw Failure("'\(host)' is not an IPv4 address")
    }
    return address
  }

  static func listen(host: String, port: UInt16) throws -> (descriptor: Int32, port: UInt16) {
    let fd = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | nonBlocking, 0)
    guard fd >= 0 else { throw Failure("socket") }
    set(fd, SOL_SOCKET, SO_REUSEADDR)
    // Accepted sockets inherit it.
    set(fd, Int32(IPPROTO_TCP), TCP_NODELAY)
    var address = try address(host, port)
    let size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let bound = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { Glibc.bind(fd, $0, size) }
    }
    guard bound == 0, Glibc.listen(fd, 4096) == 0 else { throw Failure("port \(port)") }
    var length = size
    _ = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(fd, $0, &length) }
    }
    return (fd, UInt16(bigEndian: address.sin_port))
  }

  /// A blocking connection.
  static func connect(host: String, port: UInt16) throws -> Int32 {
    let fd = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | closeOnExec, 0)
    guard fd >= 0 else { throw Failure("socket") }
    set(fd, Int32(IPPROTO_TCP), TCP_NODELAY)
    var address = try address(host, port)
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(fd, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard result == 0 else { throw Failure("\(host):\(port)") }
    return fd
  }

  /// Sends all of it; waits while the socket is full.
  static func sendAll(_ fd: Int32, _ bytes: UnsafeRawBufferPointer) throws {
    var sent = 0
    while sent < bytes.count {
      let count = send(fd, bytes.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
      if count > 0 {
        sent += count
      } else if errno == EAGAIN {
        var item = pollfd(fd: fd, events: Int16(POLLOUT), revents: 0)
        guard poll(&item, 1, 10_000) > 0 else { throw Failure("the peer reads nothing") }
      } else if errno != EINTR {
        throw Failure("send")
      }
    }
  }

  static func sendAll(_ fd: Int32, _ bytes: [UInt8]) throws { try bytes.withUnsafeBytes { try sendAll(fd, $0) } }

  static func set(_ fd: Int32, _ level: Int32, _ option: Int32) {
    var on: Int32 = 1
    setsockopt(fd, level, option, &on, socklen_t(MemoryLayout<Int32>.size))
  }
}
