import Market

// Rows of the account queries, rounded as they are reported (prices 2 decimals, 4 on currency exchanges; money and
// percentages 2), so that the layer above only has to write them. Prices in 1e-8 units, money in 1e-4 rupee,
// percentages in 1e-4 percent, times in nanoseconds since the epoch.

/// One row of the order book.
public struct OrderRow: Sendable, Equatable {
  public let orderID: OrderID
  public let exchange: Exchange
  public let symbol: String
  public let side: Side
  public let quantity: Int64
  public let price: Int64
  public let triggerPrice: Int64
  public let priceType: PriceType
  public let product: Product
  public let status: OrderStatus
  public let averagePrice: Int64
  public let filledQuantity: Int64
  public let pendingQuantity: Int64
  public let rejectionReason: String
  public let placedAt: Int64
  public let strategy: String
}

/// Counts over the rows of an order book.
public struct OrderStatistics: Sendable, Equatable {
  public var buyOrders = 0
  public var sellOrders = 0
  public var completedOrders = 0
  public var openOrders = 0
  public var rejectedOrders = 0
  public var triggerPendingOrders = 0

  public init() {}
}

/// Orders of the session, newest first.
public struct Orderbook: Sendable, Equatable {
  public let orders: [OrderRow]
  public let statistics: OrderStatistics
}

/// One row of the trade book.
public struct TradeRow: Sendable, Equatable {
  public let tradeID: String
  public let orderID: OrderID
  public let exchange: Exchange
  public let symbol: String
  public let side: Side
  public let quantity: Int64
  public let price: Int64
  public let value: Int64
  public let product: Product
  public let strategy: String
  public let time: Int64
}

/// One row of the position book.
public struct PositionRow: Sendable, Equatable {
  public let exchange: Exchange
  public let symbol: String
  public let product: Product
  public let quantity: Int64
  public let averagePrice: Int64
  public let ltp: Int64
  /// Realised in this session plus unrealised.
  public let pnl: Int64
  public let pnlPercent: Int64
  public let unrealizedPnl: Int64
  public let todayRealizedPnl: Int64
  /// Units of the underlying per unit of quantity, reported as `lot_size`.
  public let contractMultiplier: Int64
}

/// Positions that are open or realised something in this session, and their totals.
public struct Positionbook: Sendable, Equatable {
  public let positions: [PositionRow]
  public let totalUnrealizedPnl: Int64
  public let totalTodayRealizedPnl: Int64
  /// Reported as `total_pnl` and as `total_pnl_today`.
  public let totalPnl: Int64
}

/// One row of the holdings.
public struct HoldingRow: Sendable, Equatable {
  public let exchange: Exchange
  public let symbol: String
  public let quantity: Int64
  public let averagePrice: Int64
  public let ltp: Int64
  public let pnl: Int64
  public let pnlPercent: Int64
  public let currentValue: Int64
  /// Days since 1970-01-01, IST.
  public let settledDay: Int32
}

/// Settled shares and their totals.
public struct Holdings: Sendable, Equatable {
  public let holdings: [HoldingRow]
  public let totalValue: Int64
  public let totalInvestment: Int64
  public let totalPnl: Int64
  public let totalPnlPercent: Int64
}

/// The account's money as reported.
public struct FundsRow: Sendable, Equatable {
  public let availableCash: Int64
  public let collateral: Int64
  public let m2mUnrealized: Int64
  /// Also reported as `today_realized_pnl`.
  public let m2mRealized: Int64
  /// Also reported as `grossexposure`.
  public let utilisedDebits: Int64
  public let totalRealizedPnl: Int64
  public let totalPnl: Int64
  public let lastReset: Int64
  public let resetCount: Int32
}
