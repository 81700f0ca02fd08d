// The newest state of every instrument of a feed that sends in parts: what an update carries is laid over it, and the
// whole is published. Owned by one feed loop. Mapped memory, a row costs nothing until its instrument ticks; nothing is
// allocated after init.

import CLinux
import Market

/// Lays partial updates together, and judges prices by the circuit limits seen last.
public struct TickOverlay: ~Copyable {
  private static let rowBytes = 384

  /// Instruments, ids 0..<count.
  public let count: Int
  private let memoryBytes: Int
  private let rows: UnsafeMutableRawPointer
  /// A row of an older generation is empty: `forgetAll` must not touch every row.
  private var generation: UInt64 = 1

  /// - Parameter count: instruments, ids 0..<count.
  public init(count: Int) {
    precondition(MemoryLayout<Tick>.size + 8 <= Self.rowBytes, "a tick and its generation fill a row")
    self.count = count
    memoryBytes = max(count, 1) * Self.rowBytes
    guard let memory = tg_map(memoryBytes) else { fatalError("no memory for \(count) overlays") }
    rows = memory
  }

  deinit { tg_unmap(rows, memoryBytes) }

  /// Lays the fields that the update carries over the instrument's state, and writes what the state has beyond them
  /// back into the update. Afterwards its presence is that of the state, and its mode the highest that was asked for
  /// (in an update) or that a known field belongs to. A close of 0 means that it is not known, a best price of 0 that the
  /// side is empty. The received time is
  /// the update's; sequences and the publishing time are left alone. For feeds whose packets are complete use `judge`.
  /// - Returns: whether there is something to publish: false while no last price is known. An instrument beyond the
  ///   rows is passed on as it is.
  public mutating func apply(_ update: UnsafeMutablePointer<Tick>) -> Bool {
    if update.pointee.close == 0 { update.pointee.presence &= ~Presence.close.rawValue }
    guard Int(update.pointee.instrument) < count else { return update.pointee.has(.ltp) }
    let state = row(update.pointee.instrument)
    var carried = update.pointee.presence & ~Presence.suspect.rawValue
    // A book says whether there is a best bid and ask: one that it lacks is gone, not unchanged.
    if carried & Presence.depth.rawValue != 0 {
      state.pointee.presence &= ~Presence([.bestBid, .bestAsk]).rawValue
    }
    // So is one whose price is 0, as a feed says it that sends the best of both sides and no book.
    var gone: Presence = []
    if update.pointee.bidPrice == 0 { gone.insert(.bestBid) }
    if update.pointee.askPrice == 0 { gone.insert(.bestAsk) }
    gone.formIntersection(Presence(rawValue: carried))
    carried &= ~gone.rawValue
    state.pointee.presence &= ~gone.rawValue
    Self.copy(carried, from: update, to: state)
    state.pointee.presence |= carried
    let known = state.pointee.presence
    Self.copy(known & ~carried, from: state, to: update)
    let mode = max(state.pointee.mode, update.pointee.mode, Self.mode(of: known))
    state.pointee.mode = mode
    update.pointee.mode = mode
    update.pointee.presence = known
    markSuspect(update, by: state)
    return known & Presence.ltp.rawValue != 0
  }

  /// Remembers the circuit limits of a tick that carries them, and marks a tick whose last price lies outside the
  /// limits seen last. Nothing else is kept or added: for feeds whose packets are complete for their mode.
  public mutating func judge(_ tick: UnsafeMutablePointer<Tick>) {
    guard Int(tick.pointee.instrument) < count else { return }
    let state = row(tick.pointee.instrument)
    let carried = tick.pointee.presence & Presence.circuits.rawValue
    Self.copy(carried, from: tick, to: state)
    state.pointee.presence |= carried
    markSuspect(tick, by: state)
  }

  /// Forgets an instrument: it was unsubscribed, or its mode went down and what was known beyond it is getting old.
  public mutating func forget(_ instrument: UInt32) {
    guard Int(instrument) < count else { return }
    stamp(instrument).pointee = 0
  }

  /// Forgets everything: what changed while the feed was away is not known.
  public mutating func forgetAll() { generation &+= 1 }

  // MARK: Rows

  /// State of an instrument, emptied when it is of an older generation.
  @inline(__always) private func row(_ instrument: UInt32) -> UnsafeMutablePointer<Tick> {
    let state = (rows + Int(instrument) &* Self.rowBytes).assumingMemoryBound(to: Tick.self)
    let stamp = stamp(instrument)
    if stamp.pointee != generation {
      stamp.pointee = generation
      state.pointee.presence = 0
      state.pointee.mode = 0
    }
    return state
  }

