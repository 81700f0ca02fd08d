import Market

// One paper order as the ledger keeps it. A value; its strings are shared, not copied.

/// One order in its present state.
public struct Order: Sendable, Equatable {
  public let id: OrderID
  public let key: InstrumentKey
  public let side: Side
  public let product: Product
  public let priceType: PriceType
  public let strategy: String
  /// Nanoseconds since the epoch.
  public let placedAt: Int64
  public var quantity: Int64
  /// 1e-8 units. Of a MARKET order: the last price that its margin was computed with.
  public var price: Int64
  public var triggerPrice: Int64
  public var status: OrderStatus
  public var filledQuantity: Int64 = 0
  public var pendingQuantity: Int64
  /// 1e-4 rupee: the sum of quantity times price over the fills.
  public var filledValue: Int64 = 0
  /// 1e-4 rupee reserved for what has not filled.
  public var margin: Int64 = 0
  /// Units that `margin` pays for; the others were expected to close a position.
  public var fundedQuantity: Int64 = 0
  public var rejectionReason: String = ""
  /// Time of the last change, nanoseconds since the epoch.
  public var updatedAt: Int64

  /// 1e-8 units; 0 before the first fill.
  public var averagePrice: Int64 { Money.averagePrice(cost: filledValue, quantity: filledQuantity) }
}
