// The Upstox decoder on hand-made messages: what each part says, what is absent, what is refused. Whole sample frames
// and random ones are in InspectorTests.

import Market
import Normalize
import Testing

@Suite struct UpstoxDecoderTests {
  @Test func `a last price comes with its trade and the close before`() throws {
    let run = UpstoxRun(Message.frame(Message().message(1, .ltpc(2_345.65))))
    let tick = try #require(run.tick)
    #expect(run.last == .end && run.books.isEmpty)
    #expect(tick.bits == [.ltp, .lastTradeTime, .lastTradeQuantity, .close])
    #expect(tick.mode == Mode.quote.rawValue && tick.bidLevels == 0 && tick.askLevels == 0)
    #expect(tick.ltp == 234_565_000_000 && tick.close == rupees(99) && tick.lastTradeQuantity == 7)
    #expect(tick.lastTradeTime == 1_770_000_000_123_000_000)
    #expect(tick.instrument == 0 && tick.feed == 7 && tick.receivedTime == UpstoxRun.receivedNanos)
    #expect(tick.sequence == 0 && tick.publishedTime == 0)
    #expect(run.frameMillis == 1_770_000_000_555 && run.frameType == 1)
  }

  @Test func `zeros are not on the wire: a message that is there is complete`() throws {
    let tick = try #require(UpstoxRun(Message.frame(Message().message(1, Message()))).tick)
    #expect(tick.bits == [.ltp, .lastTradeQuantity, .close])
    #expect(tick.ltp == 0 && tick.lastTradeQuantity == 0 && tick.close == 0)
  }

