// Whether a price can be: exchanges refuse orders beyond the limits of the day. Leaf of the overlay, no state.

/// The price band of an instrument for the day, 1e-8 units.
enum CircuitLimits {
  /// False also while the limits say nothing: zero for what has none, or the wrong way round.
  @inline(__always) static func excludes(_ price: Int64, upper: Int64, lower: Int64) -> Bool {
    guard upper > 0, upper >= lower else { return false }
    return price > upper || price < lower
  }
}
