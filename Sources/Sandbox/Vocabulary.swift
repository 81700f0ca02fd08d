// The words of paper orders: side, price type, product, status, order id. The texts are those of the REST contract;
// the raw values are written to the journal and must never be given another meaning.

/// Which way an order trades.
public enum Side: UInt8, Sendable, CaseIterable {
  case buy = 1
  case sell = 2

  public var code: String { self == .buy ? "BUY" : "SELL" }
  /// +1 for a purchase, -1 for a sale.
  public var sign: Int64 { self == .buy ? 1 : -1 }

  /// Requests may write both cases, but not a mixture.
  public init?(code: some StringProtocol) {
    switch code {
    case "BUY", "buy": self = .buy
    case "SELL", "sell": self = .sell
    default: return nil
    }
  }
}

/// How an order is priced.
public enum PriceType: UInt8, Sendable, CaseIterable {
  case market = 1
  case limit = 2
  case stopLimit = 3
  case stopMarket = 4

  public var code: String {
    switch self {
    case .market: "MARKET"
    case .limit: "LIMIT"
    case .stopLimit: "SL"
    case .stopMarket: "SL-M"
    }
  }

  public var usesPrice: Bool { self == .limit || self == .stopLimit }
  public var usesTrigger: Bool { self == .stopLimit || self == .stopMarket }

  public init?(code: some StringProtocol) {
    guard let match = Self.allCases.first(where: { $0.code == code }) else { return nil }
    self = match
  }
}

/// What a position is held as.
public enum Product: UInt8, Sendable, CaseIterable {
  case mis = 1
  case cnc = 2
  case nrml = 3

  public var code: String {
    switch self {
    case .mis: "MIS"
    case .cnc: "CNC"
    case .nrml: "NRML"
    }
  }

  public init?(code: some StringProtocol) {
    guard let match = Self.allCases.first(where: { $0.code == code }) else { return nil }
    self = match
  }
}

/// Where an order is in its life.
public enum OrderStatus: UInt8, Sendable, CaseIterable {
  case open = 1
  case triggerPending = 2
  case complete = 3
  case cancelled = 4
  case rejected = 5

  public var code: String {
    switch self {
    case .open: "open"
    case .triggerPending: "trigger pending"
    case .complete: "complete"
    case .cancelled: "cancelled"
    case .rejected: "rejected"
    }
  }

  /// The order can still fill or be cancelled.
  public var isPending: Bool { self == .open || self == .triggerPending }
}

/// `YYMMDD` in IST followed by eight digits that count up; as a number, so that later orders are greater.
public struct OrderID: Sendable, Hashable, Comparable {
  public static let digits = 14
  static let countPerDay: UInt64 = 100_000_000

  public let number: UInt64

  public init(number: UInt64) { self.number = number }

  /// Nil unless the text is exactly fourteen digits.
  public init?(text: some StringProtocol) {
    guard text.utf8.count == Self.digits, text.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }),
      let number = UInt64(text)
    else { return nil }
    self.number = number
  }

  public var text: String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, Self.digits - digits.utf8.count)) + digits
  }

  public static func < (a: OrderID, b: OrderID) -> Bool { a.number < b.number }
}
