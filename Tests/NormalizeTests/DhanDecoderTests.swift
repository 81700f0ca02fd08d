// Dhan's market feed against sample frames, the traps of its protocol, cut frames and random damage.

import Market
import Normalize
import TestSupport
import Testing

@Suite struct DhanDecoderTests {
  @Test(arguments: FeedVector.fixtures("dhan"))
  func `fixture frames decode to exactly the expected values`(vector: FeedVector) {
    let connections: [String: DhanConnection] = ["market": .market, "depth20": .depth20, "depth200": .depth200]
    let run = DhanRun(
      vector.frame, keys: vector.expected.map { ($0.segment, $0.token) },
      connection: connections[vector.connection] ?? .market)
    #expect(run.last == (vector.isRejected ? .malformed : .end))
    #expect(run.counters.malformed == (vector.isRejected ? 1 : 0))
    #expect(run.events == (vector.disconnectCode.map { [.disconnect(code: $0)] } ?? []))
    let updates = run.updates.filter { $0.step != .event }
    #expect(updates.count == vector.expected.count)
    for (index, (update, expected)) in zip(updates, vector.expected).enumerated() {
      #expect(expected.difference(from: update) == nil)
      let isTick = update.step == .tick
      #expect((isTick ? update.tick.instrument : update.book.instrument) == UInt32(index))
      #expect((isTick ? update.tick.feed : update.book.feed) == 7)
      #expect((isTick ? update.tick.receivedTime : update.book.receivedTime) == DhanRun.receivedNanos)
    }
    if !vector.isRejected { #expect(run.updates.flatMap(\.packet) == vector.frame) }
  }

  @Test func `the fixtures are there`() {
    #expect(FeedVector.fixtures("dhan").count == 26)
  }

  // MARK: Traps of the protocol

  @Test func `the time of the last trade is a clock on an Indian wall`() {
    let run = DhanRun(DhanPacket(code: 2).with(UInt32(1_770_019_800), at: 12).bytes)
    #expect(run.ticks.first?.lastTradeTime == 1_770_000_000_000_000_000)
    #expect(run.ticks.first?.has(.lastTradeTime) == true)
  }

  @Test(arguments: [UInt32(0), 1, 19_800])
  func `what never traded has no time`(seconds: UInt32) {
    for packet in [DhanPacket(code: 2).with(seconds, at: 12), DhanPacket(code: 4).with(seconds, at: 14)] {
      #expect(DhanRun(packet.bytes).ticks.first?.has(.lastTradeTime) == false)
    }
  }

  @Test func `sell comes before buy and close before high`() {
    for (code, offset) in [(UInt8(4), 34), (8, 46)] {
      var packet = DhanPacket(code: code).with(UInt32(11), at: 26).with(UInt32(22), at: 30)
      for (index, value) in [1, 2, 3, 4].enumerated() { packet = packet.with(Float(value), at: offset + index * 4) }
      let tick = DhanRun(packet.bytes).ticks.first ?? Tick()
      #expect(tick.totalSellQuantity == 11 && tick.totalBuyQuantity == 22)
      #expect([tick.open, tick.close, tick.high, tick.low] == [1, 2, 3, 4].map { $0 * Price.scale })
    }
  }

  @Test func `levels hold both sides interleaved`() {
    let packet = DhanPacket(code: 8).with(UInt32(5), at: 82).with(UInt32(6), at: 86).with(UInt16(7), at: 90)
      .with(UInt16(8), at: 92).with(Float(99.95), at: 94).with(Float(100.05), at: 98)
    let tick = DhanRun(packet.bytes).ticks.first ?? Tick()
    #expect(tick.bids[1] == DepthLevel(price: 9_995_000_000, quantity: 5, orders: 7))
    #expect(tick.asks[1] == DepthLevel(price: 10_005_000_000, quantity: 6, orders: 8))
    #expect(tick.bidLevels == 2 && tick.askLevels == 2 && !tick.has(.bestBid))
  }

  @Test func `open interest and previous close come alone and carry nothing else`() {
    let interest = DhanRun(DhanPacket(code: 5).with(UInt32(874_220), at: 8).bytes).ticks.first ?? Tick()
    #expect(interest.openInterest == 874_220 && interest.mode == Mode.quote.rawValue)
    #expect(Presence(rawValue: interest.presence) == [.openInterest])
    let close = DhanRun(DhanPacket(code: 6).with(Float(71395.7), at: 8).bytes).ticks.first ?? Tick()
    #expect(close.close == 7_139_570_000_000 && close.mode == Mode.quote.rawValue)
    #expect(Presence(rawValue: close.presence) == [.close])
  }

  @Test func `several packets in a frame give their ticks in order`() {
    let frame =
      DhanPacket(code: 2).with(Float(1), at: 8).bytes + DhanPacket(code: 4, segment: 2, token: 52175).bytes
      + DhanPacket(code: 50).with(UInt16(805), at: 8).bytes + DhanPacket(code: 5, segment: 5).bytes
    let run = DhanRun(frame)
    #expect(run.updates.map(\.step) == [.tick, .tick, .event, .tick] && run.last == .end)
    #expect(run.ticks.map(\.instrument) == [0, 1, 2])
    #expect(run.updates.map(\.packet.count) == [16, 50, 10, 12])
    #expect(run.counters.ticks == 3 && run.counters.events == 1 && run.counters.frames == 1)
  }

  @Test(arguments: [UInt16(0), 8, 65_535])
  func `the length in the header of a known kind is not believed`(length: UInt16) {
    let frame = [UInt8(2), 4, 5, 6, 8, 50].flatMap { DhanPacket(code: $0).with(length, at: 1).bytes }
    let run = DhanRun(frame)
    #expect(run.updates.count == 6 && run.last == .end)
  }

  @Test func `unknown kinds are skipped by their length`() {
    let tick = DhanPacket(code: 2).bytes
    let run = DhanRun(
      DhanPacket(code: 1, length: 30).bytes + tick + DhanPacket(code: 3).bytes + tick
        + DhanPacket(code: 99, length: 8).bytes + tick)
    #expect(run.updates.count == 3 && run.last == .end && run.counters.unknownKinds == 3)
  }

  @Test(arguments: [UInt16(0), 1, 7, 17, 65_535])
  func `an unknown kind of an impossible length ends the frame`(length: UInt16) {
    let tick = DhanPacket(code: 2).bytes
    let run = DhanRun(tick + DhanPacket(code: 99, length: 16).with(length, at: 1).bytes)
    #expect(run.updates.count == 1 && run.last == .malformed && run.counters.malformed == 1)
  }

  @Test func `a packet of code 0 is a heartbeat, with a length or without`() {
    let tick = DhanPacket(code: 2).bytes
    let run = DhanRun(DhanPacket(code: 0).bytes + tick)
    #expect(run.updates.count == 1 && run.last == .end && run.counters.heartbeats == 1)
    let bare = DhanRun([UInt8](repeating: 0, count: 12))
    #expect(bare.updates.isEmpty && bare.last == .end && bare.counters.malformed == 0)
    #expect(DhanRun([]).counters.heartbeats == 1)
  }

  @Test func `a market status is an event`() {
    let run = DhanRun(DhanPacket(code: 7, segment: 5, length: 11).bytes + DhanPacket(code: 2).bytes)
    #expect(run.events == [.marketStatus(segment: 5)] && run.ticks.count == 1)
  }

  @Test func `ids are unique only within a segment`() {
    let run = DhanRun(DhanPacket(code: 2, segment: 5).bytes + DhanPacket(code: 2, segment: 4).bytes)
    #expect(run.ticks.map(\.instrument) == [2] && run.counters.unknownTokens == 1 && run.last == .end)
    let index = DhanRun(DhanPacket(code: 2, segment: 0, token: 13).bytes, keys: [(1, "13"), (0, "13")])
    #expect(index.ticks.map(\.instrument) == [1])
    let accepting = DhanRun(DhanPacket(code: 2, segment: 4, token: .max).bytes, acceptsUnknown: true)
    #expect(accepting.ticks.map(\.instrument) == [TokenMap.absent] && accepting.counters.unknownTokens == 1)
  }

  @Test func `reasons that need other credentials are told apart`() {
    let codes = DhanDisconnect.allCases.filter(\.needsOtherCredentials).map(\.rawValue)
    #expect(codes == [805, 806, 807, 808, 809, 810])
  }

  // MARK: Damage

  @Test(arguments: [Float.nan, .infinity, -.infinity, -0.05, 9.3e10, .greatestFiniteMagnitude, -.nan])
  func `an impossible price drops its packet, and the rest of the frame is read`(value: Float) {
    let good = DhanPacket(code: 2).bytes
    let places: [(UInt8, [Int])] = [
      (2, [8]), (4, [8, 18, 34, 38, 42, 46]), (6, [8]), (8, [8, 18, 46, 50, 54, 58, 74, 78, 154, 158]),
    ]
    for (code, offsets) in places {
      for offset in offsets {
        let bad = DhanPacket(code: code).with(value, at: offset).bytes
        let run = DhanRun(good + bad + bad + good)
        #expect(run.ticks.count == 2 && run.ticks.allSatisfy { $0.mode == 1 } && run.last == .malformed)
        #expect(run.counters.badPrices == 2 && run.counters.malformed == 1, "code \(code) offset \(offset)")
      }
    }
  }

  /// Every kind of packet behind one another.
  private static let joined: (frame: [UInt8], ends: [Int]) = {
    var frame: [UInt8] = []
    var ends: [Int] = []
    for code in [UInt8(8), 2, 5, 4, 6, 50, 7, 8] {
      frame += DhanPacket(code: code).bytes
      ends.append(frame.count)
    }
    return (frame, ends)
  }()

  @Test func `a frame cut anywhere gives the leading packets and nothing else`() {
    let (frame, ends) = Self.joined
    for length in 0...frame.count {
      let run = DhanRun(frame[..<length])
      let whole = length == 0 || ends.contains(length)
      #expect(run.updates.count == ends.filter { $0 <= length }.count, "cut at \(length)")
      #expect(run.last == (whole ? .end : .malformed) && run.counters.malformed == (whole ? 0 : 1), "cut at \(length)")
    }
  }

  @Test func `random damage never breaks the decoder and never makes an absurd tick`() {
    var generator = SeededGenerator()
    let samples = FeedVector.fixtures("dhan").map(\.frame) + [Self.joined.frame]
    for round in 0..<5_000 {
      guard var frame = samples.randomElement(using: &generator) else { return }
      for _ in 0..<Int.random(in: 1...20, using: &generator) {
        frame[Int.random(in: 0..<frame.count, using: &generator)] =
          [0, 1, 0x7F, 0x80, 0xFF, .random(in: 0...255)]
          .randomElement(using: &generator) ?? 0
      }
      if round % 4 == 0 { frame.removeLast(Int.random(in: 0..<frame.count, using: &generator)) }
      for connection in DhanConnection.allCases {
        let run = DhanRun(frame, acceptsUnknown: round % 2 == 0, connection: connection)
        let hint: Comment = "seed \(generator.seed), round \(round), \(connection)"
        #expect(run.last == .end || run.last == .malformed, hint)
        #expect(run.counters.malformed == (run.last == .malformed ? 1 : 0), hint)
        let counted = run.counters.ticks &+ run.counters.books &+ run.counters.events
        #expect(counted == UInt64(run.updates.count), hint)
        for tick in run.ticks {
          #expect(isSane(tick) && (!tick.has(.ltp) || tick.ltp >= 0) && (!tick.has(.close) || tick.close >= 0), hint)
        }
        for update in run.updates where update.step == .book {
          #expect((update.bids + update.asks).allSatisfy { $0.price >= 0 }, hint)
        }
      }
    }
  }

  @Test func `a packet writes only what it says`() {
    var decoder = DhanDecoder(
      tokens: TokenMap([FeedListing(instrument: 3, segment: 1, token: "1333")], withSegment: true), feed: 0)
    var tick = Tick()
    var book = DeepBook()
    tick.sequence = 11
    tick.ltp = 12
    tick.volume = 13
    tick.depthSequence = 14
    DhanPacket(code: 5).bytes.withUnsafeBytes { raw in
      decoder.begin(raw, receivedNanos: 1)
      #expect(decoder.next(into: &tick, book: &book) == .tick)
      #expect(decoder.next(into: &tick, book: &book) == .end)
      #expect(decoder.next(into: &tick, book: &book) == .end)
    }
    #expect([tick.ltp, tick.volume] == [12, 13])
    #expect([tick.sequence, tick.depthSequence] == [11, 14])
  }
}
