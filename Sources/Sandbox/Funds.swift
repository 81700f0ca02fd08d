// The money of one account. What it must add up to is `Account.isBalanced`. A plain value of integers.

/// The money of one account, in 1e-4 rupee.
public struct Funds: Sendable, Equatable {
  public var totalCapital: Int64
  public var available: Int64
  /// Margin of positions and pending orders.
  public var used: Int64 = 0
  /// Realised since the last reset.
  public var realized: Int64 = 0
  /// Realised in the session `session`; nothing in any other.
  public var sessionRealized: Int64 = 0
  public var session: Int32 = 0
  public var charges: Int64 = 0
  public var resetCount: Int32 = 0
  /// Nanoseconds since the epoch.
  public var lastReset: Int64

  public init(startingCapital: Int64, now: Int64) {
    totalCapital = startingCapital
    available = startingCapital
    lastReset = now
  }

  public func realized(in session: Int32) -> Int64 { self.session == session ? sessionRealized : 0 }
}
