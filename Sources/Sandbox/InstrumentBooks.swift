import Market

// Per instrument: the last quote, who needs it, and the resting orders. The part that every tick touches is a raw
// record of 64 bytes found through a dense table; the ladders are touched only when a price reaches an order.
// Owned by the engine's thread. Memory grows when an instrument is first needed, never on a tick.

/// Last tick of an instrument, and the prices at which it has work to do.
struct QuoteSlot: BitwiseCopyable {
  /// 1e-8 units; 0 while there is none.
  var ltp: Int64 = 0
  /// 1e-8 units; 0 when the tick had none.
  var bid: Int64 = 0
  var ask: Int64 = 0
  var receivedTime: Int64 = .min
  var sequence: UInt64 = 0
  /// A last price at or below this reaches a resting order: the best BUY limit, or everything for a MARKET order.
  var buyReach: Int64 = .min
  /// A last price at or above this reaches a resting order: the best SELL limit.
  var sellReach: Int64 = .max
  /// Orders, open positions, holdings and waits that need ticks of this instrument.
  var references: Int32 = 0
  var feed: UInt8 = 0
  /// The tick contradicted itself: last price outside its own high and low. Nothing may fill on it.
  var isSuspect = false
}

/// Resting orders of one instrument.
struct OrderBook {
  var buys = PriceLadder(side: .buy)
  var sells = PriceLadder(side: .sell)
  /// Orders at any price, in order of placement.
  var markets: [RestingOrder] = []
}

/// Quotes and books of the instruments that the engine needs.
struct InstrumentBooks: ~Copyable {
  private static let none = UInt32.max
  private static let feedCount = 256

  private let instrumentCount: Int
  private let slotOfInstrument: UnsafeMutablePointer<UInt32>
  /// Per feed: received time from which its ticks count; `.max` while it is down.
  private let usableSince: UnsafeMutablePointer<Int64>
  private var slots: UnsafeMutablePointer<QuoteSlot>
  private var capacity = 64
  private var books: [OrderBook] = []
  private var instruments: [UInt32] = []
  /// Instruments with a reference.
  private(set) var neededCount = 0

  init(instrumentCount: Int) {
    self.instrumentCount = instrumentCount
    slotOfInstrument = .allocate(capacity: max(1, instrumentCount))
    slotOfInstrument.initialize(repeating: Self.none, count: max(1, instrumentCount))
    usableSince = .allocate(capacity: Self.feedCount)
    usableSince.initialize(repeating: .max, count: Self.feedCount)
    slots = .allocate(capacity: capacity)
  }

  deinit {
    slotOfInstrument.deallocate()
    usableSince.deallocate()
    slots.deallocate()
  }

  mutating func setUsable(feed: UInt8, since: Int64?) { usableSince[Int(feed)] = since ?? .max }

  /// Hot path. Takes the tick over when its instrument is needed and its feed current; true when it reaches an order.
  @inline(__always)
  mutating func take(_ tick: UnsafePointer<Tick>, priceMax: Int64) -> Bool {
    let instrument = Int(tick.pointee.instrument)
    guard instrument < instrumentCount else { return false }
    let index = slotOfInstrument[instrument]
    guard index != Self.none else { return false }
    let slot = slots + Int(index)
    let ltp = tick.pointee.ltp
    guard slot.pointee.references > 0, tick.pointee.has(.ltp), ltp > 0, ltp <= priceMax,
      tick.pointee.receivedTime >= usableSince[Int(tick.pointee.feed)],
      tick.pointee.sequence >= slot.pointee.sequence
    else { return false }

    slot.pointee.ltp = ltp
    slot.pointee.bid = tick.pointee.has(.bestBid) ? tick.pointee.bidPrice : 0
    slot.pointee.ask = tick.pointee.has(.bestAsk) ? tick.pointee.askPrice : 0
    slot.pointee.receivedTime = tick.pointee.receivedTime
    slot.pointee.sequence = tick.pointee.sequence
    slot.pointee.feed = tick.pointee.feed
    slot.pointee.isSuspect = Self.contradictsItself(tick)
    return (ltp <= slot.pointee.buyReach || ltp >= slot.pointee.sellReach) && !slot.pointee.isSuspect
  }

