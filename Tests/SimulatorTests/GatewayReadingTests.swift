// The gateway's own readers on what the exchange makes: each list gives the same instruments under the same tokens, and
// each decoder takes every frame.

import Market
import Normalize
import Simulator
import Testing
import WebSocket

@Suite(.serialized) struct GatewayReadingTests {
  private func master(_ universe: Universe, _ broker: SimulatedBroker) throws -> InstrumentMaster {
    let list = universe.instrumentList(for: broker)
    switch broker {
    case .kite: return try KiteInstruments.parse(list, today: today)
    case .angel: return try AngelInstruments.parse(list, today: today)
    case .upstox: return try UpstoxInstruments.parse(list, today: today)
    case .dhan: return try DhanInstruments.parse(list, today: today)
    }
  }

  @Test(arguments: SimulatedBroker.allCases, [120, 3_000])
  func `a list reads back as the same instruments`(broker: SimulatedBroker, count: Int) throws {
    let universe = Universe(count: count, seed: 1, todayDay: today)
    let master = try master(universe, broker)
    #expect(master.skipped.isEmpty && master.problems.isEmpty && master.rows.count == count)
    for (row, entry) in zip(master.rows, universe.instruments) {
      let (read, written) = (row.instrument, entry.instrument)
      #expect(read.key == written.key && read.kind == written.kind && read.expiryDay == written.expiryDay)
      #expect(read.strike == written.strike && read.lotSize == written.lotSize, "\(written.symbol)")
      #expect(read.tickSize == written.tickSize, "\(written.symbol)")
      let token = entry.token(for: broker)
      #expect(row.feedToken == token.token, "\(written.symbol)")
      if broker == .angel || broker == .dhan { #expect(row.segment == token.segment, "\(written.symbol)") }
    }
  }

  /// Frames of a whole universe in the mode with five levels, snapshots and some live ones.
  private func frames(_ broker: SimulatedBroker, _ count: Int, _ body: (SimulatedExchange, [[UInt8]]) throws -> Void)
    throws
  {
    try withBroker(broker, { $0.ticksPerSecond = 10_000 }) { exchange in
      let client = try BrokerClient(exchange)
      client.subscribe(exchange.universe.instruments.indices.filter { !exchange.universe.instruments[$0].isIndex })
      client.subscribe(
        exchange.universe.instruments.indices.filter { exchange.universe.instruments[$0].isIndex },
        mode: broker == .dhan ? "quote" : nil)
      try body(exchange, try (0..<count).map { _ in try client.client.nextFrame() })
    }
  }

  private func tokens(_ exchange: SimulatedExchange) -> [FeedListing] {
    exchange.universe.instruments.enumerated().map { index, entry in
      let token = entry.token(for: exchange.broker)
      return FeedListing(instrument: UInt32(index), segment: token.segment, token: token.token)
    }
  }

  @Test func `the SmartStream decoder takes every frame`() throws {
    try frames(.angel, 1_000) { exchange, frames in
      var decoder = SmartStreamDecoder(tokens: TokenMap(tokens(exchange), withSegment: true), feed: 0)
      let ticks = decode(frames) { frame, tick, book in
        if let frame { decoder.begin(frame, receivedNanos: 0) }
        return decoder.next(into: tick, book: book)
      }
      #expect(decoder.counters.rejected == 0 && decoder.counters.badPrices == 0)
      check(ticks, exchange)
    }
  }

  @Test func `the Dhan decoder takes every frame`() throws {
    try frames(.dhan, 200) { exchange, frames in
      var decoder = DhanDecoder(tokens: TokenMap(tokens(exchange), withSegment: true), feed: 0)
      let ticks = decode(frames) { frame, tick, book in
        if let frame { decoder.begin(frame, receivedNanos: 0) }
        return decoder.next(into: tick, book: book)
      }
      #expect(decoder.counters.rejected == 0 && decoder.counters.badPrices == 0)
      check(ticks.filter { $0.has(.ltp) }, exchange)
    }
  }

  @Test func `the Upstox decoder takes every frame`() throws {
    try frames(.upstox, 200) { exchange, frames in
      var decoder = UpstoxDecoder(keys: TextTokenMap(tokens(exchange)), feed: 0)
      let ticks = decode(frames) { frame, tick, book in
        if let frame { decoder.begin(frame, receivedNanos: 0) }
        return decoder.next(into: tick, book: book)
      }
      #expect(decoder.counters.rejected == 0 && decoder.counters.badPrices == 0)
      check(ticks.filter { $0.has(.ltp) }, exchange)
    }
  }

  /// Every instrument came, with prices on its grid.
  private func check(_ ticks: [Tick], _ exchange: SimulatedExchange) {
    #expect(Set(ticks.map(\.instrument)).count == exchange.universe.count)
    for tick in ticks {
      let entry = exchange.universe.instruments[Int(tick.instrument)]
      // 32-bit floats lose paise beyond 131,072 rupees.
      let isExact = exchange.broker != .dhan || tick.ltp < 131_072 * Price.scale
      #expect(!isExact || tick.ltp % entry.instrument.tickSize == 0, "\(entry.instrument.symbol) \(tick.ltp)")
    }
  }

  /// Ticks of all frames. `step` begins a frame when it is given one, and takes the next step.
  private func decode(
    _ frames: [[UInt8]],
    step: (UnsafeRawBufferPointer?, UnsafeMutablePointer<Tick>, UnsafeMutablePointer<DeepBook>) -> DecodeStep
  ) -> [Tick] {
    let tick = UnsafeMutablePointer<Tick>.allocate(capacity: 1)
    let book = UnsafeMutablePointer<DeepBook>.allocate(capacity: 1)
    defer {
      tick.deallocate()
      book.deallocate()
    }
    book.initialize(to: DeepBook())
    var ticks: [Tick] = []
    for frame in frames {
      frame.withUnsafeBytes { raw in
        var begun: UnsafeRawBufferPointer? = raw
        while true {
          tick.initialize(to: Tick())
          let result = step(begun, tick, book)
          begun = nil
          if result == .end || result == .malformed { return }
          if result == .tick { ticks.append(tick.pointee) }
        }
      }
    }
    return ticks
  }
}
