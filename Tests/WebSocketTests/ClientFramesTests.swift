import Testing
import WebSocket

@Suite struct ClientFramesTests {
  /// Reads one frame as a server.
  private func event(_ frame: [UInt8]) -> (kind: String, payload: [UInt8]) {
    var connection = WebSocketConnection(ConnectionOptions(role: .server))
    let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: frame.count, alignment: 8)
    defer { chunk.deallocate() }
    chunk.copyBytes(from: frame)
    connection.receive(chunk)
    switch connection.next() {
    case .text(let payload): return ("text", Array(payload))
    case .ping(let payload): return ("ping", Array(payload))
    case .pong(let payload): return ("pong", Array(payload))
    case .closed(let code, _): return ("closed \(code ?? 0)", [])
    default: return ("other", [])
    }
  }

  @Test(arguments: [0, 1, 125, 126, 65_535, 65_536])
  func `a server reads the text that a client wrote`(count: Int) {
    let payload = (0..<count).map { UInt8(0x20 + $0 % 0x5F) }
    let read = event(ClientFrames.text(payload, maskKey: 0xA1B2_C3D4))
    #expect(read.kind == "text" && read.payload == payload)
  }

  @Test func `control frames carry payload and code`() {
    let payload: [UInt8] = [1, 2, 3, 4, 5]
    let pong = payload.withUnsafeBytes { ClientFrames.control(.pong, $0, maskKey: 7) }
    #expect(event(pong).kind == "pong" && event(pong).payload == payload)
    #expect(event(ClientFrames.close(1001, maskKey: 9)).kind == "closed 1001")
    #expect(event(ClientFrames.close(nil, maskKey: 9)).kind == "closed 0")
  }
}
