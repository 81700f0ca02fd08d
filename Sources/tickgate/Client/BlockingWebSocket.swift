// A WebSocket client for the terminal: one blocking socket, our own protocol code. For commands, never for serving.

import Glibc
import WebSocket

final class BlockingWebSocket {
  struct Failure: Error, CustomStringConvertible { let description: String }

  private let descriptor: Int32
  private var connection: WebSocketConnection
  private let buffer: UnsafeMutableRawBufferPointer
  private static let bufferBytes = 1 << 18

  /// - Parameter host: address or name.
  init(host: String, port: UInt16) throws {
    connection = WebSocketConnection(ConnectionOptions(role: .client))
    descriptor = try Self.dial(host: host, port: port)
    buffer = .allocate(byteCount: Self.bufferBytes, alignment: 16)
    try shakeHands(host: host, port: port)
  }

  deinit {
    close(descriptor)
    buffer.deallocate()
  }

  private static func dial(host: String, port: UInt16) throws -> Int32 {
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    let code = getaddrinfo(host, "\(port)", &hints, &list)
    guard code == 0, let first = list else {
      throw Failure(description: "cannot resolve \(host): \(String(cString: gai_strerror(code)))")
    }
    defer { freeaddrinfo(list) }
    let fd = socket(first.pointee.ai_family, first.pointee.ai_socktype, 0)
    guard fd >= 0, connect(fd, first.pointee.ai_addr, first.pointee.ai_addrlen) == 0 else {
      let reason = String(cString: strerror(errno))
      if fd >= 0 { close(fd) }
      throw Failure(description: "cannot connect to \(host):\(port): \(reason)")
    }
    return fd
  }

  private func shakeHands(host: String, port: UInt16) throws {
    var generator = SystemRandomNumberGenerator()
    let nonce = (0..<ClientHandshake.nonceBytes).map { _ in UInt8.random(in: 0...255, using: &generator) }
    var handshake = try ClientHandshake(
      ClientHandshake.Request(host: host, port: port, isSecure: false, target: "/"), nonce: nonce)
    write(handshake.requestBytes)
    while true {
      let chunk = try readChunk()
      switch handshake.receive(UnsafeRawBufferPointer(chunk)) {
      case .needMore: continue
      case .refused(let status, _): throw Failure(description: "the server answered \(status)")
      case .invalid(let reason): throw Failure(description: "no WebSocket server: \(reason)")
      case .open(_, let consumed):
        connection.receive(UnsafeMutableRawBufferPointer(rebasing: chunk[consumed...]))
        return
      }
    }
  }

  func send(_ text: [UInt8]) { write(ClientFrames.text(text, maskKey: .random(in: .min ... .max))) }

  /// The next text message; pings are answered on the way.
  func receive() throws -> [UInt8] {
    while true {
      switch connection.next() {
      case .text(let message), .binary(let message): return Array(message)
      case .ping(let payload): write(ClientFrames.control(.pong, payload, maskKey: .random(in: .min ... .max)))
      case .pong: break
      case .closed(let code, let reason):
        let text = String(decoding: reason, as: UTF8.self)
        throw Failure(description: "closed by the server: \(code.map(String.init) ?? "no code") \(text)")
      case .violation(_, let reason): throw Failure(description: "protocol violation by the server: \(reason)")
      case .needMore: connection.receive(try readChunk())
      }
    }
  }

  private func write(_ bytes: [UInt8]) {
    var offset = 0
    while offset < bytes.count {
      let count = bytes.withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress! + offset, bytes.count - offset, Int32(MSG_NOSIGNAL))
      }
      if count <= 0 { return }
      offset += count
    }
  }

  private func readChunk() throws -> UnsafeMutableRawBufferPointer {
    while true {
      let count = read(descriptor, buffer.baseAddress, buffer.count)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw Failure(description: "the server ended the connection") }
      return UnsafeMutableRawBufferPointer(rebasing: buffer[0..<count])
    }
  }
}
