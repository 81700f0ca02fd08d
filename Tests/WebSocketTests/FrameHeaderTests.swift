import Testing
import WebSocket

@Suite struct FrameHeaderTests {
  enum Parsed: Equatable {
    case needMore
    case header(final: Bool, Opcode, payload: Int, header: Int, masked: Bool)
    case violation(UInt16)
  }

  func parse(_ bytes: [UInt8], _ role: Role, allowedRSV: UInt8 = 0) -> Parsed {
    // Exactly as large as the bytes, so that a sanitizer sees a read past the end.
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: max(bytes.count, 1), alignment: 1)
    defer { memory.deallocate() }
    memory.copyBytes(from: bytes)
    guard let base = memory.baseAddress else { return .needMore }
    switch FrameHeader.parse(base, count: bytes.count, role: role, allowedRSV: allowedRSV) {
    case .needMore: return .needMore
    case .header(let header):
      return .header(
        final: header.isFinal, header.opcode, payload: header.payloadCount, header: header.headerBytes,
        masked: header.isMasked)
    case .violation(let violation): return .violation(violation.code)
    }
  }

  @Test func `reads the examples of the RFC`() {
    #expect(parse([0x81, 0x05], .client) == .header(final: true, .text, payload: 5, header: 2, masked: false))
    #expect(
      parse([0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D], .server)
        == .header(final: true, .text, payload: 5, header: 6, masked: true))
    #expect(parse([0x01, 0x03], .client) == .header(final: false, .text, payload: 3, header: 2, masked: false))
    #expect(parse([0x80, 0x02], .client) == .header(final: true, .continuation, payload: 2, header: 2, masked: false))
    #expect(
      parse([0x82, 0x7E, 0x01, 0x00], .client)
        == .header(final: true, .binary, payload: 256, header: 4, masked: false))
    #expect(
      parse([0x82, 0x7F, 0, 0, 0, 0, 0, 1, 0, 0], .client)
        == .header(final: true, .binary, payload: 65_536, header: 10, masked: false))
  }

  @Test func `waits for every byte of a header`() {
    let headers: [[UInt8]] = [
      [0x81, 0x85, 1, 2, 3, 4], [0x82, 0xFE, 0x01, 0x00, 1, 2, 3, 4],
      [0x82, 0xFF, 0, 0, 0, 0, 0, 1, 0, 0, 1, 2, 3, 4],
    ]
    for header in headers {
      for count in 0..<header.count { #expect(parse(Array(header[..<count]), .server) == .needMore) }
      guard case .header = parse(header, .server) else {
        Issue.record("\(header) is complete")
        continue
      }
    }
  }

  @Test func `keeps the bytes of the mask key in memory order`() {
    let bytes: [UInt8] = [0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D]
    bytes.withUnsafeBytes { raw in
      guard let base = raw.baseAddress, case .header(let header) = FrameHeader.parse(base, count: 6, role: .server)
      else {
        Issue.record("not a header")
        return
      }
      withUnsafeBytes(of: header.maskKey) { #expect(Array($0) == [0x37, 0xFA, 0x21, 0x3D]) }
    }
  }

  @Test func `refuses reserved opcodes on their first byte`() {
    for opcode: UInt8 in [3, 4, 5, 6, 7, 0xB, 0xC, 0xD, 0xE, 0xF] {
      #expect(parse([0x80 | opcode], .server) == .violation(1002))
      #expect(parse([0x80 | opcode], .client) == .violation(1002))
    }
  }

  @Test func `refuses reserved bits unless an extension uses them`() {
    for rsv: UInt8 in [0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70] {
      #expect(parse([0x80 | rsv | 1], .server) == .violation(1002))
    }
    #expect(
      parse([0xC1, 0x00], .client, allowedRSV: 0x40)
        == .header(final: true, .text, payload: 0, header: 2, masked: false))
    #expect(parse([0xE1, 0x00], .client, allowedRSV: 0x40) == .violation(1002))
    #expect(parse([0xC9, 0x00], .client, allowedRSV: 0x40) == .violation(1002))
  }

  @Test func `refuses fragmented and long control frames`() {
    for opcode: UInt8 in [8, 9, 10] {
      #expect(parse([opcode], .client) == .violation(1002))
      #expect(parse([0x80 | opcode, 126], .client) == .violation(1002))
      #expect(parse([0x80 | opcode, 127], .client) == .violation(1002))
      #expect(parse([0x80 | opcode, 0x80 | 126], .server) == .violation(1002))
      guard case .header = parse([0x80 | opcode, 125], .client) else {
        Issue.record("125 bytes are allowed")
        continue
      }
    }
  }

  @Test func `insists on the mask of the other side`() {
    #expect(parse([0x81, 0x05], .server) == .violation(1002))
    #expect(parse([0x81, 0x85], .client) == .violation(1002))
  }

  @Test func `refuses lengths that are not in their shortest form`() {
    #expect(parse([0x82, 126, 0, 125], .client) == .violation(1002))
    #expect(
      parse([0x82, 126, 0, 126], .client) == .header(final: true, .binary, payload: 126, header: 4, masked: false))
    #expect(parse([0x82, 127, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF], .client) == .violation(1002))
    #expect(parse([0x82, 127, 0, 0, 0, 0, 0, 0, 0, 0], .client) == .violation(1002))
  }

  @Test func `refuses a length with the top bit set and takes the largest below`() {
    #expect(parse([0x82, 127, 0x80, 0, 0, 0, 0, 1, 0, 0], .client) == .violation(1002))
    #expect(
      parse([0x82, 127, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], .client)
        == .header(final: true, .binary, payload: Int.max, header: 10, masked: false))
  }
}
