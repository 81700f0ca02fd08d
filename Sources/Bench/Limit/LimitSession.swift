// One client of the limit server while it sets up: upgrade, authenticate, subscribe. Every request is granted with the
// shortest answer that a client of the OpenAlgo protocol takes. Cold path; allocates.

import Glibc
import JSONText
import Market
import WebSocket

final class LimitSession {
  enum Outcome {
    case more
    case subscribe([InstrumentKey])
    case close
  }

  private let descriptor: Int32
  private var handshake: ServerHandshake? = ServerHandshake()
  private var connection: WebSocketConnection

  init(descriptor: Int32) {
    self.descriptor = descriptor
    var options = ConnectionOptions(role: .server)
    options.messageBytesMax = 16 << 20
    connection = WebSocketConnection(options)
  }

  func receive(_ bytes: UnsafeMutableRawBufferPointer) throws -> Outcome {
    var chunk = bytes
    if handshake != nil {
      switch handshake!.receive(UnsafeRawBufferPointer(bytes)) {
      case .needMore: return .more
      case .reject(let rejection):
        try SocketText.sendAll(descriptor, rejection.response)
        return .close
      case .upgrade(let request, let consumed):
        handshake = nil
        try SocketText.sendAll(descriptor, request.acceptResponse())
        chunk = UnsafeMutableRawBufferPointer(rebasing: bytes[consumed...])
      }
    }
    connection.receive(chunk)
    var keys: [InstrumentKey] = []
    while true {
      switch connection.next() {
      case .text(let message): keys += try obey(message)
      case .ping(let payload): try answer(.pong, Array(payload))
      case .closed, .violation: return .close
      case .binary, .pong: break
      case .needMore: return keys.isEmpty ? .more : .subscribe(keys)
      }
    }
  }

  private func obey(_ message: UnsafeRawBufferPointer) throws -> [InstrumentKey] {
    let limits = JSONLimits(depthMax: 4, nodesMax: 4_000_000)
    guard let root = try? JSONDocument(message, limits: limits).root, let action = root["action"]?.string else {
      return []
    }
    switch action {
    case "authenticate": try answer(.text, Array(#"{"type":"auth","status":"success"}"#.utf8))
    case "subscribe":
      try answer(.text, Array(#"{"type":"subscribe","status":"success"}"#.utf8))
      return (root["symbols"]?.elements ?? []).compactMap { entry in
        guard let symbol = entry["symbol"]?.string, let code = entry["exchange"]?.string,
          let exchange = Exchange(code: code)
        else { return nil }
        return InstrumentKey(exchange, symbol)
      }
    default: break
    }
    return []
  }

  private func answer(_ opcode: Opcode, _ payload: [UInt8]) throws {
    var frame = [UInt8](repeating: 0, count: FrameHeader.bytesMax)
    let header = frame.withUnsafeMutableBytes {
      FrameWriter.writeHeader(opcode, payloadCount: payload.count, to: $0.baseAddress!)
    }
    try SocketText.sendAll(descriptor, frame.prefix(header) + payload)
  }
}
