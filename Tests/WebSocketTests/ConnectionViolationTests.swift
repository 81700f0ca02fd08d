import Testing
import WebSocket

@Suite struct ConnectionViolationTests {
  /// Heard by a client of these unmasked frames, the same at every cut.
  func expectViolation(
    _ code: UInt16, _ bytes: [UInt8], after before: [Heard] = [], sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let options = ConnectionOptions(role: .client)
    let heard = events(options, [bytes])
    guard case .violation(code, let reason) = heard.last else {
      Issue.record("\(heard)", sourceLocation: sourceLocation)
      return
    }
    let expected = before + [.violation(code, reason)]
    expectSameWhenSplit(options, bytes, expected, sourceLocation: sourceLocation)
    // Nothing is heard after it.
    expectSameWhenSplit(options, bytes + [0x81, 0x00, 0x88, 0x00], expected, sourceLocation: sourceLocation)
  }

  @Test func `headers that break the rules`() {
    expectViolation(1002, [0x83])
    expectViolation(1002, [0xC1, 0x00])
    expectViolation(1002, [0x81, 0x80])
    expectViolation(1002, [0x09])
    expectViolation(1002, [0x89, 126])
    expectViolation(1002, [0x81, 126, 0, 1])
    expectViolation(1002, [0x81, 127, 0xFF, 0, 0, 0, 0, 0, 0, 0])
    #expect(events(.server, [0x81, 0x00]) == [.violation(1002, "unmasked frame from a client")])
  }

  @Test func `frames out of order`() {
    expectViolation(1002, [0x80, 0x00])
    expectViolation(1002, [0x00, 0x00])
    expectViolation(1002, [0x01, 0x00, 0x81, 0x00])
    expectViolation(1002, [0x02, 0x00, 0x01, 0x00])
    expectViolation(1002, [0x82, 0x00, 0x80, 0x00], after: [.binary([])])
    expectViolation(1002, [0x01, 0x00, 0x80, 0x00, 0x80, 0x00], after: [.text("")])
  }

