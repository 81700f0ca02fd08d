import TestSupport
import Testing
import WebSocket

@Suite struct DeflateConnectionTests {
  let hello: [UInt8] = [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]
  static let rsv = FrameHeader.compressedRSV

  /// Checks that these frames of a sender are heard so at every cut by the other side.
  func expect(
    from sender: Role, _ bytes: [UInt8], _ expected: [Heard], messageBytesMax: Int = 1 << 20,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    var options = ConnectionOptions(role: sender == .client ? .server : .client)
    options.messageBytesMax = messageBytesMax
    expectSameWhenSplit(options, bytes, expected, inflater: PayloadInflater(), sourceLocation: sourceLocation)
  }

  /// Checks that they end with a violation, and that nothing is heard after it.
  func expectViolation(
    _ code: UInt16, _ bytes: [UInt8], after before: [Heard] = [], messageBytesMax: Int = 1 << 20,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    var options = ConnectionOptions(role: .client)
    options.messageBytesMax = messageBytesMax
    guard case .violation(code, let reason) = events(options, [bytes], inflater: PayloadInflater()).last else {
      Issue.record("no violation \(code)", sourceLocation: sourceLocation)
      return
    }
    let expected = before + [.violation(code, reason)]
    expect(
      from: .server, bytes + [0x81, 0x00, 0x88, 0x00], expected, messageBytesMax: messageBytesMax,
      sourceLocation: sourceLocation)
  }

  @Test(arguments: [Role.server, .client])
  func `compressed and plain messages, whole and in fragments, with control frames between`(sender: Role) {
    let random = [UInt8](0...199)
    var bytes: [UInt8] = []
    bytes += frame(.text, hello, rsv: Self.rsv, from: sender)
    bytes += frame(.text, Array("Hello".utf8), from: sender)
    bytes += frame(.binary, Array(hello[..<3]), isFinal: false, rsv: Self.rsv, from: sender)
    bytes += frame(.ping, [1, 2, 3, 4], from: sender)
    bytes += frame(.continuation, [], isFinal: false, from: sender)
    bytes += frame(.continuation, Array(hello[3...5]), isFinal: false, from: sender)
    bytes += frame(.pong, Array("pong".utf8), from: sender)
    bytes += frame(.continuation, Array(hello[6...]), from: sender)
    bytes += frame(.text, Array("₹".utf8.prefix(1)), isFinal: false, from: sender)
    bytes += frame(.continuation, Array("₹".utf8.dropFirst()), from: sender)
    bytes += frame(.text, [0x00], rsv: Self.rsv, from: sender)
    bytes += frame(.binary, [], rsv: Self.rsv, from: sender)
    bytes += frame(.binary, random, from: sender)
    bytes += frame(.text, [], isFinal: false, rsv: Self.rsv, from: sender)
    bytes += frame(.continuation, hello, from: sender)
    bytes += frame(.close, closePayload(1000), from: sender)
    expect(
      from: sender, bytes,
      [
        .text("Hello"), .text("Hello"), .ping([1, 2, 3, 4]), .pong(Array("pong".utf8)), .binary(Array("Hello".utf8)),
        .text("₹"), .text(""), .binary([]), .binary(random), .text("Hello"), .closed(1000, []),
      ])
  }

  @Test func `the bit is for first frames of messages, and only where it was agreed to`() {
    expectViolation(1002, [0xC9, 0x00])
    expectViolation(1002, [0xC8, 0x00])
    expectViolation(1002, [0xCA, 0x00])
    expectViolation(1002, [0xC0, 0x00])
    expectViolation(1002, [0x41, 0x01, 0xF2, 0xC0, 0x06] + hello[1...])
    expectViolation(1002, [0x01, 0x01, 0x48, 0xC0, 0x00])
    expectViolation(1002, [0xA1, 0x00])
    expectViolation(1002, [0x91, 0x00])
    expectViolation(1002, [0xE1, 0x00])
    #expect(events(.client, [0xC1, 0x07] + hello) == [.violation(1002, "reserved bit set")])
  }

