import Market

// Shares that are settled: bought for delivery on an earlier day. A plain value; like a position it keeps its total
// cost, never an average.

/// Settled shares of one account.
public struct Holding: Sendable, Equatable {
  public let key: InstrumentKey
  public var quantity: Int64 = 0
  /// 1e-4 rupee.
  public var cost: Int64 = 0
  /// 1e-8 units.
  public var ltp: Int64 = 0
  /// Days since 1970-01-01, IST.
  public var settledDay: Int32 = 0

  public init(key: InstrumentKey) { self.key = key }

  public var averagePrice: Int64 { Money.averagePrice(cost: cost, quantity: quantity) }
}
