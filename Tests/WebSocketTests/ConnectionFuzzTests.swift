// Method: take a conversation that keeps to the protocol, damage some bytes, feed it whole and in random pieces to
// fresh connections, with and without compression, and require the same events from both and bounds on what they hold. Memory is destroyed after
// each chunk (`drain`), so stale pointers show up as differences.

import TestSupport
import Testing
import WebSocket

@Suite struct ConnectionFuzzTests {
  static let rounds = 50_000

  @Test func `damaged streams are heard alike however they are cut`() {
    var random = SeededGenerator()
    let comment = random.comment
    let inflater = PayloadInflater()
    var violations = 0
    var bad = 0
    for round in 0..<Self.rounds {
      let role: Role = round % 2 == 0 ? .server : .client
      var options = ConnectionOptions(role: role)
      options.messageBytesMax = 64
      options.fragmentsMax = 4
      options.expectsTruncatedPing = round % 3 == 0
      let isDeflating = round % 5 < 2
      let sender: Role = role == .server ? .client : .server
      let bytes = damaged(stream(from: sender, isDeflating: isDeflating, &random), &random)

      let whole = events(options, [bytes], inflater: isDeflating ? inflater : nil)
      var connection = WebSocketConnection(options, inflater: isDeflating ? inflater : nil)
      var pieces: [Heard] = []
      for piece in random.cut(bytes) {
        pieces += drain(&connection, piece)
        if connection.bufferedCapacityBytes > options.messageBytesMax + FrameHeader.controlPayloadMax { bad += 1 }
      }
      let last = pieces.last
      let isEnded = connection.isFailed || connection.isCloseReceived
      let endings = pieces.filter { if case .closed = $0 { true } else { $0.isViolation } }.count
      if whole != pieces || endings > 1 || (endings == 1) != isEnded { bad += 1 }
      if connection.isFailed != (last?.isViolation ?? false) { bad += 1 }
      if inflater.capacityBytes > options.messageBytesMax + 1 { bad += 1 }
      violations += connection.isFailed ? 1 : 0
      if bad > 0 {
        Issue.record("\(role) \(bytes) \(whole) \(pieces) \(comment)")
        return
      }
    }
    // The damage must neither miss nor hit always, or the test sees only one kind of path.
    #expect(violations > Self.rounds / 10 && violations < Self.rounds * 9 / 10, comment)
  }

  /// One to four short frames.
  private func stream(from sender: Role, isDeflating: Bool, _ random: inout SeededGenerator) -> [UInt8] {
    var bytes: [UInt8] = []
    for _ in 0..<Int.random(in: 1...4, using: &random) {
      let opcode: Opcode = [.text, .text, .binary, .ping, .pong, .close, .continuation].randomElement(using: &random)!
      let size = Int.random(in: 0...8, using: &random)
      var payload =
        switch opcode {
        case .text, .continuation: random.text(size)
        case .close: closePayload(1000)
        case .ping: random.bytes(4)
        default: random.bytes(size)
        }
      let isFinal = opcode.isControl || Int.random(in: 0..<3, using: &random) > 0
      let isMessage = opcode == .text || opcode == .binary
      var rsv: UInt8 = 0
      if isDeflating && isMessage && Bool.random(using: &random) {
        payload = storedBlock(payload)
        rsv = FrameHeader.compressedRSV
      }
      let key = UInt32.random(in: 0...UInt32.max, using: &random)
      bytes += frame(opcode, payload, isFinal: isFinal, rsv: rsv, from: sender, maskKey: key)
    }
    return bytes
  }

  /// Compressed in name only: a block of bytes as they are, and the start of the empty one. Repeated text would be
  /// compressed better, but damage to it would hardly ever be seen.
  private func storedBlock(_ bytes: [UInt8]) -> [UInt8] {
    let count = UInt8(bytes.count)
    return [0, count, 0, ~count, 0xFF] + bytes + [0]
  }

  private func damaged(_ source: [UInt8], _ random: inout SeededGenerator) -> [UInt8] {
    var bytes = source
    for _ in 0..<Int.random(in: 0...2, using: &random) where !bytes.isEmpty {
      let place = Int.random(in: 0..<bytes.count, using: &random)
      switch Int.random(in: 0..<4, using: &random) {
      case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      case 1: bytes[place] = UInt8.random(in: 0...255, using: &random)
      case 2: bytes.removeSubrange(place..<min(place + 4, bytes.count))
      default: bytes.insert(contentsOf: random.bytes(2), at: place)
      }
    }
    return bytes
  }
}
