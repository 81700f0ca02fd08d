// A plain blocking WebSocket client for tests: one socket, no loop, a deadline on every wait.

import Glibc
import Reactor
import Simulator
import Testing
import WebSocket

/// What arrived.
enum Received: Equatable {
  case binary([UInt8])
  case text(String)
  case ping([UInt8])
  case pong([UInt8])
  case closed(code: UInt16?)
  /// The connection is gone.
  case ended
}

enum TestClientError: Error, Equatable {
  case cannotConnect
  case refused(status: Int)
  case timedOut
  case brokenProtocol(String)
}

final class TestClient {
  static let waitMillis: Int32 = 20_000
  private let descriptor: Int32
  private var connection = WebSocketConnection(ConnectionOptions(role: .client))
  private var queue: [Received] = []
  private var hasEnded = false

  /// Connects and upgrades.
  /// - Parameter sendsSingleBytes: the request leaves byte by byte.
  init(
    port: UInt16, target: String = "/?api_key=key&access_token=token",
    fields: [(name: String, value: String)] = [], receiveBufferBytes: Int32? = nil, sendsSingleBytes: Bool = false
  ) throws {
    descriptor = try Self.connect(port: port, receiveBufferBytes: receiveBufferBytes)
    let request = ClientHandshake.Request(
      host: "127.0.0.1", port: port, isSecure: false, target: target, fields: fields)
    var handshake = try ClientHandshake(request, nonce: (0..<16).map { UInt8($0) })
    if sendsSingleBytes {
      for byte in handshake.requestBytes { write([byte]) }
    } else {
      write(handshake.requestBytes)
    }
    while true {
      var bytes = try read()
      guard !bytes.isEmpty else { throw TestClientError.cannotConnect }
      switch bytes.withUnsafeBytes({ handshake.receive($0) }) {
      case .needMore: continue
      case .open(_, let consumed):
        bytes.removeFirst(consumed)
        try take(bytes)
        return
      case .refused(let status, _): throw TestClientError.refused(status: status)
      case .invalid(let reason): throw TestClientError.brokenProtocol("\(reason)")
      }
    }
  }

  deinit { close(descriptor) }

  static func connect(port: UInt16, receiveBufferBytes: Int32? = nil) throws -> Int32 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    if var size = receiveBufferBytes {
      setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
    }
    var on: Int32 = 1
    setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard result == 0 else {
      close(descriptor)
      throw TestClientError.cannotConnect
    }
    return descriptor
  }

  // MARK: Sending

  func send(_ text: String) { write(Self.frame(.text, Array(text.utf8))) }
  func send(_ opcode: Opcode, _ payload: [UInt8]) { write(Self.frame(opcode, payload)) }

  static func frame(_ opcode: Opcode, _ payload: [UInt8]) -> [UInt8] {
    let key: UInt32 = 0x1234_5678
    var frame = [UInt8](repeating: 0, count: FrameHeader.bytesMax)
    var payload = payload
    let headerBytes = frame.withUnsafeMutableBytes {
      FrameWriter.writeHeader(opcode, payloadCount: payload.count, maskKey: key, to: $0.baseAddress!)
    }
    payload.withUnsafeMutableBytes { if let base = $0.baseAddress { Masking.apply(key, to: base, count: $0.count) } }
    return frame[..<headerBytes] + payload
  }

  func write(_ bytes: [UInt8]) {
    var sent = 0
    while sent < bytes.count {
      let count = bytes[sent...].withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { return }
      sent += count
    }
  }

  // MARK: Receiving

  /// The next message, whatever it is.
  func next() throws -> Received {
    while queue.isEmpty {
      if hasEnded { return .ended }
      let bytes = try read()
      if bytes.isEmpty { hasEnded = true } else { try take(bytes) }
    }
    return queue.removeFirst()
  }

  /// The next data frame with packets; heartbeats are passed over.
  func nextFrame() throws -> [UInt8] {
    while true {
      switch try next() {
      case .binary(let bytes) where bytes.count >= 2: return bytes
      case .ended, .closed: throw TestClientError.brokenProtocol("the connection ended")
      default: continue
      }
    }
  }

  /// The error that the connection has ended with; 0 for an orderly end.
  private(set) var endErrno: Int32 = 0

  private func read() throws -> [UInt8] {
    var item = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    guard poll(&item, 1, Self.waitMillis) > 0 else { throw TestClientError.timedOut }
    return [UInt8](unsafeUninitializedCapacity: 1 << 18) { room, count in
      let result = recv(descriptor, room.baseAddress, room.count, 0)
      if result < 0 { endErrno = errno }
      count = max(0, result)
    }
  }

  /// What has come of a frame that is not whole yet.
  private var unfinished: [UInt8] = []
  var isInFrame: Bool { !unfinished.isEmpty }

  /// Follows the frames of a server, which are not masked.
  private func follow(_ bytes: [UInt8]) {
    unfinished += bytes
    while unfinished.count >= 2 {
      let short = Int(unfinished[1])
      let headerBytes = short < 126 ? 2 : short == 126 ? 4 : 10
      guard unfinished.count >= headerBytes else { return }
      let extended = unfinished[2..<headerBytes].reduce(0) { $0 << 8 | Int($1) }
      let whole = headerBytes + (short < 126 ? short : extended)
      guard unfinished.count >= whole else { return }
      unfinished.removeFirst(whole)
    }
  }

  private func take(_ bytes: [UInt8]) throws {
    var bytes = bytes
    follow(bytes)
    try bytes.withUnsafeMutableBytes { raw in
      connection.receive(raw)
      while true {
        switch connection.next() {
        case .text(let text): queue.append(.text(String(decoding: text, as: UTF8.self)))
        case .binary(let data): queue.append(.binary(Array(data)))
        case .pong(let data): queue.append(.pong(Array(data)))
        case .ping(let data): queue.append(.ping(Array(data)))
        case .closed(let code, _): queue.append(.closed(code: code))
        case .violation(_, let reason): throw TestClientError.brokenProtocol("\(reason)")
        case .needMore: return
        }
      }
    }
  }
}
