// Thousands of random ticks through the encoder and an independent reader: a record says exactly what the tick says in
// the fields of its mode, and zero in those that are absent. A failure prints its seed; TICKGATE_SEED repeats it.

import Fanout
import Market
import TestSupport
import Testing

@Suite struct BinaryRandomTests {
  private static let rounds = 4000

  @Test func `every random tick survives the way to the wire and back`() throws {
    let seed = SeededGenerator.chosenSeed()
    var random = SeededGenerator(seed: seed)
    for round in 0..<Self.rounds {
      let tick = Self.randomTick(using: &random)
      for mode in Mode.allCases where mode.rawValue <= tick.mode {
        let bytes: [UInt8] = try #require(binary(tick, mode), "seed \(seed) round \(round)")
        let record = WireRecord(bytes: bytes)
        let expected = Self.expected(tick, mode)
        #expect(Int(record.u16(0)) == record.bytes.count && record.u8(3) == 0, "seed \(seed) round \(round)")
        #expect(Self.words(record.tick) == Self.words(expected), "seed \(seed) round \(round) \(mode)")
      }
    }
  }

  @Test func `a record of a lower mode does not depend on what the tick knows beyond it`() throws {
    let seed = SeededGenerator.chosenSeed()
    var random = SeededGenerator(seed: seed)
    for _ in 0..<200 {
      var tick = Self.randomTick(using: &random)
      tick.mode = Mode.depth.rawValue
      for mode in [Mode.ltp, .quote] {
        var prefix = Self.words(tick)
        let end = Tick.words(ofMode: mode.rawValue)
        for index in end..<prefix.count { prefix[index] = random.next() }
        let other = prefix.withUnsafeBytes { $0.load(as: Tick.self) }
        let record: [UInt8] = try #require(binary(tick, mode))
        #expect(record == binary(other, mode), "seed \(seed)")
      }
    }
  }

  /// What a reader of the record must see: the rules of the document, said once more.
  private static func expected(_ tick: Tick, _ mode: Mode) -> Tick {
    var seen = Tick()
    seen.instrument = tick.instrument
    seen.mode = mode.rawValue
    seen.feed = tick.feed
    seen.sequence = tick.sequence(of: mode)
    seen.receivedTime = tick.receivedTime
    let delay = tick.publishedTime &- tick.receivedTime
    seen.publishedTime = delay < 0 ? 0 : min(delay, 4_294_967_295)
    var presence: Presence = [.ltp, .lastTradeTime, .exchangeTime, .suspect]
    if tick.has(.ltp) { seen.ltp = tick.ltp }
    if tick.has(.lastTradeTime) { seen.lastTradeTime = tick.lastTradeTime }
    if tick.has(.exchangeTime) { seen.exchangeTime = tick.exchangeTime }
    if mode >= .quote {
      presence.formUnion([
        .ohlc, .volume, .lastTradeQuantity, .averagePrice, .totals, .openInterest, .circuits, .bestBid, .bestAsk,
      ])
      quote(tick, into: &seen)
    }
    if mode == .depth {
      presence.formUnion([.openInterestRange, .depth])
      depth(tick, into: &seen)
    }
    seen.presence = presence.rawValue & tick.presence
    return seen
  }

  private static func quote(_ tick: Tick, into seen: inout Tick) {
    if tick.has(.dayRange) { (seen.open, seen.high, seen.low) = (tick.open, tick.high, tick.low) }
    if tick.has(.close) { seen.close = tick.close }
    if tick.has(.volume) { seen.volume = tick.volume }
    if tick.has(.lastTradeQuantity) { seen.lastTradeQuantity = tick.lastTradeQuantity }
    if tick.has(.averagePrice) { seen.averagePrice = tick.averagePrice }
    if tick.has(.totals) {
      (seen.totalBuyQuantity, seen.totalSellQuantity) = (tick.totalBuyQuantity, tick.totalSellQuantity)
    }
    if tick.has(.openInterest) { seen.openInterest = tick.openInterest }
    if tick.has(.circuits) { (seen.upperCircuit, seen.lowerCircuit) = (tick.upperCircuit, tick.lowerCircuit) }
    if tick.has(.bestBid) { (seen.bidPrice, seen.bidQuantity) = (tick.bidPrice, tick.bidQuantity) }
    if tick.has(.bestAsk) { (seen.askPrice, seen.askQuantity) = (tick.askPrice, tick.askQuantity) }
  }

  private static func depth(_ tick: Tick, into seen: inout Tick) {
    if tick.has(.openInterestRange) {
      (seen.openInterestHigh, seen.openInterestLow) = (tick.openInterestHigh, tick.openInterestLow)
    }
    guard tick.has(.depth) else { return }
    (seen.bidLevels, seen.askLevels) = (min(tick.bidLevels, 5), min(tick.askLevels, 5))
    for index in 0..<Int(seen.bidLevels) { seen.bids[index] = tick.bids[index] }
    for index in 0..<Int(seen.askLevels) { seen.asks[index] = tick.asks[index] }
  }

  private static func words(_ tick: Tick) -> [UInt64] {
    withUnsafeBytes(of: tick) { Array($0.bindMemory(to: UInt64.self)) }
  }

  /// Random bits everywhere, with the mode valid, the level counts near their range and the delay often small.
  private static func randomTick(using random: inout SeededGenerator) -> Tick {
    let words = (0..<Tick.words(ofMode: 3)).map { _ in random.next() >> UInt64.random(in: 0..<64, using: &random) }
    var tick = words.withUnsafeBytes { $0.load(as: Tick.self) }
    tick.mode = UInt8.random(in: 1...3, using: &random)
    tick.bidLevels = UInt8.random(in: 0...7, using: &random)
    tick.askLevels = UInt8.random(in: 0...7, using: &random)
    tick.presence = UInt32(truncatingIfNeeded: random.next())
    if Bool.random(using: &random) {
      tick.publishedTime = tick.receivedTime &+ Int64.random(in: -10...5_000_000_000, using: &random)
    }
    return tick
  }
}
