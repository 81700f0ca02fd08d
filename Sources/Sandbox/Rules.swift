import Market

// What the paper exchange can be told: capital, leverage, which instruments and order types are open, and the bounds
// on everything a client can make it hold. A value that never changes while an engine runs.

/// Settings of the engine. The defaults are those of the compatible configuration.
public struct Rules: Sendable {
  /// Cash of a new account, in 1e-4 rupee.
  public var startingCapital: Int64 = 10_000_000 * Money.scale
  /// Divisors of the margin of NSE and BSE shares.
  public var equityIntradayLeverage: Int64 = 5
  public var equityDeliveryLeverage: Int64 = 1
  /// Minute of the IST day at which a session ends and the next begins.
  public var sessionBoundaryMinute = 180
  /// Mode in which instruments with orders or positions are wanted: only depth carries the best prices at every broker.
  public var wantedMode: Mode = .depth

  /// What is open for trading. Adding a member opens it, when margin and schedule of that segment are in place.
  public var exchanges: Set<Exchange> = [.nse]
  public var priceTypes: Set<PriceType> = [.market, .limit]
  public var products: Set<Product> = [.mis, .cnc]

  public var limits = Limits()

  public init() {}

  /// Whether an engine can run with these settings.
  public var isValid: Bool {
    equityIntradayLeverage > 0 && equityDeliveryLeverage > 0 && startingCapital > 0
      && startingCapital <= limits.balanceMax && (0..<1440).contains(sessionBoundaryMinute)
  }

  /// Divisor of the margin of an instrument; 1 where no rule names one.
  func leverage(exchange: Exchange, product: Product) -> Int64 {
    guard exchange == .nse || exchange == .bse else { return 1 }
    return product == .mis ? equityIntradayLeverage : equityDeliveryLeverage
  }
}

/// Bounds that keep one client from exhausting memory or the range of the ledger.
public struct Limits: Sendable {
  public var accountsMax = 10_000
  /// Orders of one account in one session, finished ones included.
  public var ordersPerSessionMax = 200_000
  public var restingOrdersPerAccountMax = 10_000
  public var strategyBytesMax = 256
  public var userBytesMax = 256
  public var quantityMax: Int64 = 1_000_000_000
  /// 1e-8 units: 100 million rupees a unit.
  public var priceMax: Int64 = 100_000_000 * Price.scale
  /// 1e-4 rupee: the largest value of one trade or position, and the largest balance of an account.
  public var valueMax: Int64 = 10_000_000_000_000 * Money.scale
  public var balanceMax: Int64 = 400_000_000_000_000 * Money.scale

  public init() {}
}
