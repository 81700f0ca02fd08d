// The Upstox decoder on frames that are cut, damaged or made to hurt, and on numbers that cannot be.

import Market
import Normalize
import TestSupport
import Testing

@Suite struct UpstoxHostileTests {
  private static let prices = [1.0, 2, 3]

  /// Three instruments, every kind of message.
  private static var sound: [UInt8] {
    let market = Message.totals().message(1, .ltpc(1)).message(2, .levels(30)).message(3, Message().double(1, 0.5))
      .message(4, Message().message(1, .candle("1d")).message(1, .candle("I1")))
    let index = Message().message(1, .ltpc(2)).message(2, Message().message(1, .candle("1d")))
    let greeks = Message().message(1, .ltpc(3)).message(2, .quote(5, 75, 6, 150)).integer(4, 9).double(5, 12)
    return Message.frame([
      ("A", .market(market, mode: 3)), ("B", Message().message(2, Message().message(2, index))),
      ("C", Message().message(3, greeks).integer(4, 2)),
    ])
  }

  @Test func `a frame cut anywhere gives no tick, unless it is cut between fields`() {
    let frame = Self.sound
    let whole = UpstoxRun(frame)
    #expect(whole.ticks.map(\.ltp) == Self.prices.map(rupees) && whole.last == .end)
    var soundCuts = 0
    for length in 0..<frame.count {
      let run = UpstoxRun(frame[..<length])
      if run.last == .malformed {
        #expect(run.ticks.isEmpty && run.books.isEmpty && run.counters.malformed == 1, "cut at \(length)")
        #expect(run.frameMillis == 0 && run.frameType == 0)
      } else {
        // The end of a field of the outermost message: 0, the type, each entry.
        soundCuts += 1
        #expect(run.ticks.map(\.ltp) == Self.prices.prefix(run.ticks.count).map(rupees), "cut at \(length)")
      }
    }
    #expect(soundCuts == 5)
  }

  @Test(arguments: [
    [0x0B, 0x0C], [0xFB, 0x3F, 0xFC, 0x3F], [0x0E], [0x0F], [0x00, 0x00], [0x15, 1, 2],
    [0x08] + [UInt8](repeating: 0x80, count: 10) + [0x00],
  ])
  func `what the format forbids drops the whole frame, in whatever message it stands`(bad: [UInt8]) {
    let bad = Message().raw(bad)
    let market = { (part: Message) in Message.market(part) }
    let nested: [(String, Message)] = [
      ("feed", bad), ("ltpc", Message().message(1, bad)), ("full", Message().message(2, bad)),
      ("market", market(bad)), ("levels", market(Message().message(2, bad))),
      ("quote", market(Message().message(2, Message().message(1, bad)))), ("greeks", market(Message().message(3, bad))),
      ("candles", market(Message().message(4, bad))),
      ("candle", market(Message().message(4, Message().message(1, bad)))),
      ("equilibrium", Message().message(1, Message().message(5, bad))),
      ("index", Message().message(2, Message().message(2, bad))), ("first level", Message().message(3, bad)),
      ("first quote", Message().message(3, Message().message(2, bad))),
    ]
    let good = Message().message(1, .ltpc(1))
    for (place, feed) in nested {
      let run = UpstoxRun(Message.frame([("A", good), ("B", feed)]))
      #expect(run.last == .malformed && run.ticks.isEmpty && run.counters.malformed == 1, "\(place)")
    }
    let frame = Message.frame(good)
    let outer: [(String, [UInt8])] = [
      ("response", frame + bad.bytes), ("entry", frame + Message().message(2, bad).bytes),
      ("info", frame + Message().message(4, bad).bytes),
      ("segment", frame + Message().message(4, Message().message(1, bad)).bytes),
      ("session", frame + Message().message(4, Message().message(2, Message().message(2, bad))).bytes),
    ]
    for (place, frame) in outer {
      let run = UpstoxRun(frame)
      #expect(run.last == .malformed && run.ticks.isEmpty && run.events == 0, "\(place)")
    }
  }

