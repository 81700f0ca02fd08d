import Testing
import WebSocket

@Suite struct FrameWriterTests {
  @Test func `writes the examples of the RFC`() {
    let hello = Array("Hello".utf8)
    #expect(frame(.text, hello, from: .server) == [0x81, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F])
    let key = UInt32(littleEndian: 0x3D21_FA37)
    #expect(
      frame(.text, hello, from: .client, maskKey: key)
        == [0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58])
    #expect(frame(.text, Array("Hel".utf8), isFinal: false, from: .server) == [0x01, 0x03, 0x48, 0x65, 0x6C])
    #expect(frame(.continuation, Array("lo".utf8), from: .server) == [0x80, 0x02, 0x6C, 0x6F])
    #expect(frame(.ping, hello, from: .server).prefix(2) == [0x89, 0x05])
    #expect(frame(.binary, [UInt8](repeating: 0, count: 256), from: .server).prefix(4) == [0x82, 0x7E, 0x01, 0x00])
    #expect(
      frame(.binary, [UInt8](repeating: 0, count: 65_536), from: .server).prefix(10)
        == [0x82, 0x7F, 0, 0, 0, 0, 0, 1, 0, 0])
  }

  @Test func `what it writes reads back at every boundary of the length`() {
    for count in [0, 1, 125, 126, 127, 65_535, 65_536, 1 << 32] {
      for maskKey: UInt32? in [nil, 0xA1B2_C3D4] {
        var memory = [UInt8](repeating: 0, count: FrameHeader.bytesMax)
        let result = memory.withUnsafeMutableBytes { raw in
          guard let base = raw.baseAddress else { return FrameHeader.ParseResult.needMore }
          let written = FrameWriter.writeHeader(
            .binary, isFinal: false, payloadCount: count, maskKey: maskKey, rsv: 0x40, to: base)
          #expect(written == FrameWriter.headerBytes(payloadCount: count, isMasked: maskKey != nil))
          return FrameHeader.parse(base, count: written, role: maskKey == nil ? .client : .server, allowedRSV: 0x40)
        }
        guard case .header(let header) = result else {
          Issue.record("\(count) does not read back")
          continue
        }
        #expect(header.payloadCount == count)
        #expect(header.maskKey == maskKey ?? 0)
        #expect(header.rsv == 0x40)
        #expect(!header.isFinal)
      }
    }
  }

  func close(_ code: UInt16?, _ reason: [UInt8], maskKey: UInt32? = nil) -> [UInt8] {
    var memory = [UInt8](repeating: 0xEE, count: FrameWriter.controlFrameBytesMax)
    let written = memory.withUnsafeMutableBytes { destination in
      reason.withUnsafeBytes { FrameWriter.writeClose(code: code, reason: $0, maskKey: maskKey, to: destination) }
    }
    #expect(memory[written...].allSatisfy { $0 == 0xEE }, "wrote past its own frame")
    return Array(memory[..<written])
  }

  @Test func `close frames carry code and reason`() {
    #expect(close(nil, Array("ignored".utf8)) == [0x88, 0x00])
    #expect(close(1000, []) == [0x88, 0x02, 0x03, 0xE8])
    #expect(close(1009, Array("big".utf8)) == [0x88, 0x05, 0x03, 0xF1, 0x62, 0x69, 0x67])
    #expect(events(.server, close(1001, Array("₹".utf8), maskKey: 7)) == [.closed(1001, Array("₹".utf8))])
    var memory = [UInt8](repeating: 0, count: 10)
    let written = memory.withUnsafeMutableBytes { FrameWriter.writeClose(code: 1011, reason: "late", to: $0) }
    #expect(memory[..<written] == [0x88, 0x06, 0x03, 0xF3, 0x6C, 0x61, 0x74, 0x65])
  }

  @Test func `a long reason is cut at a character`() {
    for character in ["a", "é", "₹", "🂡"] {
      for lead in 0..<4 {
        let reason = Array((String(repeating: "a", count: lead) + String(repeating: character, count: 130)).utf8)
        let bytes = close(1008, reason)
        let cut = bytes.count - 4
        #expect(cut <= 123 && cut > 123 - character.utf8.count)
        #expect(events(.client, bytes) == [.closed(1008, Array(reason[..<cut]))])
      }
    }
  }

  @Test func `a hostile reason without character boundaries is dropped`() {
    #expect(close(1000, [UInt8](repeating: 0x80, count: 200)) == [0x88, 0x02, 0x03, 0xE8])
  }

  @Test func `pings and pongs take up to 125 bytes`() {
    for count in [0, 4, 125] {
      let payload = [UInt8](repeating: 9, count: count)
      var memory = [UInt8](repeating: 0, count: FrameWriter.controlFrameBytesMax)
      let written = memory.withUnsafeMutableBytes { destination in
        payload.withUnsafeBytes { FrameWriter.writeControl(.pong, payload: $0, maskKey: 0x0102_0304, to: destination) }
      }
      #expect(events(.server, Array(memory[..<written])) == [.pong(payload)])
    }
  }
}
