import TestSupport
import Testing
import WebSocket

/// The AmiBroker plug-in sends `89 84` and a mask key every 30 s, and then its next frame instead of the four bytes.
@Suite struct TruncatedPingTests {
  /// A mask key whose last two bytes do not look like a frame header.
  let key: [UInt8] = [0x12, 0x34, 0x56, 0x78]
  let truncated: [UInt8] = [0x89, 0x84, 0x12, 0x34, 0x56, 0x78]
  let message = Array(#"{"action":"subscribe","symbol":"INFY","exchange":"NSE","mode":2}"#.utf8)

  func options(tolerant: Bool = true, expecting: Bool = false) -> ConnectionOptions {
    var options = ConnectionOptions(role: .server)
    options.toleratesTruncatedPing = tolerant
    options.expectsTruncatedPing = expecting
    return options
  }

  /// What the first truncated ping is answered with when nothing is known yet: the bytes that came in its place.
  func misread(_ next: [UInt8], key: [UInt8]) -> Heard { .ping(next.prefix(4).enumerated().map { $1 ^ key[$0] }) }

  @Test func `the message after a truncated ping is heard`() {
    let next = clientFrame(first: 0x81, message, maskKey: key)
    expectSameWhenSplit(options(), truncated + next, [misread(next, key: key), .text(message)])
    expectSameWhenSplit(options(expecting: true), truncated + next, [.ping([]), .text(message)])
  }

  @Test func `every kind of frame that the client sends may follow`() {
    let long = message + message + message
    let longFrame = [0x81, 0xFE, 0x00, UInt8(long.count)] + key + long.enumerated().map { $1 ^ key[$0 % 4] }
    let cases: [([UInt8], Heard)] = [
      (longFrame, .text(long)), (clientFrame(first: 0x88, maskKey: key), .closed(nil, [])),
      (clientFrame(first: 0x88, closePayload(1000), maskKey: key), .closed(1000, [])),
      (clientFrame(first: 0x8A, [1, 2, 3], maskKey: key), .pong([1, 2, 3])),
      (clientFrame(first: 0x89, [], maskKey: key), .ping([])),
    ]
    for (next, heard) in cases {
      expectSameWhenSplit(options(), truncated + next, [misread(next, key: key), heard])
      expectSameWhenSplit(options(expecting: true), truncated + next, [.ping([]), heard])
    }
  }

  @Test func `a connection that only pings lives on, and knows the peer after its first ping`() {
    let next = clientFrame(first: 0x81, message, maskKey: key)
    let bytes = truncated + truncated + truncated + next + truncated + next
    expectSameWhenSplit(
      options(), bytes,
      [misread(truncated, key: key), .ping([]), .ping([]), .text(message), .ping([]), .text(message)])
  }

  @Test func `a truncated ping may stand inside a fragmented message`() {
    let bytes =
      clientFrame(first: 0x01, [0x61], maskKey: key) + truncated + truncated
      + clientFrame(first: 0x89, [7], maskKey: key) + clientFrame(first: 0x80, [0x62], maskKey: key)
    expectSameWhenSplit(
      options(), bytes, [misread(truncated, key: key), .ping([]), .ping([7]), .text("ab")])
  }

  @Test func `without tolerance it fails as any strict parser does`() {
    let heard = events(options(tolerant: false), [truncated + clientFrame(first: 0x81, message, maskKey: key)])
    #expect(heard.last?.isViolation == true)
    #expect(!heard.contains(.text(message)))
  }

  @Test func `a genuine ping is answered at once, whatever its payload looks like`() {
    let masked: [[UInt8]] = [
      [0x81, 0x84, 9, 9], [0x89, 0x84, 1, 2], [0x88, 0x80, 0, 0], [0x81, 0xFE, 1, 0], [1, 2, 3, 4],
    ]
    for bytes in masked {
      let payload = bytes.enumerated().map { $1 ^ key[$0] }
      #expect(events(options(), [[0x89, 0x84] + key + bytes]) == [.ping(payload)])
      expectSameWhenSplit(
        options(), [0x89, 0x84] + key + bytes + clientFrame(first: 0x81, message), [.ping(payload), .text(message)])
    }
  }

  @Test func `a client expected to truncate is believed when its ping is complete`() {
    let genuine = clientFrame(first: 0x89, [1, 2, 3, 4], maskKey: key)
    expectSameWhenSplit(
      options(expecting: true), genuine + clientFrame(first: 0x81, message), [.ping([1, 2, 3, 4]), .text(message)])
    // No text frame can start inside a message, so bytes that look like one are the payload.
    let inside = [0x89, 0x84] + key + [0x81, 0x84, 9, 9]
    let bytes = clientFrame(first: 0x02, [7]) + inside + clientFrame(first: 0x80, [8])
    let payload = inside.suffix(4).enumerated().map { $1 ^ key[$0] }
    expectSameWhenSplit(options(expecting: true), bytes, [.ping(payload), .binary([7, 8])])
  }

  @Test func `after one genuine ping the tolerance is off`() {
    let genuine = clientFrame(first: 0x89, [1, 2, 3, 4], maskKey: key)
    let heard = events(options(), [genuine + truncated + clientFrame(first: 0x81, message, maskKey: key)])
    #expect(heard.first == .ping([1, 2, 3, 4]))
    #expect(heard.last?.isViolation == true)
  }

  @Test func `no stream that keeps to the protocol is heard differently with tolerance`() {
    var random = SeededGenerator()
    let comment = random.comment
    var lookalikes = 0
    for _ in 0..<2000 {
      var bytes: [UInt8] = []
      var isInMessage = false
      for _ in 0..<8 {
        let key = random.bytes(4)
        switch Int.random(in: 0..<6, using: &random) {
        case 0 where !isInMessage: bytes += clientFrame(first: 0x81, random.text(3), maskKey: key)
        case 1 where !isInMessage:
          bytes += clientFrame(first: 0x02, random.bytes(3), maskKey: key)
          isInMessage = true
        case 2 where isInMessage:
          bytes += clientFrame(first: 0x80, random.bytes(3), maskKey: key)
          isInMessage = false
        case 3: bytes += clientFrame(first: 0x8A, random.bytes(4), maskKey: key)
        default:
          // A payload that, masked, starts like a frame.
          let lead: [UInt8] = [
            [0x81, 0x88, 0x89, 0x8A].randomElement(using: &random) ?? 0,
            [0x80, 0x82, 0x84, 0xBC, 0xFD, 0xFE, 0xFF].randomElement(using: &random) ?? 0,
          ]
          bytes += [0x89, 0x84] + key + lead + random.bytes(2)
          lookalikes += 1
        }
      }
      let strict = events(options(tolerant: false), [bytes])
      #expect(!strict.contains { $0.isViolation }, comment)
      #expect(events(options(), [bytes]) == strict, comment)
      #expect(events(options(), random.cut(bytes)) == strict, comment)
    }
    #expect(lookalikes > 1000, comment)
  }

  @Test func `random keys are nearly always understood`() {
    var random = SeededGenerator()
    let comment = random.comment
    var understood = 0
    for _ in 0..<4000 {
      let next = clientFrame(first: 0x81, message, maskKey: random.bytes(4))
      let heard = events(options(), [[0x89, 0x84] + random.bytes(4), next])
      understood += heard.last == .text(message) ? 1 : 0
    }
    // Expected 98.6 %; the bound is some twelve standard deviations away.
    #expect(understood > 3850, comment)
  }
}
