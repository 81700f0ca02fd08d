// Angel's decoder against sample frames, the traps of its protocol, cut frames and random damage.

import Market
import Normalize
import TestSupport
import Testing

@Suite struct SmartStreamDecoderTests {
  @Test(arguments: FeedVector.fixtures("angel"))
  func `fixture frames decode to exactly the expected values`(vector: FeedVector) {
    let run = SmartStreamRun(vector.frame, keys: vector.expected.map { ($0.segment, $0.token) })
    #expect(run.last == (vector.isRejected ? .malformed : .end))
    #expect(run.counters.malformed == (vector.isRejected ? 1 : 0))
    #expect(run.updates.count == vector.expected.count)
    for (update, expected) in zip(run.updates, vector.expected) {
      #expect(expected.difference(from: update) == nil)
      #expect(update.packet == vector.frame)
      let isTick = update.step == .tick
      #expect((isTick ? update.tick.instrument : update.book.instrument) == 0)
      #expect((isTick ? update.tick.feed : update.book.feed) == 7)
      #expect((isTick ? update.tick.receivedTime : update.book.receivedTime) == SmartStreamRun.receivedNanos)
    }
  }

  @Test func `the fixtures are there`() {
    #expect(FeedVector.fixtures("angel").count == 18)
  }

  private func run(_ frame: SmartStreamFrame) -> SmartStreamRun {
    SmartStreamRun(frame.bytes, keys: [(1, "2885"), (5, "2885"), (13, "2885")])
  }

  private func tick(_ frame: SmartStreamFrame) -> Tick { run(frame).updates.first?.tick ?? Tick() }

  // MARK: Traps of the protocol

  @Test func `prices of currency have another divisor`() {
    #expect(tick(SmartStreamFrame(mode: 1).with(Int64(8_425), at: 43)).ltp == 84_25 * 1_000_000)
    let currency = SmartStreamFrame(mode: 1, segment: 13).with(Int64(842_500_000), at: 43)
    #expect(tick(currency).ltp == 84_25 * 1_000_000)
    let entry = SmartStreamFrame(mode: 3, segment: 13).with(
      entry: 0, flag: 1, quantity: 1, price: 842_512_345, orders: 1)
    #expect(tick(entry).bidPrice == 8_425_123_450)
  }

  @Test func `the same token of another segment is another instrument`() {
    #expect(tick(SmartStreamFrame(mode: 1, segment: 1)).instrument == 0)
    #expect(tick(SmartStreamFrame(mode: 1, segment: 5)).instrument == 1)
    let stranger = run(SmartStreamFrame(mode: 1, segment: 3))
    #expect(stranger.updates.isEmpty && stranger.last == .end && stranger.counters.unknownTokens == 1)
  }

  @Test func `the flag names the side and not the place`() {
    var frame = SmartStreamFrame(mode: 3)
    // Sell, buy, sell, buy, ...
    for entry in 0..<10 {
      frame = frame.with(
        entry: entry, flag: UInt16(entry % 2), quantity: Int64(entry + 1), price: Int64(1000 + entry), orders: 2)
    }
    let tick = tick(frame)
    #expect((0..<5).map { tick.bids[$0].price / 1_000_000 } == [1001, 1003, 1005, 1007, 1009])
    #expect((0..<5).map { tick.asks[$0].price / 1_000_000 } == [1000, 1002, 1004, 1006, 1008])
    #expect((0..<5).map { tick.asks[$0].quantity } == [1, 3, 5, 7, 9])
    #expect(tick.bidPrice == 1001 * 1_000_000 && tick.askPrice == 1000 * 1_000_000)
  }

  @Test(arguments: [UInt16(0), 1])
  func `more than five of one side do not overflow into the other`(flag: UInt16) {
    var frame = SmartStreamFrame(mode: 3)
    for entry in 0..<10 {
      frame = frame.with(entry: entry, flag: flag, quantity: 1, price: Int64(entry + 1), orders: 1)
    }
    let tick = tick(frame)
    #expect(tick.bidLevels == (flag == 1 ? 5 : 0) && tick.askLevels == (flag == 1 ? 0 : 5))
    let full = flag == 1 ? tick.bids : tick.asks
    let empty = flag == 1 ? tick.asks : tick.bids
    for level in 0..<5 {
      #expect(full[level].price == Int64(level + 1) * 1_000_000)
      #expect(empty[level] == DepthLevel())
    }
    #expect(tick.has(.bestBid) == (flag == 1) && tick.has(.bestAsk) == (flag == 0))
    #expect(tick.openInterestHigh == 0 && tick.openInterestLow == 0)
  }

  @Test func `a sixth of one side does not keep the other side out`() {
    var frame = SmartStreamFrame(mode: 3)
    for entry in 0..<10 {
      frame = frame.with(entry: entry, flag: entry < 6 ? 1 : 0, quantity: 1, price: Int64(entry + 1), orders: 1)
    }
    let tick = tick(frame)
    #expect(tick.bidLevels == 5 && tick.askLevels == 4)
    #expect((0..<5).map { tick.asks[$0].price / 1_000_000 } == [7, 8, 9, 10, 0])
  }

