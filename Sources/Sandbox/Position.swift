import Market

// A position of one account in one instrument and product. Average prices are never stored: total cost and quantity
// are, so that no sequence of trades loses a fraction. A plain value.

/// What identifies a position within an account.
public struct PositionKey: Sendable, Hashable {
  public let instrument: InstrumentKey
  public let product: Product

  public init(_ instrument: InstrumentKey, _ product: Product) {
    self.instrument = instrument
    self.product = product
  }
}

/// An intraday, delivery or carried position. Amounts in 1e-4 rupee, prices in 1e-8.
public struct Position: Sendable, Equatable {
  public let key: PositionKey
  /// Negative when sold short.
  public var quantity: Int64 = 0
  /// What the open units cost, or brought when short; never negative.
  public var cost: Int64 = 0
  public var margin: Int64 = 0
  /// Realised in the session `session`; nothing in any other.
  public var sessionRealized: Int64 = 0
  public var session: Int32 = 0
  /// Realised since the position first existed.
  public var accumulatedRealized: Int64 = 0
  /// Last known price while open, the last fill's price when flat.
  public var ltp: Int64 = 0
  /// When the open units began, nanoseconds since the epoch.
  public var openedAt: Int64 = 0

  public init(key: PositionKey) { self.key = key }

  /// 1e-8 units; 0 when flat.
  public var averagePrice: Int64 { Money.averagePrice(cost: cost, quantity: quantity) }

  /// Realised in `session`.
  public func realized(in session: Int32) -> Int64 { self.session == session ? sessionRealized : 0 }
}
