// How many ticks are due: deadlines counted from an anchor, so that the rate does not drift however late a turn is.
// A value without a clock.

/// Paces a number of events a second.
public struct TickPacer: Sendable {
  public static let rateMax = 1_000_000
  /// What is missed by more than this is dropped, not caught up: a stopped process must not answer with a flood.
  public static let catchUpNanosMax: Int64 = 500_000_000
  private static let second: Int64 = 1_000_000_000

  /// Events a second; 0 pauses.
  public private(set) var rate = 0
  /// Events that were dropped.
  public private(set) var droppedCount: UInt64 = 0
  /// Events are at anchor + k / rate for k = 1, 2, …
  private var anchorNanos: Int64 = 0
  private var taken: Int64 = 0

  public init() {}

  /// A new rate counts from now.
  public mutating func setRate(_ rate: Int, nowNanos: Int64) {
    precondition((0...Self.rateMax).contains(rate))
    guard rate != self.rate else { return }
    self.rate = rate
    anchorNanos = nowNanos
    taken = 0
  }

  /// Events that became due since the last call.
  public mutating func take(nowNanos: Int64) -> Int {
    guard rate > 0, nowNanos > anchorNanos else { return 0 }
    // Whole seconds move into the anchor, so that the product below cannot overflow.
    let seconds = (nowNanos - anchorNanos) / Self.second
    anchorNanos += seconds * Self.second
    taken -= seconds * Int64(rate)
    let due = (nowNanos - anchorNanos) * Int64(rate) / Self.second - taken
    taken += due
    let allowed = max(1, Int64(rate) * Self.catchUpNanosMax / Self.second)
    if due > allowed { droppedCount += UInt64(due - allowed) }
    return Int(min(due, allowed))
  }

  /// When the next event is due; `.max` while paused.
  public var deadlineNanos: Int64 {
    guard rate > 0 else { return .max }
    return anchorNanos + ((taken + 1) * Self.second + Int64(rate) - 1) / Int64(rate)
  }
}
