// What the encoder writes, the real decoder reads back.

import Market
import Normalize
import Simulator
import TestSupport
import Testing

@Suite struct KiteEncoderTests {
  @Test(arguments: KiteMode.allCases)
  func `packets decode to the state they were made of`(mode: KiteMode) {
    let seed = SeededGenerator.chosenSeed()
    let universe = Universe(count: 600, seed: seed, todayDay: today)
    let tokens = universe.tokenMap
    var process = PriceProcess(universe: universe, seed: seed, nowSeconds: nowSeconds)
    for round in 0..<20 as Range<UInt32> {
      var frame: [UInt8] = [UInt8(universe.count >> 8), UInt8(universe.count & 0xFF)]
      for index in 0..<universe.count {
        process.step(index, nowSeconds: nowSeconds + round)
        frame += packet(process[index], mode)
      }
      let ticks = decode(frame, tokens)
      #expect(ticks.count == universe.count, "seed \(seed)")
      for (index, tick) in ticks.enumerated() {
        #expect(tick.instrument == UInt32(index))
        let entry = universe.instruments[index]
        #expect(
          difference(tick, process[index].pointee, entry, mode) == nil, "seed \(seed), \(entry.instrument.symbol)")
      }
    }
  }

  private func packet(_ state: UnsafePointer<PriceState>, _ mode: KiteMode) -> [UInt8] {
    withUnsafeTemporaryAllocation(byteCount: KiteEncoder.packetBytesMax, alignment: 1) { room in
      guard let base = room.baseAddress else { return [] }
      let count = KiteEncoder.write(state, mode, to: base)
      #expect(count == 2 + KiteEncoder.packetBytes(mode, isIndex: state.pointee.isIndex))
      return Array(room[..<count])
    }
  }

  private func difference(
    _ tick: Tick, _ state: PriceState, _ entry: SimulatedInstrument, _ mode: KiteMode
  ) -> String? {
    let unit: Int64 = entry.instrument.exchange == .cds ? 10 : 1_000_000
    func price(_ wire: Int32) -> Int64 { Int64(wire) * unit }
    guard tick.mode == mode.rawValue, tick.ltp == price(state.last) else { return "mode or last" }
    if tick.ltp % entry.instrument.tickSize != 0 { return "off the tick grid" }
    if mode == .ltp { return tick.presence == Presence.ltp.rawValue ? nil : "more than a price" }
    let day = [tick.open, tick.high, tick.low, tick.close]
    guard tick.has(.ohlc), day == [state.open, state.high, state.low, state.close].map(price) else { return "day" }
    if tick.close != entry.previousClose { return "previous close" }
    let seconds = Int64(state.exchangeSeconds) * 1_000_000_000
    if mode == .full, tick.exchangeTime != seconds || tick.lastTradeTime != seconds { return "times" }
    if entry.isIndex { return tick.has(.volume) || tick.has(.depth) ? "an index with volume" : nil }
    guard tick.averagePrice == price(state.average), tick.volume == Int64(state.volume) else { return "volume" }
    guard tick.lastTradeQuantity == Int64(state.lastQuantity) else { return "quantity" }
    guard tick.totalBuyQuantity == Int64(state.totalBuy), tick.totalSellQuantity == Int64(state.totalSell)
    else { return "totals" }
    guard mode == .full else { return tick.has(.depth) ? "depth in a quote" : nil }
    guard tick.openInterest == Int64(state.openInterest), tick.openInterestHigh == Int64(state.openInterestHigh),
      tick.openInterestLow == Int64(state.openInterestLow)
    else { return "open interest" }
    guard tick.bidLevels == 5, tick.askLevels == 5, tick.has([.bestBid, .bestAsk, .depth]) else { return "levels" }
    for level in 0..<5 {
      let distance = Int32(level) * state.tick
      let (bid, ask) = (state.level(level, isBid: true), state.level(level, isBid: false))
      let wanted = (
        DepthLevel(price: price(state.bid - distance), quantity: bid.quantity, orders: UInt32(bid.orders)),
        DepthLevel(price: price(state.ask + distance), quantity: ask.quantity, orders: UInt32(ask.orders))
      )
      if tick.bids[level] != wanted.0 || tick.asks[level] != wanted.1 { return "level \(level)" }
    }
    return nil
  }
}