  @Test func `garbage fails with 1007, at the end of the message`() {
    expectViolation(1007, [0xC1, 0x01, 0x07])
    expectViolation(1007, [0xC2, 0x03] + hello[..<3])
    expectViolation(1007, [0x42, 0x03] + hello[..<3] + [0x80, 0x01, 0x00])
    expectViolation(1007, [0xC2, 0x09] + hello + [0xFF, 0xFF])
  }

  @Test func `text is checked after it was decompressed`() throws {
    var options = PayloadDeflater.Options()
    options.payloadBytesMin = 0
    let deflater = PayloadDeflater(options)
    let good = Array(String(repeating: "₹語", count: 40).utf8)
    let cut = try #require(deflated(Array(good.dropLast()), with: deflater))
    let whole = try #require(deflated(good, with: deflater))
    expect(from: .client, frame(.text, whole, rsv: Self.rsv, from: .client), [.text(good)])
    expectViolation(1007, frame(.text, cut, rsv: Self.rsv, from: .server))
    expect(
      from: .server, frame(.binary, cut, rsv: Self.rsv, from: .server), [.binary(Array(good.dropLast()))])
    // Bytes that are not text before they are decompressed do no harm.
    let half = whole.count / 2
    expect(
      from: .server,
      frame(.text, Array(whole[..<half]), isFinal: false, rsv: Self.rsv, from: .server)
        + frame(.continuation, Array(whole[half...]), from: .server), [.text(good)])
  }

  @Test func `a bomb fails with 1009 and holds no more than a message`() throws {
    var options = PayloadDeflater.Options()
    options.level = 9
    let bomb = try #require(deflated([UInt8](repeating: 0, count: 1 << 20), with: PayloadDeflater(options)))
    expectViolation(1009, frame(.binary, bomb, rsv: Self.rsv, from: .server), messageBytesMax: (1 << 20) - 1)
    let inflater = PayloadInflater()
    var limits = ConnectionOptions(role: .client)
    limits.messageBytesMax = 5000
    let bytes = frame(.binary, bomb, rsv: Self.rsv, from: .server)
    #expect(events(limits, [bytes], inflater: inflater).map(\.isViolation) == [true])
    #expect(inflater.capacityBytes <= 5001)
    // As it comes it is bounded before it is read.
    expectViolation(1009, [0xC2, 11], messageBytesMax: 10)
    expectViolation(1009, [0x42, 6] + [0, 1, 0, 0xFE, 0xFF, 1] + [0x80, 5], messageBytesMax: 10)
  }

  @Test func `connections share an inflater, and an idle one holds nothing`() {
    let inflater = PayloadInflater()
    var first = WebSocketConnection(ConnectionOptions(role: .server), inflater: inflater)
    var second = WebSocketConnection(ConnectionOptions(role: .server), inflater: inflater)
    let bytes = frame(.text, hello, rsv: Self.rsv, from: .client)
    #expect(drain(&first, Array(bytes[..<8])).isEmpty)
    #expect(drain(&second, bytes) == [.text("Hello")])
    #expect(drain(&first, Array(bytes[8...])) == [.text("Hello")])
    #expect(first.bufferedCapacityBytes == 0 && second.bufferedCapacityBytes == 0)
    // An inflater's pointer and a flag: what compression costs a client that is idle.
    #expect(MemoryLayout<WebSocketConnection>.size <= 220)
  }

  @Test func `after our close frame compressed messages are read and dropped`() {
    var connection = WebSocketConnection(ConnectionOptions(role: .client), inflater: PayloadInflater())
    connection.closeSent()
    #expect(drain(&connection, [0xC1, 0x07] + hello + [0x88, 0x00]) == [.closed(nil, [])])
  }

  @Test func `a ping of four bytes before a compressed message is a ping`() {
    var options = ConnectionOptions(role: .server)
    options.expectsTruncatedPing = true
    // Without its mask the payload looks like the start of a frame.
    let ping = clientFrame(first: 0x89, [0x81, 0x85, 0x01, 0x02], maskKey: [0, 0, 0, 0])
    let bytes = ping + frame(.text, hello, rsv: Self.rsv, from: .client)
    expectSameWhenSplit(
      options, bytes, [.ping([0x81, 0x85, 0x01, 0x02]), .text("Hello")], inflater: PayloadInflater())
  }
}
