// The four protocols over real sockets: what is sent equals the price process, subscriptions, limits, entrance.

import Foundation
import Market
import Reactor
import Simulator
import TestSupport
import Testing
import WebSocket

private let testBackend = getenv("TICKGATE_IO_BACKEND").map { BackendKind(rawValue: String(cString: $0))! } ?? .auto

/// Runs a body against an exchange of a broker, which is stopped afterwards.
func withBroker(
  _ broker: SimulatedBroker, _ change: (inout ExchangeConfiguration) -> Void = { _ in },
  clock: any WallClock = SystemClock(), _ body: (SimulatedExchange) throws -> Void
) throws {
  var configuration = ExchangeConfiguration()
  configuration.broker = broker
  configuration.seed = 42
  configuration.ticksPerSecond = 1_000
  configuration.backend = testBackend
  change(&configuration)
  let exchange = try SimulatedExchange.start(configuration, clock: clock)
  defer { exchange.stop() }
  try body(exchange)
}

/// Polls until it holds; false when it never does.
func eventually(_ condition: () throws -> Bool) rethrows -> Bool {
  for _ in 0..<4_000 {
    if try condition() { return true }
    usleep(5_000)
  }
  return false
}

@Suite(.serialized) struct BrokerExchangeTests {
  private static let clock = ManualClock(nanos: Int64(nowSeconds) * 1_000_000_000)

  /// The day of the exchange as it opens, which is what the first snapshots tell.
  private func opening(_ exchange: SimulatedExchange) -> PriceProcess {
    PriceProcess(universe: exchange.universe, seed: 42, nowSeconds: nowSeconds)
  }

  private func divisor(_ exchange: SimulatedExchange, _ index: Int) -> Double {
    exchange.universe.instruments[index].instrument.exchange == .cds ? 10_000_000 : 100
  }

  /// An instrument of each exchange, whatever can have a full packet.
  private func samples(_ exchange: SimulatedExchange) -> [Int] {
    let universe = exchange.universe
    let exchanges: [Exchange] = [.nse, .bse, .nfo, .bfo, .mcx, .cds]
    return exchanges.compactMap { code in universe.instruments.firstIndex { $0.instrument.exchange == code } }
  }

  // MARK: What is sent

  @Test func `Angel's packets tell the price process in every mode`() throws {
    try withBroker(.angel, clock: Self.clock) { exchange in
      let day = opening(exchange)
      let client = try BrokerClient(exchange)
      for index in samples(exchange) + [exchange.universe.index(.nseIndex, "NIFTY") ?? 0] {
        for mode in ["ltp", "quote", "snap_quote"] {
          try withBroker(.angel, { $0.ticksPerSecond = 1 }, clock: Self.clock) { quiet in
            let client = try BrokerClient(quiet)
            client.subscribe([index], mode: mode)
            let packet = AngelPacket(bytes: try client.client.nextFrame())
            check(packet, day[index].pointee, divisor(exchange, index))
          }
        }
      }
      _ = client
    }
  }