  @Test func `a full message fills a tick of five levels`() throws {
    let market = Message.totals().message(1, .ltpc(100.5)).message(2, .levels(5))
      .message(4, Message().message(1, .candle("I1", open: 1, high: 2, low: 3)).message(1, .candle("1d")))
    let run = UpstoxRun(Message.frame(.market(market)))
    let tick = try #require(run.tick)
    #expect(run.books.isEmpty)
    #expect(
      tick.bits == [
        .ltp, .lastTradeTime, .lastTradeQuantity, .ohlc, .averagePrice, .volume, .openInterest, .totals, .depth,
        .bestBid, .bestAsk,
      ])
    #expect(tick.mode == Mode.depth.rawValue)
    // The candle of the day, not of the minute; the close is that of the day before, not the candle's.
    #expect([tick.open, tick.high, tick.low, tick.close] == [10, 12, 9, 99].map(rupees))
    #expect(tick.averagePrice == rupees(100.5) && tick.volume == 1000 && tick.openInterest == 50)
    #expect(tick.totalBuyQuantity == 300 && tick.totalSellQuantity == 400)
    #expect(tick.bidLevels == 5 && tick.askLevels == 5)
    #expect(tick.bids[4] == DepthLevel(price: rupees(96), quantity: 5))
    #expect(tick.asks[4] == DepthLevel(price: rupees(105), quantity: 15))
    #expect(tick.bidPrice == rupees(100) && tick.askPrice == rupees(101))
    #expect(tick.bidQuantity == 1 && tick.askQuantity == 11)
  }

  @Test func `without a candle of the day there is no range, whatever other candles say`() throws {
    let market = Message.totals().message(1, .ltpc(100.5)).message(4, Message().message(1, .candle("I1")))
    let tick = try #require(UpstoxRun(Message.frame(.market(market))).tick)
    #expect(!tick.has(.dayRange) && tick.has(.close))
  }

  @Test func `levels that a book lacks are empty, also where another tick was`() throws {
    let market = Message.totals().message(1, .ltpc(1)).message(
      2, Message().message(1, .quote(100, 1, 0, 0)).message(1, Message()).message(1, .quote(98, 3, 0, 0)))
    let frame = Message.frame([
      ("A", .market(Message().message(1, .ltpc(1)).message(2, .levels(5)))), ("B", .market(market)),
      ("C", .market(Message().message(1, .ltpc(1)).message(2, Message()))),
    ])
    let run = UpstoxRun(frame)
    try #require(run.ticks.count == 3)
    let tick = run.ticks[1]
    // An empty level in the middle keeps its place.
    #expect(tick.bidLevels == 3 && tick.askLevels == 0)
    #expect(tick.bids[1] == DepthLevel() && tick.bids[2].price == rupees(98) && tick.bids[3] == DepthLevel())
    #expect(tick.has([.depth, .bestBid]) && !tick.has(.bestAsk))
    // A book without a level is a book.
    #expect(run.ticks[2].has(.depth) && run.ticks[2].bidLevels == 0 && !run.ticks[2].has(.bestBid))
  }

  @Test func `thirty levels give a tick of the first five, then the book`() throws {
    let market = Message.totals().message(1, .ltpc(100.5)).message(2, .levels(30))
    let run = UpstoxRun(Message.frame([("A", .market(market, mode: 3)), ("B", Message().message(1, .ltpc(5)))]))
    #expect(run.ticks.map(\.instrument) == [0, 1])
    #expect(run.ticks[0].bidLevels == 5 && run.ticks[0].bids[4].price == rupees(96))
    let book = try #require(run.books.first)
    #expect(run.books.count == 1 && run.counters.books == 1)
    #expect(book.bids.count == 30 && book.asks.count == 30)
    #expect(book.bids[29] == DepthLevel(price: rupees(71), quantity: 30))
    #expect(book.asks[29] == DepthLevel(price: rupees(130), quantity: 40))
    #expect(book.head.capacity == 30 && book.head.sides == BookSides([.bids, .asks]).rawValue)
    #expect(book.head.instrument == 0 && book.head.feed == 7 && book.head.exchangeTime == 0)
    #expect(book.head.receivedTime == UpstoxRun.receivedNanos)
  }

  @Test func `more levels than the deepest mode has are left out`() throws {
    let run = UpstoxRun(Message.frame(.market(Message().message(1, .ltpc(1)).message(2, .levels(500)), mode: 3)))
    #expect(run.ticks.count == 1)
    #expect(run.books.first?.bids.count == 30)
  }

  @Test func `an index has a last price and a range, and nothing that trades`() throws {
    let index = Message().message(1, .ltpc(24_500.2)).message(2, Message().message(1, .candle("1d")))
    let run = UpstoxRun(Message.frame(Message().message(2, Message().message(2, index)).integer(4, 1)))
    let tick = try #require(run.tick)
    #expect(tick.bits == [.ltp, .lastTradeTime, .lastTradeQuantity, .ohlc])
    #expect(tick.mode == Mode.depth.rawValue && tick.open == rupees(10))
  }

  @Test func `option greeks have one level, which is the best bid and ask`() throws {
    let greeks = Message().message(1, .ltpc(5.05)).message(2, .quote(5, 75, 0, 150)).integer(4, 9).double(5, 12.9)
    let run = UpstoxRun(Message.frame(Message().message(3, greeks).integer(4, 2)))
    let tick = try #require(run.tick)
    #expect(
      tick.bits == [
        .ltp, .lastTradeTime, .lastTradeQuantity, .close, .volume, .openInterest, .bestBid, .bestAsk,
      ])
    #expect(tick.mode == Mode.quote.rawValue && tick.bidLevels == 0)
    #expect(tick.bidPrice == rupees(5) && tick.bidQuantity == 75 && tick.askPrice == 0 && tick.askQuantity == 150)
    #expect(tick.volume == 9 && tick.openInterest == 12)
  }

  // MARK: Partial messages

  @Test func `a book without a trade says nothing of price, range and totals`() throws {
    let run = UpstoxRun(Message.frame(.market(Message().message(2, .levels(5)))))
    #expect(try #require(run.tick).bits == [.depth, .bestBid, .bestAsk])
  }

  @Test func `a partial message carries the totals that it has`() throws {
    let market = Message().message(2, .levels(1)).integer(6, 1234).double(10, 5)
    let tick = try #require(UpstoxRun(Message.frame(.market(market))).tick)
    #expect(tick.bits == [.depth, .bestBid, .bestAsk, .volume, .totals])
    #expect(tick.volume == 1234 && tick.totalBuyQuantity == 0 && tick.totalSellQuantity == 5)
  }

  @Test func `partial messages merge onto what was known`() throws {
    var overlay = TickOverlay(count: 3)
    let full = Message.totals().message(1, .ltpc(100.5)).message(2, .levels(5))
    var tick = try #require(UpstoxRun(Message.frame(.market(full))).tick)
    let first = overlay.apply(&tick)
    #expect(first)
    tick = try #require(UpstoxRun(Message.frame(.market(Message().message(2, .levels(2))))).tick)
    let second = overlay.apply(&tick)
    #expect(second)
    #expect(tick.ltp == rupees(100.5) && tick.volume == 1000 && tick.close == rupees(99))
    #expect(tick.bidLevels == 2 && tick.has([.ltp, .close, .volume, .averagePrice, .totals, .depth]))
  }

  @Test func `a side that the first level says is empty is gone from what was known`() throws {
    var overlay = TickOverlay(count: 3)
    let greeks = { (quote: Message) in
      Message().message(3, Message().message(1, .ltpc(5)).message(2, quote)).integer(4, 2)
    }
    var tick = try #require(UpstoxRun(Message.frame(greeks(.quote(4, 1, 6, 1)))).tick)
    _ = overlay.apply(&tick)
    #expect(tick.has([.bestBid, .bestAsk]))
    tick = try #require(UpstoxRun(Message.frame(greeks(.quote(4.5, 1, 0, 0)))).tick)
    _ = overlay.apply(&tick)
    #expect(tick.has(.bestBid) && tick.bidPrice == rupees(4.5) && !tick.has(.bestAsk))
    // A message without the level leaves both as they are.
    tick = try #require(UpstoxRun(Message.frame(Message().message(1, .ltpc(5)))).tick)
    _ = overlay.apply(&tick)
    #expect(tick.has(.bestBid) && tick.bidPrice == rupees(4.5) && !tick.has(.bestAsk))
  }

  @Test func `a feed without a message gives no tick`() {
    for feed in [Message(), Message().integer(4, 1), Message().message(2, Message()), Message().bytes(9, [1])] {
      let run = UpstoxRun(Message.frame(feed))
      #expect(run.ticks.isEmpty && run.last == .end && run.counters.malformed == 0)
    }
  }

  // MARK: Repeats

  @Test func `of a key that comes again the last entry stands`() {
    let price = { (value: Double) in Message().message(1, .ltpc(value)) }
    let run = UpstoxRun(Message.frame([("A", price(1)), ("B", price(2)), ("A", price(3))]))
    #expect(run.keys == ["B", "A"])
    #expect(run.ticks.map(\.ltp) == [rupees(2), rupees(3)])
    // Also when the last one says nothing.
    #expect(UpstoxRun(Message.frame([("A", price(1)), ("A", Message())])).ticks.isEmpty)
    // A key may come after the value, and twice: the last one is it.
    let entry = Message().text(1, "A").message(2, price(4)).text(1, "B")
    #expect(UpstoxRun(Message().message(2, entry).bytes).ticks.map(\.instrument) == [1])
  }

  @Test func `a frame knows nothing of the repeats in the frame before`() {
    let map = TextTokenMap([TextTokenMap.Entry(token: "A", instrument: 0)])
    var decoder = UpstoxDecoder(keys: map, feed: 0)
    let price = { (value: Double) in Message().message(1, .ltpc(value)) }
    let long = Message.frame([("A", price(1)), ("A", price(2))])
    #expect(UpstoxRun(long, &decoder).ticks.map(\.ltp) == [rupees(2)])
    #expect(UpstoxRun(Message.frame(price(3)), &decoder).ticks.map(\.ltp) == [rupees(3)])
    #expect(UpstoxRun(long.dropLast(), &decoder).last == .malformed)
    #expect(UpstoxRun(Message.frame(price(4)), &decoder).ticks.map(\.ltp) == [rupees(4)])
  }

  @Test func `parts of one message that come apart are laid together`() throws {
    let feed = Message()
      .message(2, Message().message(1, Message().message(1, Message().double(1, 5)).message(2, .levels(1))))
      .message(
        2, Message().message(1, Message().message(1, Message().integer(3, 8)).message(2, .levels(1)).integer(6, 4)))
    let tick = try #require(UpstoxRun(Message.frame(feed)).tick)
    #expect(tick.ltp == rupees(5) && tick.lastTradeQuantity == 8 && tick.volume == 4)
    #expect(tick.bidLevels == 2 && tick.bids[1] == tick.bids[0])
  }

  @Test func `another branch of a union starts anew`() throws {
    let market = Message().message(1, .ltpc(1)).message(2, .levels(3)).integer(6, 10)
    let feeds = [
      Message().message(1, .ltpc(1)).message(3, Message()).message(1, Message().integer(3, 2)),
      Message.market(market).message(1, Message().integer(3, 2)),
      Message().message(2, Message().message(1, market)).message(2, Message()).message(1, Message().integer(3, 2)),
    ]
    for feed in feeds {
      let tick = try #require(UpstoxRun(Message.frame(feed)).tick)
      #expect(tick.bits == [.ltp, .lastTradeQuantity, .close] && tick.ltp == 0 && tick.lastTradeQuantity == 2)
    }
    // A price that could not be does not matter once its branch is gone.
    let mended = Message().message(1, .ltpc(.nan)).message(2, Message().message(1, market))
    #expect(try #require(UpstoxRun(Message.frame(mended)).tick).ltp == rupees(1))
    let full = Message().message(1, market).message(2, Message().message(1, .ltpc(7)))
    let index = try #require(UpstoxRun(Message.frame(Message().message(2, full).integer(4, 3))).tick)
    #expect(index.ltp == rupees(7) && !index.has(.depth) && !index.has(.volume))
  }

  // MARK: Unknown

  @Test func `unknown fields of every wire type and place are skipped`() throws {
    let unknown: [UInt8] =
      Message().integer(1023, -1).double(77, 1).bytes(1000, [1, 2, 3]).bytes.map { $0 } + [0xF5, 0x01, 1, 2, 3, 4]
    let ltpc = Message().raw(unknown).double(1, 5).raw(unknown)
    let market = Message().raw(unknown).message(1, ltpc).message(2, Message.levels(2).raw(unknown)).raw(unknown)
    let full = Message().raw(unknown).message(1, market)
    let feed = Message().raw(unknown).message(2, full).raw(unknown)
    let entry = Message().raw(unknown).text(1, "A").message(2, feed).raw(unknown)
    let tick = try #require(UpstoxRun(Message().raw(unknown).message(2, entry).raw(unknown).bytes).tick)
    #expect(tick.ltp == rupees(5) && tick.bidLevels == 2)
    // A known number with another wire type is unknown as well.
    let odd = Message().message(1, Message().integer(1, 5).double(2, 1).text(3, "x").integer(4, 9).double(1, 6))
    #expect(try #require(UpstoxRun(Message.frame(odd)).tick).bits == [.ltp, .lastTradeQuantity, .close])
  }

  @Test func `unknown keys are skipped and counted, or shown to whoever looks into frames`() {
    let feed = Message().message(1, .ltpc(1))
    let frame = Message.frame([("X", feed), ("A", feed), ("", feed)])
    let run = UpstoxRun(frame)
    #expect(run.keys == ["A"] && run.counters.unknownTokens == 2 && run.counters.ticks == 1)
    let all = UpstoxRun(frame, acceptsUnknown: true)
    #expect(all.keys == ["X", "A", ""])
    #expect(all.ticks.map(\.instrument) == [TokenMap.absent, 0, TokenMap.absent])
  }

  // MARK: Market status

  @Test func `market status is an event with the segments in it`() {
    let segment = { (name: String, state: Int64) in Message().text(1, name).integer(2, state) }
    let session = Message().text(1, "NSE_EQ").message(2, Message().text(1, "CAS_OPEN").integer(2, 5))
    let info = Message().message(1, segment("NSE_EQ", 2)).message(1, Message().text(1, "MCX_FO")).message(2, session)
      .message(1, segment("BSE_EQ", 9)).message(1, segment("NSE_EQ", 3)).message(3, session)
    let run = UpstoxRun(Message().integer(1, 2).integer(3, 5).message(4, info).bytes)
    #expect(run.segments == ["NSE_EQ": 3, "MCX_FO": 0, "BSE_EQ": 9])
    #expect(run.events == 1 && run.counters.events == 1 && run.last == .end && run.frameType == 2)
    #expect(UpstoxSegmentState(rawValue: 2).isOpen && UpstoxSegmentState(rawValue: 9).name == nil)
  }

  @Test func `a frame may have ticks and market status`() {
    let frame = Message.frame(Message().message(1, .ltpc(1)))
    let info = Message().message(4, Message().message(1, Message().text(1, "NSE_EQ").integer(2, 2))).bytes
    let run = UpstoxRun(info + frame)
    #expect(run.events == 1 && run.ticks.count == 1)
  }

  @Test func `an empty frame is valid and says nothing`() {
    let run = UpstoxRun([])
    #expect(run.last == .end && run.counters.malformed == 0 && run.counters.frames == 1 && run.frameType == 0)
  }

  @Test func `only what presence says is written, and only of the prefix`() {
    var decoder = UpstoxDecoder(keys: TextTokenMap([TextTokenMap.Entry(token: "A", instrument: 3)]), feed: 0)
    var tick = Tick()
    var book = DeepBook()
    tick.sequence = 11
    tick.publishedTime = 12
    tick.open = 13
    tick.volume = 14
    tick.depthSequence = 15
    tick.bids[0] = DepthLevel(price: 16)
    let step = Message.frame(Message().message(1, .ltpc(1))).withUnsafeBytes { frame in
      decoder.begin(frame, receivedNanos: 1)
      return decoder.next(into: &tick, book: &book)
    }
    #expect(step == .tick)
    #expect([tick.sequence, tick.depthSequence] == [11, 15])
    #expect([tick.publishedTime, tick.open, tick.volume, tick.bids[0].price] == [12, 13, 14, 16])
  }
}