  @Test func `text that is not UTF-8 drops the frame, opaque bytes do not`() {
    let good = Message().message(1, .ltpc(1))
    let bad: [UInt8] = [0x41, 0xFF]
    let frames: [[UInt8]] = [
      Message().message(2, Message().bytes(1, bad).message(2, good)).bytes,
      Message.frame(.market(Message().message(4, Message().message(1, Message().bytes(1, bad))))),
      Message().message(4, Message().message(1, Message().bytes(1, bad))).bytes,
      Message().message(4, Message().message(3, Message().message(2, Message().bytes(1, bad)))).bytes,
    ]
    for frame in frames { #expect(UpstoxRun(frame).last == .malformed) }
    #expect(UpstoxRun(Message.frame(good) + Message().bytes(15, bad).bytes).ticks.count == 1)
  }

  @Test(arguments: [Double.nan, -.nan, .infinity, -.infinity, -0.05, 1e11, 1e300, -1e300])
  func `an impossible price drops its entry and no other`(price: Double) {
    let level = Message().message(1, .quote(1, 1, 2, 2)).message(1, .quote(price, 1, 2, 2))
    let deep = Message().raw(Message.levels(25).bytes).message(1, .quote(1, 1, price, 2))
    let bad: [Message] = [
      Message().message(1, .ltpc(price)), Message().message(1, .ltpc(1, close: price)),
      .market(Message().double(5, price)), .market(Message().message(1, .ltpc(1)).message(2, level)),
      .market(Message().message(1, .ltpc(1)).message(2, deep), mode: 3),
      .market(Message().message(1, .ltpc(1)).message(4, Message().message(1, .candle("1d", low: price)))),
      Message().message(3, Message().message(1, .ltpc(1)).message(2, .quote(1, 1, price, 1))),
    ]
    let good = Message().message(1, .ltpc(1))
    for (place, feed) in bad.enumerated() {
      let run = UpstoxRun(Message.frame([("A", good), ("B", feed), ("C", good)]))
      #expect(run.keys == ["A", "C"] && run.books.isEmpty, "feed \(place)")
      // Said once, at the end.
      #expect(run.last == .malformed && run.counters.malformed == 1 && run.counters.badPrices == 1, "feed \(place)")
    }
    // The candle of a minute, the equilibrium and the greeks are not read.
    let unread = Message.market(
      Message().message(1, Message.ltpc(1).message(5, Message().double(1, price))).message(
        3, Message().double(1, price)
      )
      .message(4, Message().message(1, .candle("I1", open: price))).double(8, price).double(11, price))
    #expect(UpstoxRun(Message.frame(unread)).last == .end)
  }

  @Test func `prices keep eight decimals, and large ones four`() throws {
    for (wire, price) in [
      (2_345.65, "2345.65"), (0.05, "0.05"), (0.1 + 0.2, "0.3"), (83.123_456_78, "83.12345678"), (-0.0, "0"),
      (99_999.95, "99999.95"), (12_345_678.95, "12345678.95"), (1_234_567_890.125, "1234567890.125"),
    ] {
      let tick = try #require(UpstoxRun(Message.frame(Message().message(1, .ltpc(wire)))).tick)
      #expect(tick.ltp == Price.parse(price), "\(price)")
    }
  }

  @Test func `a quantity or time that cannot be is absent and counted`() throws {
    let ltpc = Message.ltpc(5, millis: -1, quantity: -7)
    let market = Message().message(1, ltpc).integer(6, -1).double(7, .nan).double(9, -1).double(10, 5)
    let run = UpstoxRun(Message.frame(.market(market)))
    let tick = try #require(run.tick)
    #expect(tick.bits == [.ltp, .close, .averagePrice] && run.counters.badNumbers == 1)
    #expect(run.last == .end && run.counters.malformed == 0)
    for millis in [Int64.max, 9_223_372_036_855] {
      let late = UpstoxRun(Message.frame(Message().message(1, .ltpc(5, millis: millis))))
      #expect(try !#require(late.tick).has(.lastTradeTime) && late.counters.badNumbers == 1)
    }
  }

  @Test func `quantities of levels saturate, and are never below zero`() throws {
    let levels = Message().message(1, .quote(1, 1 << 40, 2, -5)).message(1, .quote(1, 4_294_967_295, 2, .max))
    let tick = try #require(UpstoxRun(Message.frame(.market(Message().message(2, levels)))).tick)
    #expect(tick.bids[0].quantity == .max && tick.asks[0].quantity == 0)
    #expect(tick.bids[1].quantity == .max && tick.asks[1].quantity == .max)
  }

  @Test func `random damage never breaks the decoder or its counts`() {
    var generator = SeededGenerator()
    let sound = Self.sound
    for round in 0..<10_000 {
      var frame = sound
      for _ in 0..<Int.random(in: 1...6, using: &generator) {
        frame[Int.random(in: 0..<frame.count, using: &generator)] = .random(in: 0...255, using: &generator)
      }
      if round % 3 == 0 { frame.removeLast(Int.random(in: 0..<frame.count, using: &generator)) }
      if round % 5 == 0 {
        let place = Int.random(in: 0...frame.count, using: &generator)
        frame.insert(contentsOf: frame.prefix(Int.random(in: 0...40, using: &generator)), at: min(place, frame.count))
      }
      let run = UpstoxRun(frame, acceptsUnknown: round % 2 == 0)
      // A message of which nothing known is left gives a tick that says nothing.
      let isSane = run.ticks.allSatisfy { tick in
        (2...3).contains(tick.mode) && tick.bidLevels <= 5 && tick.askLevels <= 5
          && (!tick.has(.ltp) || tick.ltp >= 0) && (!tick.has(.volume) || tick.volume >= 0)
          && (!tick.has(.lastTradeTime) || tick.lastTradeTime > 0)
      }
      #expect(isSane && run.counters.ticks == UInt64(run.ticks.count), "seed \(generator.seed), round \(round)")
      #expect(run.books.allSatisfy { $0.bids.count <= 30 }, "seed \(generator.seed), round \(round)")
      #expect(run.counters.malformed == (run.last == .malformed ? 1 : 0), "seed \(generator.seed), round \(round)")
    }
  }

  @Test func `a step after the end stays at the end`() {
    var decoder = UpstoxDecoder(keys: TextTokenMap([TextTokenMap.Entry]()), feed: 0)
    var tick = Tick()
    var book = DeepBook()
    #expect(decoder.next(into: &tick, book: &book) == .end)
    for frame in [[0x0E], []] as [[UInt8]] {
      frame.withUnsafeBytes { bytes in
        decoder.begin(bytes, receivedNanos: 1)
        #expect(decoder.next(into: &tick, book: &book) == (frame.isEmpty ? .end : .malformed))
        #expect(decoder.next(into: &tick, book: &book) == .end)
      }
    }
  }
}
