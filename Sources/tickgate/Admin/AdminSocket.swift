// The administration socket: a Unix socket of mode 0600 in the state directory. One JSON object per line each way, one
// request per connection, answered in turn by one thread. Only the owner of the directory, and root, can reach it.

import CLinux
import Glibc
import JSONText
import Reactor
import Synchronization
import TickRing

enum AdminSocket {
  static let requestBytesMax = 64 << 10
  static let replyBytesMax = 16 << 20
  static let timeoutMillis: Int32 = 5000

  static func path(in directory: String) -> String { directory + "/admin.sock" }

  /// Opens a Unix socket and hands its address to `use`.
  static func make(_ path: String, _ use: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32? {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let capacity = MemoryLayout.size(ofValue: address.sun_path)
    guard path.utf8.count < capacity else {
      errno = ENAMETOOLONG
      return nil
    }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let fd = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | 0o2_000_000, 0)
    guard fd >= 0 else { return nil }
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        use(fd, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    if result == 0 { return fd }
    let code = errno
    close(fd)
    errno = code
    return nil
  }

  /// Reads up to the end of a line; nil when it does not come in time or is too long.
  static func readLine(_ fd: Int32, bytesMax: Int) -> [UInt8]? {
    var line: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 4096)
    while line.count <= bytesMax {
      var item = pollfd(fd: fd, events: Int16(POLLIN), revents: 0)
      guard poll(&item, 1, timeoutMillis) > 0 else { return nil }
      let count = read(fd, &chunk, chunk.count)
      guard count > 0 else { return nil }
      if let end = chunk[0..<count].firstIndex(of: UInt8(ascii: "\n")) { return line + chunk[0..<end] }
      line.append(contentsOf: chunk[0..<count])
    }
    return nil
  }

  static func writeLine(_ fd: Int32, _ bytes: [UInt8]) {
    let line = bytes + [UInt8(ascii: "\n")]
    var offset = 0
    while offset < line.count {
      let count = line.withUnsafeBytes {
        send(fd, $0.baseAddress! + offset, line.count - offset, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { return }
      offset += count
    }
  }
}

/// Serves requests of `AdminClient`s until stopped.
final class AdminServer: Sendable {
  typealias Handler = @Sendable (JSONValue) -> [UInt8]

  private let path: String
  private let descriptor: Int32
  private let stopping = Atomic<Bool>(false)
  private let waker = Waker()
  private let thread = OneThread()
  private let handler: Handler

  /// - Parameter handler: a request object to a reply object, on the server's thread.
  init(directory: String, handler: @escaping Handler) throws {
    path = AdminSocket.path(in: directory)
    self.handler = handler
    // The instance lock is held: whatever lies here is left over.
    unlink(path)
    let mask = umask(0o177)
    defer { umask(mask) }
    guard let fd = AdminSocket.make(path, { bind($0, $1, $2) == 0 && listen($0, 16) == 0 ? 0 : -1 }) else {
      throw FileSystem.Failure(path: path, code: errno)
    }
    descriptor = fd
  }

  func start() {
    thread.start(name: "admin") { [self] in serve() }
  }

  func stop() {
    stopping.store(true, ordering: .releasing)
    waker.signal()
    thread.join()
    close(descriptor)
    unlink(path)
  }

  private func serve() {
    while !stopping.load(ordering: .acquiring) {
      var items = [
        pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
        pollfd(fd: waker.descriptor, events: Int16(POLLIN), revents: 0),
      ]
      guard poll(&items, 2, -1) > 0, items[0].revents != 0 else { continue }
      let fd = accept(descriptor, nil, nil)
      guard fd >= 0 else { continue }
      let peer = tg_peer_uid(fd)
      if peer == 0 || peer == Int32(bitPattern: getuid()) { answer(fd) }
      close(fd)
    }
  }

  private func answer(_ fd: Int32) {
    guard let line = AdminSocket.readLine(fd, bytesMax: AdminSocket.requestBytesMax) else { return }
    do {
      AdminSocket.writeLine(fd, handler(try JSONDocument(line).root))
    } catch {
      AdminSocket.writeLine(fd, AdminReply.error("not a JSON object"))
    }
  }
}

/// Replies of the administration socket.
enum AdminReply {
  static func error(_ message: String) -> [UInt8] {
    var writer = JSONWriter()
    writer.beginObject()
    writer.member("status", "error")
    writer.member("message", message)
    writer.endObject()
    return writer.bytes
  }

  static func success(_ fill: (inout JSONWriter) -> Void = { _ in }) -> [UInt8] {
    var writer = JSONWriter()
    writer.beginObject()
    writer.member("status", "success")
    fill(&writer)
    writer.endObject()
    return writer.bytes
  }
}

/// Asks a running gateway.
enum AdminClient {
  struct Refused: Error, CustomStringConvertible { let description: String }

  /// - Returns: nil when no gateway runs on the directory.
  static func request(_ request: [UInt8], directory: String) throws -> JSONValue? {
    guard let fd = AdminSocket.make(AdminSocket.path(in: directory), { connect($0, $1, $2) }) else {
      if errno == ENOENT || errno == ECONNREFUSED { return nil }
      throw FileSystem.Failure(path: AdminSocket.path(in: directory), code: errno)
    }
    defer { close(fd) }
    AdminSocket.writeLine(fd, request)
    guard let line = AdminSocket.readLine(fd, bytesMax: AdminSocket.replyBytesMax) else {
      throw Refused(description: "the running gateway did not answer")
    }
    let reply = try JSONDocument(line).root
    if reply["status"]?.string != "success" {
      throw Refused(description: reply["message"]?.string ?? "the running gateway refused")
    }
    return reply
  }
}