  @Test func `text that is not UTF-8, in one frame, over fragments, and at its end`() {
    expectViolation(1007, [0x81, 0x02, 0xC3, 0x28])
    expectViolation(1007, [0x81, 0x01, 0xC3])
    expectViolation(1007, [0x01, 0x01, 0xE2, 0x80, 0x01, 0x82])
    expectViolation(1007, [0x01, 0x01, 0xE2, 0x00, 0x01, 0x28])
    expectViolation(1007, [0x01, 0x03, 0xED, 0xA0, 0x80])
    // A binary message may hold anything.
    #expect(events(.client, [0x82, 0x01, 0xFF]) == [.binary([0xFF])])
    // A ping between the halves of a character is not part of the text.
    #expect(
      events(.client, [0x01, 0x01, 0xC3, 0x89, 0x01, 0xFF, 0x80, 0x01, 0xA9]) == [.ping([0xFF]), .text("é")])
  }

  @Test func `bad text fails before its frame is complete`() {
    var connection = WebSocketConnection(ConnectionOptions(role: .client))
    #expect(drain(&connection, [0x81, 126, 0x10, 0x00, 0x41, 0xC0]) == [.violation(1007, "not UTF-8")])
    var masked = WebSocketConnection(ConnectionOptions(role: .server))
    #expect(drain(&masked, [0x81, 0xFE, 0x10, 0x00, 1, 2, 3, 4, 0x41 ^ 1]).isEmpty)
    #expect(drain(&masked, [0xC0 ^ 2]) == [.violation(1007, "not UTF-8")])
  }

  @Test func `close frames: codes that may stand there`() {
    let valid: [UInt16] = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4401, 4999]
    for code in valid {
      expectSameWhenSplit(
        ConnectionOptions(role: .server), frame(.close, closePayload(code, "why"), from: .client),
        [.closed(code, Array("why".utf8))])
    }
    let invalid: [UInt16] = [
      0, 999, 1004, 1005, 1006, 1012, 1013, 1014, 1015, 1016, 1100, 2000, 2999, 5000, 65_535,
    ]
    for code in invalid { expectViolation(1002, [0x88, 0x02] + closePayload(code)) }
    for code in UInt16.min...UInt16.max {
      let isValid = CloseCode.isValidOnWire(code)
      #expect(isValid == (valid.contains(code) || (3000...4999).contains(code)), "\(code)")
    }
  }

  @Test func `close frames: empty, of one byte, with a bad reason`() {
    expectSameWhenSplit(ConnectionOptions(role: .client), [0x88, 0x00], [.closed(nil, [])])
    expectViolation(1002, [0x88, 0x01, 0x03])
    expectViolation(1007, [0x88, 0x03, 0x03, 0xE8, 0xC3])
    expectViolation(1007, [0x88, 0x04, 0x03, 0xE8, 0xC3, 0x28])
    let longest = String(repeating: "₹", count: 41)
    #expect(
      events(.client, [0x88, 125] + closePayload(1000, longest)) == [.closed(1000, Array(longest.utf8))])
  }

  @Test func `the peer closes first`() {
    var connection = WebSocketConnection(ConnectionOptions(role: .server))
    #expect(!connection.isClosing && !connection.mustSendClose && !connection.isFinished)
    let bytes = frame(.text, [0x61], isFinal: false, from: .client) + frame(.close, closePayload(1001), from: .client)
    #expect(drain(&connection, bytes) == [.closed(1001, [])])
    #expect(connection.isClosing && connection.isCloseReceived && connection.mustSendClose && !connection.isFinished)
    #expect(connection.bufferedCapacityBytes == 0)
    connection.closeSent()
    #expect(!connection.mustSendClose && connection.isFinished)
    #expect(drain(&connection, frame(.ping, from: .client) + [0xFF]).isEmpty)
  }

  @Test func `we close first: messages and pings under way are dropped, the answer is heard`() {
    var connection = WebSocketConnection(ConnectionOptions(role: .server))
    connection.closeSent()
    #expect(connection.isClosing && !connection.mustSendClose && !connection.isFinished)
    let data =
      frame(.text, Array("late".utf8), from: .client) + frame(.ping, [1], from: .client)
      + frame(.binary, [1, 2, 3], isFinal: false, from: .client) + frame(.pong, [1, 2, 3, 4], from: .client)
      + frame(.continuation, [4], from: .client)
    #expect(drain(&connection, data).isEmpty)
    for byte in data { #expect(drain(&connection, [byte]).isEmpty) }
    #expect(connection.bufferedCapacityBytes == 0)
    #expect(drain(&connection, frame(.close, closePayload(1000), from: .client)) == [.closed(1000, [])])
    #expect(connection.isFinished && !connection.mustSendClose)
  }

  @Test func `after a violation a close frame is due, but only one`() {
    var connection = WebSocketConnection(ConnectionOptions(role: .server))
    #expect(drain(&connection, [0xFF]).count == 1)
    #expect(connection.isFailed && connection.mustSendClose && !connection.isFinished)
    connection.closeSent()
    #expect(connection.isFinished && !connection.mustSendClose)

    var closing = WebSocketConnection(ConnectionOptions(role: .server))
    closing.closeSent()
    #expect(drain(&closing, [0xF1]) == [.violation(1002, "reserved bit set")])
    #expect(closing.isFinished && !closing.mustSendClose)
  }

  @Test func `a violation in mid message gives the memory back`() {
    var connection = WebSocketConnection(ConnectionOptions(role: .client))
    #expect(drain(&connection, [0x02, 0x01, 0x01]).isEmpty)
    #expect(connection.bufferedCapacityBytes > 0)
    #expect(drain(&connection, [0x83]).count == 1)
    #expect(connection.bufferedCapacityBytes == 0)
  }
}
