// The random walk keeps what every market keeps, for many steps, and is the same for the same seed.

import Market
import Simulator
import TestSupport
import Testing

@Suite struct PriceProcessTests {
  private let universe = Universe(count: 400, seed: 5, todayDay: today)

  @Test func `every step leaves a consistent market`() {
    let seed = SeededGenerator.chosenSeed()
    var process = PriceProcess(universe: universe, seed: seed, nowSeconds: nowSeconds)
    for index in 0..<universe.count {
      let state = process[index]
      let close = state.pointee.close
      let open = state.pointee.open
      var volume: UInt32 = 0
      for step in 0..<2_000 as Range<UInt32> {
        process.step(index, nowSeconds: nowSeconds + step)
        let problem = problem(of: state.pointee)
        #expect(problem == nil, "seed \(seed), \(universe.instruments[index].instrument.symbol), step \(step)")
        guard problem == nil else { return }
        #expect(state.pointee.close == close && state.pointee.open == open)
        #expect(universe.instruments[index].isIndex || state.pointee.volume > volume)
        #expect(state.pointee.exchangeSeconds == nowSeconds + step)
        volume = state.pointee.volume
      }
    }
  }

  /// First thing that a market would not show.
  private func problem(of state: PriceState) -> String? {
    if state.last <= 0 || state.last % state.tick != 0 { return "last \(state.last) is off the grid" }
    if !(state.low...state.high).contains(state.last) { return "last is outside of the day's range" }
    if !(state.low...state.high).contains(state.open) { return "open is outside of the day's range" }
    if !(state.low...state.high).contains(state.average) { return "average \(state.average) is outside of the range" }
    if state.last > state.upperCircuit || state.last < state.lowerCircuit { return "outside of the circuit" }
    if state.isIndex { return state.volume == 0 && state.openInterest == 0 ? nil : "an index traded" }
    if state.bid >= state.ask { return "bid \(state.bid) is not below ask \(state.ask)" }
    if !(state.bid...state.ask).contains(state.last) { return "last is outside of the spread" }
    if state.bid % state.tick != 0 || state.ask % state.tick != 0 { return "book is off the grid" }
    if state.bid - 4 * state.tick <= 0 { return "the fifth bid is not positive" }
    if state.lastQuantity == 0 || state.lastQuantity % state.lot != 0 { return "traded \(state.lastQuantity)" }
    if !(state.openInterestLow...state.openInterestHigh).contains(state.openInterest) { return "open interest" }
    for level in 0..<5 {
      for isBid in [true, false] where state.level(level, isBid: isBid).quantity == 0 { return "level \(level)" }
    }
    return nil
  }

  @Test func `prices stay within their circuit for a million steps`() {
    let seed = SeededGenerator.chosenSeed()
    var process = PriceProcess(universe: universe, seed: seed, nowSeconds: nowSeconds)
    // A cheap share, an option and an index.
    let indices = [
      universe.index(.nse, "IDEA"), universe.instruments.firstIndex { $0.instrument.kind == .put },
      universe.index(.nseIndex, "NIFTY"),
    ]
    for index in indices.compactMap({ $0 }) {
      for _ in 0..<1_000_000 { process.step(index, nowSeconds: nowSeconds) }
      #expect(problem(of: process[index].pointee) == nil, "seed \(seed)")
      #expect(process[index].pointee.high > process[index].pointee.low)
    }
  }

  @Test func `the same seed gives the same bytes, another seed others`() {
    func run(seed: UInt64) -> [UInt8] {
      var process = PriceProcess(universe: universe, seed: seed, nowSeconds: nowSeconds)
      var bytes: [UInt8] = []
      for step in 0..<20_000 {
        let index = step * 7 % universe.count
        process.step(index, nowSeconds: nowSeconds)
        withUnsafeTemporaryAllocation(byteCount: KiteEncoder.packetBytesMax, alignment: 1) { room in
          guard let base = room.baseAddress else { return }
          let count = KiteEncoder.write(process[index], .full, to: base)
          bytes += room[..<count]
        }
      }
      return bytes
    }
    let first = run(seed: 11)
    #expect(first == run(seed: 11))
    #expect(first != run(seed: 12))
  }

  @Test func `a path depends on the steps of its own instrument only`() {
    var alone = PriceProcess(universe: universe, seed: 9, nowSeconds: nowSeconds)
    var among = PriceProcess(universe: universe, seed: 9, nowSeconds: nowSeconds)
    for _ in 0..<100 {
      alone.step(3, nowSeconds: nowSeconds)
      for index in 0..<10 { among.step(index, nowSeconds: nowSeconds) }
    }
    #expect(alone[3].pointee.last == among[3].pointee.last)
    #expect(alone[3].pointee.volume == among[3].pointee.volume)
  }
}
