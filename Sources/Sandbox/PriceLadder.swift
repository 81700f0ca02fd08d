// Resting orders of one side of one instrument, best price last, so that the ones that a price reaches are a suffix.
// Owned by the engine's thread; grows when an order rests, never on a tick.

/// An order that waits for a price.
struct RestingOrder: Equatable, BitwiseCopyable {
  /// 1e-8 units; 0 for an order at any price.
  var price: Int64
  /// The order's id, which ascends with the time of placement.
  var number: UInt64
  var account: UInt32
}

/// Orders sorted by price, then by time.
struct PriceLadder {
  private let sign: Int64
  private var entries: [RestingOrder] = []

  init(side: Side) { sign = side.sign }

  var isEmpty: Bool { entries.isEmpty }

  /// Price at which the first order becomes executable; nil without orders.
  var bestPrice: Int64? { entries.last?.price }

  mutating func insert(_ order: RestingOrder) {
    entries.insert(order, at: firstIndex { Self.isBelow($0, order, sign) })
  }

  mutating func remove(_ order: RestingOrder) {
    let index = firstIndex { Self.isBelow($0, order, sign) }
    precondition(index < entries.count && entries[index] == order, "a resting order is missing from its ladder")
    entries.remove(at: index)
  }

  /// Appends the orders that a trade at `ltp` reaches, in no particular order.
  func reached(by ltp: Int64, into orders: inout [RestingOrder]) {
    let start = firstIndex { $0.price * sign < ltp * sign }
    orders += entries[start...]
  }

  private static func isBelow(_ a: RestingOrder, _ b: RestingOrder, _ sign: Int64) -> Bool {
    a.price == b.price ? a.number < b.number : a.price * sign < b.price * sign
  }

  /// Entries for which `isBelow` holds come first; the index after them.
  private func firstIndex(isBelow: (RestingOrder) -> Bool) -> Int {
    var low = 0
    var high = entries.count
    while low < high {
      let middle = (low + high) / 2
      if isBelow(entries[middle]) { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
