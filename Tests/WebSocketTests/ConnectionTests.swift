import TestSupport
import Testing
import WebSocket

@Suite struct ConnectionTests {
  let hello = Array("Hello".utf8)

  @Test func `hears the examples of the RFC`() {
    #expect(events(.client, [0x81, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F]) == [.text("Hello")])
    #expect(
      events(.server, [0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58]) == [.text("Hello")])
    #expect(events(.client, [0x01, 0x03, 0x48, 0x65, 0x6C, 0x80, 0x02, 0x6C, 0x6F]) == [.text("Hello")])
    #expect(events(.client, [0x89, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F]) == [.ping(hello)])
    #expect(
      events(.server, [0x8A, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58]) == [.pong(hello)])
  }

  @Test(arguments: [Role.server, .client])
  func `a cut at any byte changes nothing`(role: Role) {
    let sender: Role = role == .server ? .client : .server
    let long = [UInt8](repeating: 0x7A, count: 130)
    var bytes: [UInt8] = []
    bytes += frame(.text, Array("₹ 1 é".utf8), from: sender)
    bytes += frame(.text, Array("a₹".utf8.prefix(3)), isFinal: false, from: sender)
    bytes += frame(.ping, [1, 2, 3, 4], from: sender)
    bytes += frame(.continuation, [], isFinal: false, from: sender)
    bytes += frame(.pong, [9], from: sender)
    bytes += frame(.continuation, Array("a₹b".utf8.dropFirst(3)), from: sender)
    bytes += frame(.binary, long, from: sender)
    bytes += frame(.text, [], from: sender)
    bytes += frame(.binary, [], isFinal: false, from: sender)
    bytes += frame(.continuation, [], from: sender)
    bytes += frame(.ping, [], from: sender)
    bytes += frame(.close, closePayload(1000, "é"), from: sender)
    bytes += frame(.text, hello, from: sender)
    expectSameWhenSplit(
      ConnectionOptions(role: role), bytes,
      [
        .text("₹ 1 é"), .ping([1, 2, 3, 4]), .pong([9]), .text("a₹b"), .binary(long), .text(""), .binary([]),
        .ping([]), .closed(1000, Array("é".utf8)),
      ])
  }

  @Test func `frames in one chunk are delivered from the chunk, and nothing is held`() {
    let bytes = frame(.text, hello, from: .client) + frame(.binary, hello, from: .client)
    let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
    defer { chunk.deallocate() }
    chunk.copyBytes(from: bytes)
    var connection = WebSocketConnection(ConnectionOptions(role: .server))
    connection.receive(chunk)
    guard case .text(let text) = connection.next(), case .binary(let binary) = connection.next() else {
      Issue.record("two messages are due")
      return
    }
    let base = chunk.baseAddress.map { UnsafeRawPointer($0) }
    #expect(text.baseAddress == base.map { $0 + 6 } && binary.baseAddress == base.map { $0 + 17 })
    guard case .needMore = connection.next() else {
      Issue.record("nothing more is due")
      return
    }
    #expect(connection.bufferedCapacityBytes == 0)
  }

  @Test func `a server gives the memory of a split message back, a client keeps it up to its limit`() {
    for (role, sender, kept) in [(Role.server, Role.client, false), (.client, .server, true)] {
      var connection = WebSocketConnection(ConnectionOptions(role: role))
      let bytes = frame(.binary, [UInt8](repeating: 1, count: 3000), from: sender)
      #expect(drain(&connection, Array(bytes[..<2000])).isEmpty)
      #expect(connection.bufferedCapacityBytes >= 1990)
      #expect(drain(&connection, Array(bytes[2000...])).count == 1)
      #expect((connection.bufferedCapacityBytes > 0) == kept)
      let large = frame(.binary, [UInt8](repeating: 1, count: 200_000), from: sender)
      #expect(drain(&connection, Array(large[..<100_000])).isEmpty)
      #expect(drain(&connection, Array(large[100_000...])).count == 1)
      #expect(connection.bufferedCapacityBytes == 0)
    }
  }

  @Test func `memory follows what arrives, not what is announced`() {
    var connection = WebSocketConnection(ConnectionOptions(role: .server))
    let bytes = frame(.binary, [UInt8](repeating: 1, count: 1 << 20), from: .client)
    #expect(drain(&connection, Array(bytes[..<100])).isEmpty)
    #expect(connection.bufferedCapacityBytes <= 1024)
  }

  @Test func `a message of exactly the limit passes, one byte more does not`() {
    var options = ConnectionOptions(role: .client)
    options.messageBytesMax = 100
    let fitting = [UInt8](repeating: 7, count: 100)
    expectSameWhenSplit(options, frame(.binary, fitting, from: .server), [.binary(fitting)])
    // The header alone decides.
    expectSameWhenSplit(options, [0x82, 101], [.violation(1009, "message too big")])
    let first = frame(.binary, [UInt8](repeating: 7, count: 60), isFinal: false, from: .server)
    expectSameWhenSplit(options, first + [0x80, 41], [.violation(1009, "message too big")])
    expectSameWhenSplit(
      options, first + frame(.continuation, [UInt8](repeating: 7, count: 40), from: .server), [.binary(fitting)])
    #expect(
      events(options, [[0x82, 127, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]])
        == [.violation(1009, "message too big")])
  }

  @Test func `a megabyte passes by default and a control frame fits beside it`() {
    let half = [UInt8](repeating: 0x61, count: 1 << 19)
    let ping = [UInt8](repeating: 5, count: 125)
    let bytes =
      frame(.text, half, isFinal: false, from: .client) + frame(.ping, ping, from: .client)
      + frame(.continuation, half, from: .client)
    // The cut lies inside the ping.
    let place = half.count + 8 + 50
    let heard = events(ConnectionOptions(role: .server), [Array(bytes[..<place]), Array(bytes[place...])])
    #expect(heard == [.ping(ping), .text(half + half)])
  }

  @Test func `bounds the number of fragments`() {
    var options = ConnectionOptions(role: .client)
    options.fragmentsMax = 3
    let start: [UInt8] = [0x01, 0, 0x00, 0]
    expectSameWhenSplit(options, start + [0x80, 0], [.text("")])
    expectSameWhenSplit(options, start + [0x00, 0, 0x80, 0], [.violation(1008, "too many fragments")])
  }

  @Test func `control frames between fragments do not count as fragments`() {
    var options = ConnectionOptions(role: .client)
    options.fragmentsMax = 2
    let bytes: [UInt8] = [0x01, 0] + [0x89, 0, 0x8A, 0, 0x89, 0] + [0x80, 0]
    #expect(events(options, [bytes]) == [.ping([]), .pong([]), .ping([]), .text("")])
  }

  @Test func `an empty chunk says nothing`() {
    var connection = WebSocketConnection(ConnectionOptions(role: .server))
    connection.receive(UnsafeMutableRawBufferPointer(start: nil, count: 0))
    guard case .needMore = connection.next() else {
      Issue.record("an event out of nothing")
      return
    }
    #expect(drain(&connection, frame(.text, hello, from: .client)) == [.text("Hello")])
  }

  @Test func `random conversations arrive whole, however they are cut`() {
    var random = SeededGenerator()
    let comment = random.comment
    for round in 0..<400 {
      let role: Role = round % 2 == 0 ? .server : .client
      let (bytes, expected) = conversation(from: role == .server ? .client : .server, &random)
      #expect(events(role, bytes) == expected, comment)
      #expect(events(ConnectionOptions(role: role), random.cut(bytes)) == expected, comment)
    }
  }

  /// Random messages, cut into random fragments with control frames between them, and what is to be heard.
  private func conversation(from sender: Role, _ random: inout SeededGenerator) -> ([UInt8], [Heard]) {
    var bytes: [UInt8] = []
    var heard: [Heard] = []
    for _ in 0..<Int.random(in: 1...6, using: &random) {
      let isText = Bool.random(using: &random)
      let size = [0, 10, 126, 300].randomElement(using: &random) ?? 0
      let payload = isText ? random.text(size) : random.bytes(size)
      var parts = Bool.random(using: &random) ? [payload] : random.cut(payload)
      if parts.isEmpty { parts = [[]] }
      for (index, part) in parts.enumerated() {
        let opcode: Opcode = index > 0 ? .continuation : isText ? .text : .binary
        let key = UInt32.random(in: 0...UInt32.max, using: &random)
        bytes += frame(opcode, part, isFinal: index == parts.count - 1, from: sender, maskKey: key)
        if index < parts.count - 1 && Int.random(in: 0..<4, using: &random) == 0 {
          let note = random.bytes([0, 4, 5, 125].randomElement(using: &random) ?? 0)
          let isPing = Bool.random(using: &random)
          bytes += frame(isPing ? .ping : .pong, note, from: sender, maskKey: key ^ 0x5555)
          heard.append(isPing ? .ping(note) : .pong(note))
        }
      }
      heard.append(isText ? .text(payload) : .binary(payload))
    }
    return (bytes, heard)
  }
}
