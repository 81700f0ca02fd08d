// Prices of all instruments as seeded random walks on their tick grids. Owned by the exchange's loop thread; the
// state is one block of memory, a step allocates nothing and touches one record. Each instrument has a generator of
// its own, so its path depends on the seed and on the number of its steps only.

import Market

/// The day of every instrument of a universe.
public struct PriceProcess: ~Copyable {
  /// Ticks that a previous close has at least, so that a book of five levels fits below every price.
  static let closeTicksMin: Int64 = 20
  /// Lowest price in ticks: three of spread and five levels stay above zero.
  private static let floorTicks: Int64 = 9
  private static let bookLevels = 5

  public let count: Int
  let states: UnsafeMutablePointer<PriceState>

  /// Opens the day: every instrument has traded once.
  public init(universe: Universe, seed: UInt64, nowSeconds: UInt32) {
    count = universe.count
    states = .allocate(capacity: count)
    var seeds = SeededGenerator(seed: seed)
    for (index, entry) in universe.instruments.enumerated() {
      (states + index).initialize(to: Self.opened(entry, seed: seeds.next(), nowSeconds: nowSeconds))
    }
  }

  deinit { states.deallocate() }

  private static func opened(_ entry: SimulatedInstrument, seed: UInt64, nowSeconds: UInt32) -> PriceState {
    var state = PriceState(random: SeededGenerator(seed: seed))
    let unit = entry.wireUnit
    let tick = max(1, entry.instrument.tickSize / unit)
    let close = entry.previousClose / unit
    state.token = entry.token
    state.isIndex = entry.isIndex
    state.tick = Int32(tick)
    state.close = Int32(close)
    state.lot = UInt32(max(1, entry.instrument.lotSize))
    // Options may lose nearly everything or multiply; the rest stays within a band around the close.
    let isOption = entry.instrument.kind == .call || entry.instrument.kind == .put
    let lower = isOption ? 0 : close * 8 / 10
    let upper = min(isOption ? close * 5 : close * 12 / 10, Int64(Int32.max) - 16 * tick)
    state.lowerCircuit = Int32(max(floorTicks * tick, (lower + tick - 1) / tick * tick))
    state.upperCircuit = Int32(upper / tick * tick)
    // About half a basis point a step, at least a tick.
    state.stride = Int32(max(1, close / tick / 20_000))
    state.last = state.close
    if entry.instrument.kind != .equity && !entry.isIndex {
      state.openInterest = (500 + state.random.below(5_000)) * state.lot
    }
    state.openInterestHigh = state.openInterest
    state.openInterestLow = state.openInterest
    // The opening trade: anywhere within 40 steps of the close.
    let gap = (Int64(state.random.below(81)) - 40) * Int64(state.stride) * tick
    state.last = Int32(min(max(close + gap, Int64(state.lowerCircuit)), Int64(state.upperCircuit)))
    state.open = state.last
    state.high = state.last
    state.low = state.last
    step(&state, nowSeconds: nowSeconds)
    return state
  }

  /// State of an instrument; changes with its steps and lives as long as the process.
  public subscript(index: Int) -> UnsafePointer<PriceState> {
    precondition(index >= 0 && index < count)
    return UnsafePointer(states + index)
  }

  /// One trade and a new book.
  @inline(__always) public mutating func step(_ index: Int, nowSeconds: UInt32) {
    assert(index >= 0 && index < count)
    Self.step(&states[index], nowSeconds: nowSeconds)
  }

  private static func step(_ state: inout PriceState, nowSeconds: UInt32) {
    let bits = state.random.next()
    // -stride...stride ticks, and a pull of a 4096th back to the close.
    let span = UInt32(bitPattern: 2 &* state.stride &+ 1)
    let move = Int32(bitPattern: SeededGenerator.below(span, bits: UInt32(truncatingIfNeeded: bits))) &- state.stride
    let pull = (state.close &- state.last) / state.tick / 4096
    var last = state.last &+ (move &+ pull) &* state.tick
    if last < state.lowerCircuit { last = state.lowerCircuit }
    if last > state.upperCircuit { last = state.upperCircuit }
    state.last = last
    if last > state.high { state.high = last }
    if last < state.low { state.low = last }
    state.exchangeSeconds = nowSeconds
    state.tradeSeconds = nowSeconds
    if state.isIndex { return }

    let traded = state.lot &* (1 &+ UInt32(truncatingIfNeeded: bits &>> 32) & 15)
    state.lastQuantity = traded
    // The wire has 32 bits for the day's volume: a day that is longer than that stays where it is.
    let (volume, isFull) = state.volume.addingReportingOverflow(traded)
    if !isFull {
      state.volume = volume
      state.turnover &+= UInt64(traded) &* UInt64(UInt32(bitPattern: last))
    }
    // The trade was at the bid, at the ask, or inside a spread of two or three ticks.
    let spread = 1 &+ Int32(truncatingIfNeeded: (bits &>> 36) & 3) &* 3 / 4
    let below = Int32(bitPattern: SeededGenerator.below(UInt32(bitPattern: spread &+ 1), bits: UInt32(bits &>> 32)))
    state.bid = last &- below &* state.tick
    state.ask = state.bid &+ spread &* state.tick
    state.bookBits = state.random.next()
    state.totalBuy = state.lot &* (1000 &+ UInt32(truncatingIfNeeded: state.bookBits) & 0xFFF)
    state.totalSell = state.lot &* (1000 &+ UInt32(truncatingIfNeeded: state.bookBits &>> 12) & 0xFFF)
    if state.openInterest > 0 { changeOpenInterest(&state, bits: UInt32(truncatingIfNeeded: bits &>> 40) & 7) }
  }

  /// Three lots less to four lots more, never below a lot.
  @inline(__always) private static func changeOpenInterest(_ state: inout PriceState, bits: UInt32) {
    let grown = state.openInterest &+ bits &* state.lot
    let lost = 3 &* state.lot
    guard grown > lost &+ state.lot, grown < UInt32.max / 2 else { return }
    state.openInterest = grown &- lost
    if state.openInterest > state.openInterestHigh { state.openInterestHigh = state.openInterest }
    if state.openInterest < state.openInterestLow { state.openInterestLow = state.openInterest }
  }
}
