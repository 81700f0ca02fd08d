// Thousands of random ticks, extremes included, against the JSON reader: every message is valid, in bounds and says
// exactly what the tick says. A failure prints its seed; TICKGATE_SEED repeats it.

import Fanout
import JSONText
import Market
import TestSupport
import Testing

@Suite struct RandomTickTests {
  private static let rounds = 4000

  @Test func `every random tick becomes valid JSON with exact values`() throws {
    let seed = SeededGenerator.chosenSeed()
    var random = SeededGenerator(seed: seed)
    let symbols = [
      "X", "M&M", "NIFTY 50", "BANKNIFTY29DEC26FUT", "TCS:20", "Q\"\\\u{7F}", String(repeating: "é", count: 90),
    ]
    let registry = InstrumentRegistry(symbols.map { instrument(.nse, $0) })
    var encoder = TickEncoder(registry: registry, feedNames: ["zerodha"])
    for round in 0..<Self.rounds {
      let tick = Self.randomTick(instruments: UInt32(symbols.count), using: &random)
      for mode in Mode.allCases where mode.rawValue <= tick.mode {
        let result = encoded(&encoder, tick, mode)
        #expect(result.guardsAreIntact, "seed \(seed) round \(round)")
        let root = try JSONDocument(result.text + "}").root
        #expect(root["mode"]?.integer == Int64(mode.rawValue), "seed \(seed) round \(round)")
        let data = try #require(root["data"])
        #expect(data["symbol"]?.string == symbols[Int(tick.instrument)], "seed \(seed) round \(round)")
        #expect(Self.agrees(data, tick, mode), "seed \(seed) round \(round): \(result.text)")
      }
    }
  }

  private static func agrees(_ data: JSONValue, _ tick: Tick, _ mode: Mode) -> Bool {
    var fine = data["timestamp"]?.integer == tick.receivedTime / 1_000_000
    func price(_ name: String, _ value: Int64, _ bit: Presence) {
      let text = data[name].map { String(decoding: $0.raw, as: UTF8.self) }
      guard tick.has(bit) else { return fine = fine && text == nil }
      // `Price.parse` cannot read the one magnitude that is not positive.
      fine = fine && (value == .min || text.flatMap { Price.parse($0) } == value) && data[name]?.kind == .real
    }
    func integer(_ name: String, _ value: Int64, _ bit: Presence) {
      fine = fine && data[name]?.integer == (tick.has(bit) ? value : nil)
    }
    price("ltp", tick.ltp, .ltp)
    guard mode >= .quote else { return fine }
    for (name, value) in [("open", tick.open), ("high", tick.high), ("low", tick.low)] { price(name, value, .dayRange) }
    price("close", tick.close, .close)
    price("average_price", tick.averagePrice, .averagePrice)
    price("upper_circuit", tick.upperCircuit, .circuits)
    integer("volume", tick.volume, .volume)
    integer("oi", tick.openInterest, .openInterest)
    integer("total_sell_quantity", tick.totalSellQuantity, .totals)
    integer("last_quantity", min(tick.lastTradeQuantity, 2_147_483_647), .lastTradeQuantity)
    guard mode == .depth else { return fine }
    let sell = data["depth"]?["sell"]?.elements ?? []
    fine = fine && sell.count == (tick.has(.depth) ? 5 : 0)
    for (index, level) in sell.enumerated() {
      let expected = index < Int(tick.askLevels) ? tick.asks[index] : DepthLevel()
      fine = fine && level["quantity"]?.integer == Int64(min(expected.quantity, 2_147_483_647))
      fine = fine && level["orders"]?.integer == Int64(min(expected.orders, 2_147_483_647))
    }
    return fine
  }

  private static func randomTick(instruments: UInt32, using random: inout SeededGenerator) -> Tick {
    var tick = Tick()
    tick.instrument = UInt32.random(in: 0..<instruments, using: &random)
    tick.mode = UInt8.random(in: 1...3, using: &random)
    tick.presence = UInt32.random(in: 0..<(1 << 14), using: &random)
    tick.bidLevels = UInt8.random(in: 0...7, using: &random)
    tick.askLevels = UInt8.random(in: 0...7, using: &random)
    tick.receivedTime = number(&random)
    tick.ltp = number(&random)
    tick.lastTradeTime = number(&random)
    tick.open = number(&random)
    tick.high = number(&random)
    tick.low = number(&random)
    tick.close = number(&random)
    tick.volume = number(&random)
    tick.lastTradeQuantity = number(&random)
    tick.averagePrice = number(&random)
    tick.totalBuyQuantity = number(&random)
    tick.totalSellQuantity = number(&random)
    tick.openInterest = number(&random)
    tick.upperCircuit = number(&random)
    tick.lowerCircuit = number(&random)
    tick.bidPrice = number(&random)
    tick.askPrice = number(&random)
    tick.bidQuantity = UInt32.random(in: 0...UInt32.max, using: &random)
    tick.askQuantity = UInt32.random(in: 0...UInt32.max, using: &random)
    for index in 0..<5 {
      tick.bids[index] = level(&random)
      tick.asks[index] = level(&random)
    }
    return tick
  }

  private static func level(_ random: inout SeededGenerator) -> DepthLevel {
    DepthLevel(
      price: number(&random), quantity: UInt32.random(in: 0...UInt32.max, using: &random),
      orders: UInt32.random(in: 0...UInt32.max, using: &random))
  }

  /// Small, typical and extreme values alike.
  private static func number(_ random: inout SeededGenerator) -> Int64 {
    switch UInt8.random(in: 0..<8, using: &random) {
    case 0: 0
    case 1: .max
    case 2: .min
    default: Int64(bitPattern: random.next()) >> Int64.random(in: 0..<64, using: &random)
    }
  }
}
