/// What an instrument is; decides decoding (index packets), margins and validation.
public enum InstrumentKind: UInt8, Sendable {
  case equity, index, future, call, put

  /// `instrumenttype` of the common symbol table.
  public var code: String {
    switch self {
    case .equity: "EQ"
    case .index: "INDEX"
    case .future: "FUT"
    case .call: "CE"
    case .put: "PE"
    }
  }
}

/// (exchange, symbol): what clients name an instrument by. Case-sensitive.
public struct InstrumentKey: Hashable, Sendable {
  public let exchange: Exchange
  public let symbol: String

  public init(_ exchange: Exchange, _ symbol: String) {
    self.exchange = exchange
    self.symbol = symbol
  }
}

/// One row of the instrument master in common form (`docs/symbols.md`).
public struct Instrument: Sendable, Equatable {
  public var key: InstrumentKey
  /// Company for equities, underlying for derivatives.
  public var name: String
  /// Days since 1970-01-01 of the expiry date in IST; nil when it does not expire.
  public var expiryDay: Int32?
  /// 1e-8 units; 0 when not an option.
  public var strike: Int64
  /// Units per lot; quantities of derivatives are multiples of it.
  public var lotSize: Int32
  /// 1e-8 units.
  public var tickSize: Int64
  public var kind: InstrumentKind
  /// Symbol as the broker writes it.
  public var brokerSymbol: String

  public var exchange: Exchange { key.exchange }
  public var symbol: String { key.symbol }
  /// Decimals that a price of this instrument is shown with.
  public var displayDecimals: UInt8 { Price.displayDecimals(tickSize: tickSize) }

  public init(
    key: InstrumentKey, name: String, expiryDay: Int32? = nil, strike: Int64 = 0, lotSize: Int32 = 1,
    tickSize: Int64, kind: InstrumentKind, brokerSymbol: String? = nil
  ) {
    self.key = key
    self.name = name
    self.expiryDay = expiryDay
    self.strike = strike
    self.lotSize = lotSize
    self.tickSize = tickSize
    self.kind = kind
    self.brokerSymbol = brokerSymbol ?? key.symbol
  }
}