  @inline(__always)
  private static func contradictsItself(_ tick: UnsafePointer<Tick>) -> Bool {
    guard tick.pointee.has(.dayRange), tick.pointee.high > 0, tick.pointee.low > 0 else { return false }
    return tick.pointee.ltp < tick.pointee.low || tick.pointee.ltp > tick.pointee.high
  }

  /// The last tick, when it is from the feed's present connection; nil when orders may not rely on it.
  func freshQuote(_ instrument: UInt32) -> QuoteSlot? {
    guard let quote = lastQuote(instrument), quote.receivedTime >= usableSince[Int(quote.feed)] else { return nil }
    return quote
  }

  /// The last tick, however old: for showing, not for filling.
  func lastQuote(_ instrument: UInt32) -> QuoteSlot? {
    guard Int(instrument) < instrumentCount else { return nil }
    let index = slotOfInstrument[Int(instrument)]
    guard index != Self.none, slots[Int(index)].ltp > 0 else { return nil }
    return slots[Int(index)]
  }

  /// Instruments with a reference, in the order in which they were first needed.
  func needed() -> [UInt32] {
    instruments.indices.filter { slots[$0].references > 0 }.map { instruments[$0] }
  }

  /// True when this is the first reference.
  mutating func retain(_ instrument: UInt32) -> Bool {
    let slot = slots + slotIndex(instrument)
    slot.pointee.references += 1
    guard slot.pointee.references == 1 else { return false }
    neededCount += 1
    return true
  }

  /// True when it was the last reference. The quote ends with it: nobody keeps it current from here on.
  mutating func release(_ instrument: UInt32) -> Bool {
    let slot = slots + slotIndex(instrument)
    precondition(slot.pointee.references > 0, "an instrument was released more often than it was needed")
    slot.pointee.references -= 1
    guard slot.pointee.references == 0 else { return false }
    neededCount -= 1
    assert(slot.pointee.buyReach == .min && slot.pointee.sellReach == .max, "orders rest on an instrument nobody needs")
    slot.pointee = QuoteSlot()
    return true
  }

  mutating func rest(_ order: RestingOrder, side: Side, isMarket: Bool, on instrument: UInt32) {
    let index = slotIndex(instrument)
    switch (isMarket, side) {
    case (true, _): books[index].markets.append(order)
    case (false, .buy): books[index].buys.insert(order)
    case (false, .sell): books[index].sells.insert(order)
    }
    updateReach(index)
  }

  mutating func unrest(_ order: RestingOrder, side: Side, isMarket: Bool, on instrument: UInt32) {
    let index = slotIndex(instrument)
    switch (isMarket, side) {
    case (true, _): books[index].markets.removeAll { $0 == order }
    case (false, .buy): books[index].buys.remove(order)
    case (false, .sell): books[index].sells.remove(order)
    }
    updateReach(index)
  }

  /// The orders that the instrument's last price reaches, in order of placement.
  func reachedOrders(_ instrument: UInt32) -> [RestingOrder] {
    let index = Int(slotOfInstrument[Int(instrument)])
    let ltp = slots[index].ltp
    var orders = books[index].markets
    books[index].buys.reached(by: ltp, into: &orders)
    books[index].sells.reached(by: ltp, into: &orders)
    orders.sort { $0.number < $1.number }
    return orders
  }

  private mutating func updateReach(_ index: Int) {
    slots[index].buyReach = books[index].markets.isEmpty ? books[index].buys.bestPrice ?? .min : .max
    slots[index].sellReach = books[index].sells.bestPrice ?? .max
  }

  private mutating func slotIndex(_ instrument: UInt32) -> Int {
    precondition(Int(instrument) < instrumentCount, "no such instrument")
    if slotOfInstrument[Int(instrument)] != Self.none { return Int(slotOfInstrument[Int(instrument)]) }
    let index = books.count
    if index == capacity { grow() }
    (slots + index).initialize(to: QuoteSlot())
    books.append(OrderBook())
    instruments.append(instrument)
    slotOfInstrument[Int(instrument)] = UInt32(index)
    return index
  }

  private mutating func grow() {
    let larger = UnsafeMutablePointer<QuoteSlot>.allocate(capacity: capacity * 2)
    larger.moveInitialize(from: slots, count: capacity)
    slots.deallocate()
    slots = larger
    capacity *= 2
  }
}