  @Test func `an empty level before a filled one is kept in its place`() {
    let frame = SmartStreamFrame(mode: 3).with(entry: 0, flag: 1, quantity: 0, price: 0, orders: 0)
      .with(entry: 1, flag: 1, quantity: 9, price: 500, orders: 3)
    let tick = tick(frame)
    #expect(tick.bidLevels == 2 && tick.bids[0] == DepthLevel())
    #expect(tick.bids[1] == DepthLevel(price: 500_000_000, quantity: 9, orders: 3))
    #expect(!tick.has(.bestBid))
  }

  @Test func `the time of the last trade is in seconds, that of the exchange in milliseconds`() {
    let tick = tick(
      SmartStreamFrame(mode: 3).with(Int64(1_770_000_000_123), at: 35).with(Int64(1_770_000_001), at: 123))
    #expect(tick.exchangeTime == 1_770_000_000_123_000_000 && tick.has(.exchangeTime))
    #expect(tick.lastTradeTime == 1_770_000_001_000_000_000 && tick.has(.lastTradeTime))
  }

  @Test(arguments: [0, -1, Int64.min, Int64.max, Int64.max / 1_000_000 + 1])
  func `what is no time is absent`(value: Int64) {
    let tick = tick(SmartStreamFrame(mode: 3).with(value, at: 35).with(value, at: 123))
    #expect(!tick.has(.exchangeTime) && !tick.has(.lastTradeTime) && tick.has(.ltp))
  }

  @Test(arguments: [Double.nan, .infinity, -.infinity, -1, 1e19, 9.1e15])
  func `total quantities that are none are absent`(value: Double) {
    for offset in [75, 83] {
      let tick = tick(SmartStreamFrame(mode: 2).with(value, at: offset))
      #expect(!tick.has(.totals) && tick.has([.ltp, .volume, .averagePrice, .ohlc]))
    }
  }

  @Test func `the garbage of the open interest change is not read`() {
    let tick = tick(SmartStreamFrame(mode: 3).with(Int64(77), at: 131).with(Double.nan, at: 139))
    #expect(tick.openInterest == 77 && tick.has(.openInterest))
  }

  @Test func `quantities below zero are absent, in the book they are empty`() {
    let frame = SmartStreamFrame(mode: 3).with(Int64(-1), at: 51).with(Int64.min, at: 67).with(Int64(-9), at: 131)
      .with(entry: 0, flag: 1, quantity: -5, price: 100, orders: 1)
      .with(entry: 1, flag: 0, quantity: 1 << 40, price: 100, orders: 1)
    let tick = tick(frame)
    #expect(!tick.has(.lastTradeQuantity) && !tick.has(.volume) && !tick.has(.openInterest))
    #expect(tick.bids[0].quantity == 0 && tick.asks[0].quantity == .max)
  }

  @Test(arguments: [43, 59, 91, 99, 107, 115, 347, 355, 157, 337])
  func `a price beyond the range drops the packet, wherever it stands`(offset: Int) {
    for value in [Int64.max, .min, Int64.max / 1_000_000 + 1] {
      let run = run(SmartStreamFrame(mode: 3).with(value, at: offset))
      #expect(run.updates.isEmpty && run.last == .malformed)
      #expect(run.counters.badPrices == 1 && run.counters.malformed == 1 && run.counters.ticks == 0)
    }
    let largest = run(SmartStreamFrame(mode: 3).with(Int64.max / 1_000_000, at: offset))
    #expect(largest.updates.count == 1)
  }

  @Test func `a price below zero keeps its sign`() {
    #expect(tick(SmartStreamFrame(mode: 1, segment: 5).with(Int64(-3763), at: 43)).ltp == -37_63 * 1_000_000)
  }