  @inline(__always) private func stamp(_ instrument: UInt32) -> UnsafeMutablePointer<UInt64> {
    (rows + Int(instrument) &* Self.rowBytes + MemoryLayout<Tick>.size).assumingMemoryBound(to: UInt64.self)
  }

  @inline(__always)
  private func markSuspect(_ tick: UnsafeMutablePointer<Tick>, by state: UnsafeMutablePointer<Tick>) {
    let isSuspect =
      tick.pointee.has(.ltp) && state.pointee.has(.circuits)
      && CircuitLimits.excludes(
        tick.pointee.ltp, upper: state.pointee.upperCircuit, lower: state.pointee.lowerCircuit)
    let bit = Presence.suspect.rawValue
    tick.pointee.presence = isSuspect ? tick.pointee.presence | bit : tick.pointee.presence & ~bit
  }

  // MARK: Fields

  /// Lowest mode whose prefix has room for the fields.
  @inline(__always) private static func mode(of presence: UInt32) -> UInt8 {
    let ofLTP = Presence([.ltp, .lastTradeTime, .exchangeTime]).rawValue
    let ofDepth = Presence([.depth, .openInterestRange]).rawValue
    if presence & ofDepth != 0 { return Mode.depth.rawValue }
    return presence & ~ofLTP != 0 ? Mode.quote.rawValue : Mode.ltp.rawValue
  }

  @inline(__always)
  private static func copy(
    _ fields: UInt32, from source: UnsafeMutablePointer<Tick>, to target: UnsafeMutablePointer<Tick>
  ) {
    let fields = Presence(rawValue: fields)
    if fields.contains(.ltp) { target.pointee.ltp = source.pointee.ltp }
    if fields.contains(.lastTradeTime) { target.pointee.lastTradeTime = source.pointee.lastTradeTime }
    if fields.contains(.exchangeTime) { target.pointee.exchangeTime = source.pointee.exchangeTime }
    if fields.isDisjoint(with: beyondLTP) { return }
    copyQuote(fields, from: source, to: target)
    if fields.contains(.openInterestRange) {
      target.pointee.openInterestHigh = source.pointee.openInterestHigh
      target.pointee.openInterestLow = source.pointee.openInterestLow
    }
    if fields.contains(.depth) {
      target.pointee.bidLevels = source.pointee.bidLevels
      target.pointee.askLevels = source.pointee.askLevels
      target.pointee.bids = source.pointee.bids
      target.pointee.asks = source.pointee.asks
    }
  }

  @inline(__always) private static var beyondLTP: Presence {
    Presence(rawValue: ~Presence([.ltp, .lastTradeTime, .exchangeTime]).rawValue)
  }

  @inline(__always)
  private static func copyQuote(
    _ fields: Presence, from source: UnsafeMutablePointer<Tick>, to target: UnsafeMutablePointer<Tick>
  ) {
    if fields.contains(.dayRange) {
      target.pointee.open = source.pointee.open
      target.pointee.high = source.pointee.high
      target.pointee.low = source.pointee.low
    }
    if fields.contains(.close) { target.pointee.close = source.pointee.close }
    if fields.contains(.volume) { target.pointee.volume = source.pointee.volume }
    if fields.contains(.lastTradeQuantity) { target.pointee.lastTradeQuantity = source.pointee.lastTradeQuantity }
    if fields.contains(.averagePrice) { target.pointee.averagePrice = source.pointee.averagePrice }
    if fields.contains(.totals) {
      target.pointee.totalBuyQuantity = source.pointee.totalBuyQuantity
      target.pointee.totalSellQuantity = source.pointee.totalSellQuantity
    }
    if fields.contains(.openInterest) { target.pointee.openInterest = source.pointee.openInterest }
    if fields.contains(.circuits) {
      target.pointee.upperCircuit = source.pointee.upperCircuit
      target.pointee.lowerCircuit = source.pointee.lowerCircuit
    }
    if fields.contains(.bestBid) {
      target.pointee.bidPrice = source.pointee.bidPrice
      target.pointee.bidQuantity = source.pointee.bidQuantity
    }
    if fields.contains(.bestAsk) {
      target.pointee.askPrice = source.pointee.askPrice
      target.pointee.askQuantity = source.pointee.askQuantity
    }
  }
}
