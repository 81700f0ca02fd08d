// Method: two connections of opposite roles talk to each other over a wire of memory. Each has a script of messages, in
// random fragments, compressed or not, with pings between, and a close at its end. Bytes travel in random pieces, one
// direction or the other first. On a clean wire each side must hear what the other said; on a hostile wire, which flips,
// drops, repeats and invents bytes, no side may hear what it must not, hold more than its limit, or go on after its end.

import TestSupport
import Testing
import WebSocket

@Suite struct ConversationTests {
  @Test func `two sides understand each other however the bytes travel`() {
    var random = SeededGenerator()
    let comment = random.comment
    var compressed = 0
    var simultaneous = 0
    for _ in 0..<600 {
      let isDeflating = Bool.random(using: &random)
      var client = Speaker(.client, isDeflating: isDeflating, &random)
      var server = Speaker(.server, isDeflating: isDeflating, &random)
      converse(&client, &server, &random, damage: { piece, _ in piece })

      let isGood = client.isSatisfied(with: server) && server.isSatisfied(with: client)
      guard isGood, client.connection.isFinished, server.connection.isFinished else {
        Issue.record("client said \(client.said), heard \(client.heard); server \(server.said), \(server.heard)")
        Issue.record(comment)
        return
      }
      compressed += client.compressedCount + server.compressedCount
      simultaneous += client.isFirstToClose && server.isFirstToClose ? 1 : 0
    }
    // Otherwise the scripts test less than they seem to.
    #expect(compressed > 200 && simultaneous > 0, comment)
  }

  @Test func `a hostile wire ends a conversation but never confuses it`() {
    var random = SeededGenerator()
    let comment = random.comment
    var violations = 0
    for _ in 0..<1200 {
      let isDeflating = Bool.random(using: &random)
      var client = Speaker(.client, isDeflating: isDeflating, &random)
      var server = Speaker(.server, isDeflating: isDeflating, &random)
      converse(&client, &server, &random) { piece, random in
        Int.random(in: 0..<12, using: &random) == 0 ? damaged(piece, &random) : piece
      }
      guard client.isSane, server.isSane else {
        Issue.record("client heard \(client.heard), server \(server.heard)")
        Issue.record(comment)
        return
      }
      violations += (client.connection.isFailed ? 1 : 0) + (server.connection.isFailed ? 1 : 0)
    }
    #expect(violations > 200, comment)
  }

  /// Lets bytes travel until neither side has anything to say or nobody listens.
  private func converse(
    _ client: inout Speaker, _ server: inout Speaker, _ random: inout SeededGenerator,
    damage: ([UInt8], inout SeededGenerator) -> [UInt8]
  ) {
    while !client.isSilent || !server.isSilent {
      let count = Int.random(in: 1...(Bool.random(using: &random) ? 20 : 20_000), using: &random)
      if Bool.random(using: &random) {
        client.speak(&random)
        server.hear(damage(client.take(count), &random))
      } else {
        server.speak(&random)
        client.hear(damage(server.take(count), &random))
      }
    }
  }

  private func damaged(_ piece: [UInt8], _ random: inout SeededGenerator) -> [UInt8] {
    guard !piece.isEmpty else { return random.bytes(2) }
    var bytes = piece
    let place = Int.random(in: 0..<bytes.count, using: &random)
    switch Int.random(in: 0..<5, using: &random) {
    case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
    case 1: bytes[place] = UInt8.random(in: 0...255, using: &random)
    case 2: bytes.removeSubrange(place..<min(place + 4, bytes.count))
    case 3: bytes += bytes[place...]
    default: bytes.insert(contentsOf: random.bytes(3), at: place)
    }
    return bytes
  }
}

/// One side: its script, what it has said, and what it has heard.
private struct Speaker: ~Copyable {
  private static let messageBytesMax = 80_000

  let role: Role
  var connection: WebSocketConnection
  private let inflater: PayloadInflater?
  /// Frames that remain to be written, each with what the other side hears once it has it.
  private var script: [(bytes: [UInt8], meaning: Heard?)] = []
  /// Written and not yet on the other side, from `travelled` on.
  private var written: [UInt8] = []
  private var travelled = 0
  private(set) var said: [Heard] = []
  private(set) var heard: [Heard] = []
  private(set) var compressedCount = 0
  /// Sent its close frame before it heard of the other's.
  private(set) var isFirstToClose = false

  init(_ role: Role, isDeflating: Bool, _ random: inout SeededGenerator) {
    self.role = role
    inflater = isDeflating ? PayloadInflater() : nil
    var options = ConnectionOptions(role: role)
    options.messageBytesMax = Self.messageBytesMax
    connection = WebSocketConnection(options, inflater: inflater)
    var compression = PayloadDeflater.Options()
    compression.payloadBytesMin = 0
    let deflater = PayloadDeflater(compression)
    for _ in 0..<Int.random(in: 0...6, using: &random) { prepareMessage(isDeflating ? deflater : nil, &random) }
  }