  @Test func `quote and snap quote say nothing that the mode lacks`() {
    #expect(Presence(rawValue: tick(SmartStreamFrame(mode: 1)).presence) == [.ltp])
    #expect(
      Presence(rawValue: tick(SmartStreamFrame(mode: 2)).presence) == [
        .ltp, .ohlc, .averagePrice, .lastTradeQuantity, .volume, .totals,
      ])
  }

  // MARK: Tokens

  @Test(arguments: ["2885", "0", "72057594037927929", "1"])
  func `tokens are decimal numbers of up to 25 bytes`(token: String) {
    let run = SmartStreamRun(SmartStreamFrame(mode: 1, token: token).bytes, keys: [(1, token)])
    #expect(run.updates.count == 1)
  }

  @Test(arguments: ["", "02885", "00", "2885 ", " 2885", "+2885", "28x5", "2885-EQ", "99999999999999999999999999", "۲"])
  func `other tokens are unknown`(token: String) {
    let frame = SmartStreamFrame(mode: 1, token: token).bytes
    let run = SmartStreamRun(frame, keys: [(1, "2885"), (1, "0")])
    #expect(run.updates.isEmpty && run.counters.unknownTokens == 1 && run.last == .end)
    let accepting = SmartStreamRun(frame, keys: [(1, "2885"), (1, "0")], acceptsUnknown: true)
    #expect(accepting.updates.first?.tick.instrument == TokenMap.absent)
    #expect(accepting.updates.first?.packet == frame)
  }

  @Test func `what follows the zero that ends a token means nothing`() {
    let frame = SmartStreamFrame(mode: 1).with(UInt8(ascii: "7"), at: 7)
    #expect(run(frame).updates.count == 1)
  }

  // MARK: Damage

  @Test func `a longer frame has a tail that is ignored`() {
    for mode in [UInt8(1), 2, 3, 4] {
      let frame = SmartStreamFrame(mode: mode).bytes
      let run = SmartStreamRun(frame + [1, 2, 3], keys: [(1, "2885")])
      #expect(run.updates.count == 1 && run.last == .end)
      #expect(run.updates.first?.packet == frame)
    }
  }

  @Test func `a frame cut anywhere gives nothing`() {
    for mode in [UInt8(1), 2, 3, 4] {
      let frame = SmartStreamFrame(mode: mode).bytes
      for length in 0..<frame.count {
        let run = SmartStreamRun(frame[..<length], keys: [(1, "2885")])
        #expect(run.updates.isEmpty && run.last == (length == 0 ? .end : .malformed), "cut at \(length)")
        #expect(run.counters.malformed == (length == 0 ? 0 : 1) && run.counters.heartbeats == (length == 0 ? 1 : 0))
      }
    }
  }

  @Test func `other modes are malformed`() {
    for mode in UInt8.min ... .max where SmartStreamFrame.lengths[mode] == nil {
      var frame = SmartStreamFrame(mode: 4).bytes
      frame[0] = mode
      #expect(SmartStreamRun(frame, keys: [(1, "2885")]).last == .malformed)
    }
  }

  @Test func `random damage never breaks the decoder and never makes an absurd tick`() {
    var generator = SeededGenerator()
    let good = FeedVector.fixtures("angel").filter { !$0.isRejected }
    for round in 0..<5_000 {
      guard let vector = good.randomElement(using: &generator) else { return }
      var frame = vector.frame
      for _ in 0..<Int.random(in: 1...40, using: &generator) {
        frame[Int.random(in: 0..<frame.count, using: &generator)] =
          [0, 1, 0x7F, 0x80, 0xFF, .random(in: 0...255)]
          .randomElement(using: &generator) ?? 0
      }
      if round % 4 == 0 { frame.removeLast(Int.random(in: 0..<frame.count, using: &generator)) }
      let run = SmartStreamRun(frame, keys: vector.expected.map { ($0.segment, $0.token) }, acceptsUnknown: true)
      #expect(run.updates.count <= 1, "seed \(generator.seed), round \(round)")
      #expect(run.counters.ticks &+ run.counters.books == UInt64(run.updates.count), "seed \(generator.seed)")
      #expect(run.counters.malformed == (run.last == .malformed ? 1 : 0), "seed \(generator.seed), round \(round)")
      for update in run.updates where update.step == .tick {
        #expect(isSane(update.tick), "seed \(generator.seed), round \(round)")
      }
    }
  }

  @Test func `only the prefix that the mode names is written`() {
    var decoder = SmartStreamDecoder(
      tokens: TokenMap([FeedListing(instrument: 3, segment: 1, token: "2885")], withSegment: true), feed: 0)
    var tick = Tick()
    var book = DeepBook()
    tick.sequence = 11
    tick.publishedTime = 12
    tick.open = 13
    tick.depthSequence = 14
    book.sequence = 15
    for (mode, step) in [(UInt8(1), DecodeStep.tick), (4, .book)] {
      SmartStreamFrame(mode: mode).bytes.withUnsafeBytes { raw in
        decoder.begin(raw, receivedNanos: 1)
        #expect(decoder.next(into: &tick, book: &book) == step)
        #expect(decoder.next(into: &tick, book: &book) == .end)
        #expect(decoder.next(into: &tick, book: &book) == .end)
      }
    }
    #expect([tick.publishedTime, tick.open] == [12, 13])
    #expect([tick.sequence, tick.depthSequence, book.sequence] == [11, 14, 15])
  }
}

/// What holds for every tick, whatever was on the wire.
func isSane(_ tick: Tick) -> Bool {
  let present: [(Presence, Int64)] = [
    (.exchangeTime, tick.exchangeTime), (.lastTradeTime, tick.lastTradeTime), (.volume, tick.volume),
    (.lastTradeQuantity, tick.lastTradeQuantity), (.totals, min(tick.totalBuyQuantity, tick.totalSellQuantity)),
    (.openInterest, tick.openInterest), (.openInterestRange, min(tick.openInterestHigh, tick.openInterestLow)),
  ]
  for (bit, value) in present where tick.has(bit) && value < 0 { return false }
  return (1...3).contains(tick.mode) && tick.bidLevels <= 5 && tick.askLevels <= 5
    && tick.has(.bestBid) == (tick.has(.depth) && tick.bids[0].price > 0)
    && tick.has(.bestAsk) == (tick.has(.depth) && tick.asks[0].price > 0)
}
