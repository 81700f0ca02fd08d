// The `max_rate` of a client's subscriptions: a few rates, each served in rounds. Between two rounds of a rate lies at
// least its interval, so no instrument of it gets more; what changed in between goes with the next round, the newest
// value each. Loop thread only.

/// Rates of one client, numbered from 1; 0 stands for no rate.
package struct ClientRates: BitwiseCopyable {
  /// Different rates that one connection may have.
  package static let countMax = 3

  private var intervals = InlineArray<3, Int64>(repeating: 0)
  private var next = InlineArray<3, Int64>(repeating: 0)
  private var count = 0

  package init() {}

  /// The number of the rate with this interval, nil when there is no room for another.
  /// - Parameter used: rates that subscriptions have, a bit each; the place of another one may be taken over.
  package mutating func number(intervalNanos: Int64, used: @autoclosure () -> UInt8) -> UInt8? {
    for place in 0..<count where intervals[place] == intervalNanos { return UInt8(place + 1) }
    let used = count < Self.countMax ? UInt8.max : used()
    for place in 0..<Self.countMax where place >= count || used & (2 << UInt8(place)) == 0 {
      count = max(count, place + 1)
      intervals[place] = intervalNanos
      next[place] = 0
      return UInt8(place + 1)
    }
    return nil
  }

  /// Rates whose round may begin, a bit each.
  package func due(_ nowNanos: Int64) -> UInt8 {
    var mask: UInt8 = 0
    for place in 0..<count where next[place] <= nowNanos { mask |= 2 << UInt8(place) }
    return mask
  }

  /// A round has ended that found something for these rates.
  package mutating func served(_ mask: UInt8, _ nowNanos: Int64) {
    for place in 0..<count where mask & (2 << UInt8(place)) != 0 { next[place] = nowNanos + intervals[place] }
  }

  /// When the next round that has to wait may begin; `.max` when all may at once.
  package func next(after nowNanos: Int64) -> Int64 {
    var least = Int64.max
    for place in 0..<count where next[place] > nowNanos { least = min(least, next[place]) }
    return least
  }
}