  private func check(_ packet: AngelPacket, _ state: PriceState, _ divisor: Double) {
    #expect(packet.last == Double(state.last) / divisor)
    #expect(packet.exchangeMillis == Int64(nowSeconds) * 1000)
    if packet.mode == 1 { return #expect(packet.bytes.count == 51) }
    #expect(packet.bytes.little(51, as: Int64.self) == Int64(state.lastQuantity))
    #expect(packet.bytes.little(67, as: Int64.self) == Int64(state.volume))
    #expect(packet.bytes.double(75) == Double(state.totalBuy) && packet.bytes.double(83) == Double(state.totalSell))
    let day = [91, 99, 107, 115].map { packet.price($0) }
    #expect(day == [state.open, state.high, state.low, state.close].map { Double($0) / divisor })
    if packet.mode == 2 { return #expect(packet.bytes.count == 123) }
    #expect(packet.bytes.count == 379)
    #expect(packet.bytes.little(123, as: Int64.self) == Int64(state.tradeSeconds))
    #expect(packet.bytes.little(131, as: Int64.self) == Int64(state.openInterest))
    #expect(packet.price(347) == Double(state.upperCircuit) / divisor)
    #expect(packet.price(355) == Double(state.lowerCircuit) / divisor)
    #expect(packet.bids.count == 5 && packet.asks.count == 5)
    guard !state.isIndex else { return #expect(packet.bids.allSatisfy { $0.price == 0 && $0.quantity == 0 }) }
    #expect(packet.price(59) == Double(state.average) / divisor)
    for level in 0..<5 {
      let distance = Int32(level) * state.tick
      let (bid, ask) = (state.level(level, isBid: true), state.level(level, isBid: false))
      let expected = [
        Level(price: Double(state.bid - distance) / divisor, quantity: Int(bid.quantity), orders: Int(bid.orders)),
        Level(price: Double(state.ask + distance) / divisor, quantity: Int(ask.quantity), orders: Int(ask.orders)),
      ]
      #expect([packet.bids[level], packet.asks[level]] == expected)
    }
  }

  @Test func `Angel's twenty levels are best first and a tick apart`() throws {
    try withBroker(.angel, clock: Self.clock) { exchange in
      let day = opening(exchange)
      let index = try #require(exchange.universe.index(.nse, "INFY"))
      let client = try BrokerClient(exchange)
      client.subscribe([index], mode: "depth")
      let packet = AngelPacket(bytes: try client.client.nextFrame())
      #expect(packet.bytes.count == 443 && packet.mode == 4 && packet.exchange == 1 && packet.token == "13")
      #expect(packet.bids.map(\.price) == (0..<20).map { Double(day[index].pointee.bid - Int32($0) * 10) / 100 })
      #expect(packet.asks.map(\.price) == (0..<20).map { Double(day[index].pointee.ask + Int32($0) * 10) / 100 })
      #expect((packet.bids + packet.asks).allSatisfy { $0.quantity > 0 && $0.orders > 0 })
    }
  }

  @Test func `Dhan's packets tell the price process in every mode`() throws {
    try withBroker(.dhan, clock: Self.clock) { exchange in
      let day = opening(exchange)
      for (index, mode) in samples(exchange).flatMap({ index in ["ticker", "quote", "full"].map { (index, $0) } }) {
        try withBroker(.dhan, { $0.ticksPerSecond = 1 }, clock: Self.clock) { quiet in
          let client = try BrokerClient(quiet)
          client.subscribe([index], mode: mode)
          let packets = try #require(DhanPacket.all(try client.client.nextFrame()))
          check(packets, day[index].pointee, divisor(quiet, index), quiet.universe.instruments[index], mode)
        }
      }
    }
  }

  private func check(
    _ packets: [DhanPacket], _ state: PriceState, _ divisor: Double, _ entry: SimulatedInstrument, _ mode: String
  ) {
    let exchange = entry.instrument.exchange
    // The previous close comes for all but NSE's shares, the open interest with the quote of a derivative.
    var codes: [UInt8] = exchange == .nse ? [] : [6]
    codes += mode == "ticker" ? [2] : mode == "quote" ? [4] : [8]
    if mode == "quote", exchange.isDerivative { codes.append(5) }
    #expect(packets.map(\.code) == codes)
    #expect(
      packets.allSatisfy { $0.length == DhanPacket.sizes[$0.code] && String($0.id) == entry.token(for: .dhan).token })
    func rupees(_ price: Int32) -> Double { Double(Float(Double(price) / divisor)) }
    for packet in packets {
      switch packet.code {
      case 6: #expect(packet.last == rupees(state.close))
      case 5: #expect(packet.bytes.little(8, as: UInt32.self) == state.openInterest)
      default:
        #expect(packet.last == rupees(state.last) && packet.tradeSeconds == state.tradeSeconds)
        if packet.code == 2 { continue }
        #expect(packet.bytes.little(12, as: UInt16.self) == UInt16(truncatingIfNeeded: state.lastQuantity))
        #expect(packet.bytes.float(18) == rupees(state.average))
        let counts = [22, 26, 30].map { packet.bytes.little($0, as: UInt32.self) }
        #expect(counts == [state.volume, state.totalSell, state.totalBuy])
        let at = packet.code == 4 ? 34 : 46
        let prices = [0, 4, 8, 12].map { packet.bytes.float(at + $0) }
        #expect(prices == [state.open, state.close, state.high, state.low].map(rupees))
        if packet.code == 4 { continue }
        #expect(packet.bytes.little(34, as: UInt32.self) == state.openInterest)
        for level in 0..<5 {
          let (bid, ask) = (state.level(level, isBid: true), state.level(level, isBid: false))
          let distance = Int32(level) * state.tick
          let read = packet.level(level)
          #expect(read.bid.price == rupees(state.bid - distance) && read.ask.price == rupees(state.ask + distance))
          #expect(read.bid.quantity == Int(bid.quantity) && read.ask.quantity == Int(ask.quantity))
          #expect(read.bid.orders == Int(bid.orders) && read.ask.orders == Int(ask.orders))
        }
      }
    }
  }

  @Test(arguments: [("/twentydepth", 20), ("/twohundreddepth", 200)])
  func `Dhan's deep feeds send both sides of a book`(path: String, levels: Int) throws {
    try withBroker(.dhan, clock: Self.clock) { exchange in
      let day = opening(exchange)
      let client = try TestClient(port: exchange.port, target: "\(path)?token=t&clientId=c&authType=2")
      client.send(
        #"{"RequestCode":23,"InstrumentCount":1,"InstrumentList":[{"ExchangeSegment":"NSE_EQ","SecurityId":"13"}]}"#)
      let books = try #require(DhanBook.all(try client.nextFrame()))
      let state = day[try #require(exchange.universe.index(.nse, "INFY"))].pointee
      #expect(books.map(\.code) == [41, 51] && books.allSatisfy { $0.segment == 1 && $0.id == 13 })
      #expect(books.map(\.levels.count) == [levels, levels])
      #expect(books[0].levels.map(\.price) == (0..<levels).map { Double(state.bid - Int32($0) * 10) / 100 })
      #expect(books[1].levels.map(\.price) == (0..<levels).map { Double(state.ask + Int32($0) * 10) / 100 })
    }
  }

  @Test func `Upstox begins with the market's state and the last full state of each key`() throws {
    try withBroker(.upstox, clock: Self.clock) { exchange in
      let day = opening(exchange)
      let client = try BrokerClient(exchange)
      let info = try #require(Proto(try client.client.nextFrame()))
      #expect(info.number(1) == 2 && info.number(3) == UInt64(nowSeconds) * 1000)
      let states = try #require(info.message(4)).messages(1)
      #expect(states.contains { $0.text(1) == "NSE_EQ" && $0.number(2) == 2 } && states.count == 10)
      let wanted = samples(exchange) + [exchange.universe.index(.nseIndex, "NIFTY") ?? 0]
      client.subscribe(wanted)
      let response = try #require(Proto(try client.client.nextFrame()))
      #expect(response.number(1) == 0 && response.number(3) == UInt64(nowSeconds) * 1000)
      let entries = response.messages(2)
      #expect(entries.map { $0.text(1) } == wanted.map { exchange.universe.instruments[$0].token(for: .upstox).token })
      for (entry, index) in zip(entries, wanted) {
        let feed = try #require(entry.message(2))
        #expect(feed.number(4) == 1)
        try check(feed, day[index].pointee, divisor(exchange, index))
      }
    }
  }

  private func check(_ feed: Proto, _ state: PriceState, _ divisor: Double) throws {
    func rupees(_ price: Int32) -> Double { Double(price) / divisor }
    let market = try #require(feed.message(2)?.message(state.isIndex ? 2 : 1))
    let trade = try #require(market.message(1))
    #expect(trade.double(1) == rupees(state.last) && trade.double(4) == rupees(state.close))
    #expect(trade.number(2) == UInt64(state.tradeSeconds) * 1000 && trade.number(3) == UInt64(state.lastQuantity))
    let candles = try #require(market.message(state.isIndex ? 2 : 4)).messages(1)
    let today = try #require(candles.first { $0.text(1) == "1d" })
    #expect((2...5).map { today.double($0) } == [state.open, state.high, state.low, state.last].map(rupees))
    #expect(candles.contains { $0.text(1) == "I1" })
    if state.isIndex { return }
    let numbers = [5, 7, 9, 10].map { market.double($0) }
    let expected = [
      rupees(state.average), Double(state.openInterest), Double(state.totalBuy), Double(state.totalSell),
    ]
    #expect(numbers == expected && market.number(6) == UInt64(state.volume))
    let levels = try #require(market.message(2)).messages(1)
    #expect(levels.count == 5)
    for (index, level) in levels.enumerated() {
      let distance = Int32(index) * state.tick
      #expect(level.double(2) == rupees(state.bid - distance) && level.double(4) == rupees(state.ask + distance))
      #expect(level.number(1) == UInt64(state.level(index, isBid: true).quantity))
      #expect(level.number(3) == UInt64(state.level(index, isBid: false).quantity))
    }
  }

  @Test func `Upstox's live entries leave parts out now and then, its other modes their own`() throws {
    try withBroker(.upstox, { $0.ticksPerSecond = 2_000 }) { exchange in
      let client = try BrokerClient(exchange)
      let option = try #require(exchange.universe.instruments.firstIndex { $0.instrument.kind == .call })
      client.subscribe([0])
      client.subscribe([1], mode: "ltpc")
      client.subscribe([option], mode: "option_greeks")
      client.subscribe([2], mode: "full_d30")
      var (whole, partial, modes) = (0, 0, Set<UInt64>())
      while whole < 20 || partial < 5 || modes.count < 4 {
        let response = try #require(Proto(try client.client.nextFrame()))
        guard response.number(1) == 1 else { continue }
        for feed in response.messages(2).compactMap({ $0.message(2) }) {
          modes.insert(feed.number(4))
          if let first = feed.message(3) {
            #expect(first.message(1) != nil && first.message(2) != nil && first.message(3)?.double(1) == 0.5)
          }
          guard let market = feed.message(2)?.message(1) else { continue }
          if feed.number(4) == 3, let book = market.message(2) { #expect(book.messages(1).count == 30) }
          #expect(market.double(5) > 0)
          if market.message(1) != nil, market.message(4) != nil { whole += 1 } else { partial += 1 }
        }
      }
    }
  }

  // MARK: Subscriptions

  @Test(arguments: SimulatedBroker.allCases)
  func `what is subscribed ticks, and the exchange tells exactly what that is`(broker: SimulatedBroker) throws {
    try withBroker(broker, { $0.ticksPerSecond = 5_000 }) { exchange in
      let client = try BrokerClient(exchange)
      let wanted = exchange.universe.instruments.indices.filter {
        $0 % 3 == 0 && !exchange.universe.instruments[$0].isIndex
      }
      client.subscribe(wanted)
      var seen: Set<Int> = []
      for _ in 0..<100_000 where seen.count < wanted.count { seen.formUnion(try client.take(1).map(\.instrument)) }
      #expect(seen == Set(wanted))
      let told = exchange.subscriptions()
      #expect(Set(told.map(\.token)) == Set(wanted.map { exchange.universe.instruments[$0].token(for: broker) }))
      #expect(told.count == wanted.count && Set(told.map(\.mode)).count == 1 && Set(told.map(\.connection)).count == 1)
      #expect(exchange.statistics.subscribeFrames >= 1 && exchange.statistics.connects == 1)
      client.client.send(.close, [])
      #expect(eventually { exchange.subscriptions().isEmpty })
    }
  }

  @Test(arguments: [SimulatedBroker.angel, .dhan, .upstox])
  func `prices of the wire stay on the instrument's grid and within its day`(broker: SimulatedBroker) throws {
    try withBroker(broker, { $0.ticksPerSecond = 20_000 }) { exchange in
      let universe = exchange.universe
      let client = try BrokerClient(exchange)
      client.subscribe(Array(universe.instruments.indices), mode: broker == .dhan ? "ticker" : nil)
      for quote in try client.take(5_000) {
        let entry = universe.instruments[quote.instrument]
        let ticks = quote.last / Price.double(entry.instrument.tickSize)
        let tolerance = broker == .dhan ? quote.last * 1e-7 / Price.double(entry.instrument.tickSize) + 1e-6 : 1e-6
        #expect(abs(ticks - ticks.rounded()) <= tolerance, "\(entry.instrument.symbol) \(quote.last)")
      }
    }
  }

  @Test func `Angel answers text pings, and cuts who sends none`() throws {
    var limits = BrokerLimits.of(.angel)
    limits.silenceNanosMax = 400_000_000
    try withBroker(.angel, { $0.limits = limits }) { exchange in
      let (alive, silent) = (try BrokerClient(exchange), try BrokerClient(exchange))
      var answers = 0
      while exchange.statistics.connections == 2 {
        alive.client.send("ping")
        #expect(try alive.client.next() == .text("pong"))
        answers += 1
        usleep(20_000)
      }
      #expect(answers > 0)
      #expect(try silent.client.next() == .closed(code: 1008))
      #expect(exchange.statistics.connections == 1)
    }
  }

  @Test(arguments: [SimulatedBroker.upstox, .dhan])
  func `pings come, and who does not answer them is cut`(broker: SimulatedBroker) throws {
    var limits = BrokerLimits.of(broker)
    limits.pingNanos = 60_000_000
    limits.silenceNanosMax = 500_000_000
    try withBroker(broker, { $0.limits = limits }) { exchange in
      let client = try BrokerClient(exchange)
      var pings = 0
      while pings < 15 {
        guard case .ping(let payload) = try client.client.next() else { continue }
        client.client.send(.pong, payload)
        pings += 1
      }
      var received = try client.client.next()
      while case .ping = received { received = try client.client.next() }
      #expect(received == .closed(code: 1008))
      #expect(exchange.statistics.heartbeats >= 15)
    }
  }
}