  private mutating func prepareMessage(_ deflater: PayloadDeflater?, _ random: inout SeededGenerator) {
    let isText = Bool.random(using: &random)
    let size = Int.random(in: 0..<30, using: &random) == 0 ? 20_000 : Int.random(in: 0...200, using: &random)
    let content = isText ? random.text(size) : random.bytes(size / 8).flatMap { [UInt8](repeating: $0, count: 8) }
    var payload = content
    var rsv: UInt8 = 0
    if let deflater, Int.random(in: 0..<4, using: &random) > 0, let smaller = deflated(content, with: deflater) {
      payload = smaller
      rsv = FrameHeader.compressedRSV
      compressedCount += 1
    }
    var opcode: Opcode = isText ? .text : .binary
    let pieces = Bool.random(using: &random) ? [payload] : random.cut(payload) + [[]]
    for (index, piece) in pieces.enumerated() {
      let isFinal = index == pieces.count - 1
      let bytes = frame(opcode, piece, isFinal: isFinal, rsv: rsv, from: role, maskKey: random.maskKey())
      script.append((bytes, isFinal ? (isText ? .text(content) : .binary(content)) : nil))
      opcode = .continuation
      rsv = 0
      if Int.random(in: 0..<8, using: &random) == 0 {
        let ping = random.bytes(Int.random(in: 0...10, using: &random))
        script.append((frame(.ping, ping, from: role, maskKey: random.maskKey()), .ping(ping)))
      }
    }
  }

  /// Nothing more will come from this side.
  var isSilent: Bool { travelled == written.count && (connection.isCloseSent || connection.isFinished) }

  /// Writes the next frame of the script, and the close frame after the last.
  mutating func speak(_ random: inout SeededGenerator) {
    guard !connection.isClosing else { return }
    guard !script.isEmpty else {
      isFirstToClose = true
      return close(1000)
    }
    let (bytes, meaning) = script.removeFirst()
    written += bytes
    if let meaning { said.append(meaning) }
  }

  private mutating func close(_ code: UInt16?) {
    let payload = code.map { closePayload($0) } ?? []
    written += frame(.close, payload, from: role)
    connection.closeSent()
  }

  mutating func take(_ count: Int) -> [UInt8] {
    let end = min(travelled + count, written.count)
    defer { travelled = end }
    return Array(written[travelled..<end])
  }

  mutating func hear(_ bytes: [UInt8]) {
    for event in drain(&connection, bytes) {
      heard.append(event)
      if case .ping(let payload) = event, !connection.isClosing { written += frame(.pong, payload, from: role) }
    }
    if connection.mustSendClose { close(connection.isFailed ? 1002 : 1000) }
  }

  /// Heard what the other side said: all of it, or as much as came before this side closed.
  borrowing func isSatisfied(with other: borrowing Speaker) -> Bool {
    let messages = heard.filter { event in
      switch event {
      case .text, .binary, .ping: true
      case .pong, .closed, .violation: false
      }
    }
    let pings = said.compactMap { if case .ping(let payload) = $0 { payload } else { nil } }
    let pongs = heard.compactMap { if case .pong(let payload) = $0 { payload } else { nil } }
    guard !connection.isFailed, pings.starts(with: pongs) else { return false }
    return isFirstToClose ? other.said.starts(with: messages) : other.said == messages
  }

  /// Whatever came: one end at most and nothing after it, only valid text, no more memory than allowed.
  var isSane: Bool {
    let endings = heard.indices.filter { heard[$0].isEnd }
    return endings.count <= 1 && endings.allSatisfy { $0 == heard.count - 1 }
      && heard.allSatisfy { event in
        switch event {
        case .text(let text): text.count <= Self.messageBytesMax && String(validating: text, as: UTF8.self) != nil
        case .binary(let bytes): bytes.count <= Self.messageBytesMax
        case .ping(let bytes), .pong(let bytes): bytes.count <= FrameHeader.controlPayloadMax
        case .closed, .violation: true
        }
      }
      && connection.bufferedCapacityBytes <= Self.messageBytesMax + FrameHeader.controlPayloadMax
      && (inflater?.capacityBytes ?? 0) <= Self.messageBytesMax + 1
  }
}

extension Heard {
  fileprivate var isEnd: Bool { if case .closed = self { true } else { isViolation } }
}

extension SeededGenerator {
  fileprivate mutating func maskKey() -> UInt32 { UInt32.random(in: 0...UInt32.max, using: &self) }
}
