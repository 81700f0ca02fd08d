// The one record that every feed produces and every consumer reads. Fixed layout, no reference inside, ordered by
// mode so that a writer or reader of a mode touches only its prefix: LTP 64 bytes, quote 192, depth 376.
// Layout and offsets are asserted in Tests/MarketTests.

/// What a tick carries beyond its last price. A field whose bit is clear was not sent and holds nothing.
/// The bits are computed, so that other modules see constants: a stored `static let` is a call and a once-check.
public struct Presence: OptionSet, Sendable, BitwiseCopyable {
  public let rawValue: UInt32
  @inlinable @inline(__always) public init(rawValue: UInt32) { self.rawValue = rawValue }

  @inlinable public static var ltp: Presence { Presence(rawValue: 1 << 0) }
  @inlinable public static var lastTradeTime: Presence { Presence(rawValue: 1 << 1) }
  @inlinable public static var exchangeTime: Presence { Presence(rawValue: 1 << 2) }
  /// open, high and low of the day.
  @inlinable public static var dayRange: Presence { Presence(rawValue: 1 << 3) }
  @inlinable public static var volume: Presence { Presence(rawValue: 1 << 4) }
  @inlinable public static var lastTradeQuantity: Presence { Presence(rawValue: 1 << 5) }
  @inlinable public static var averagePrice: Presence { Presence(rawValue: 1 << 6) }
  /// totalBuyQuantity and totalSellQuantity.
  @inlinable public static var totals: Presence { Presence(rawValue: 1 << 7) }
  @inlinable public static var openInterest: Presence { Presence(rawValue: 1 << 8) }
  @inlinable public static var openInterestRange: Presence { Presence(rawValue: 1 << 9) }
  /// upperCircuit and lowerCircuit.
  @inlinable public static var circuits: Presence { Presence(rawValue: 1 << 10) }
  @inlinable public static var bestBid: Presence { Presence(rawValue: 1 << 11) }
  @inlinable public static var bestAsk: Presence { Presence(rawValue: 1 << 12) }
  @inlinable public static var depth: Presence { Presence(rawValue: 1 << 13) }
  /// Close of the previous trading day.
  @inlinable public static var close: Presence { Presence(rawValue: 1 << 14) }
  /// The last price lies outside the circuit limits that are known: shown, never traded on.
  @inlinable public static var suspect: Presence { Presence(rawValue: 1 << 15) }

  /// What most feeds send together.
  @inlinable public static var ohlc: Presence { Presence(rawValue: 1 << 3 | 1 << 14) }
}

/// One level of a book, 16 bytes. An empty level is all zero.
public struct DepthLevel: Sendable, BitwiseCopyable, Equatable {
  /// 1e-8 units.
  public var price: Int64
  public var quantity: UInt32
  public var orders: UInt32

  @inlinable @inline(__always)
  public init(price: Int64 = 0, quantity: UInt32 = 0, orders: UInt32 = 0) {
    self.price = price
    self.quantity = quantity
    self.orders = orders
  }
}

/// One normalised market data update. Prices in 1e-8 units, quantities in units of the instrument, times in
/// nanoseconds since the Unix epoch, UTC. Fill it in place through a pointer: returning 376 bytes costs more than
/// decoding them.
public struct Tick: Sendable, BitwiseCopyable {
  // LTP prefix: bytes 0..<64.
  /// Dense id given by the `InstrumentRegistry`.
  public var instrument: UInt32
  public var feed: UInt8
  /// Raw value of the `Mode` of the packet: says which prefix is filled.
  public var mode: UInt8
  /// Filled levels of the book, 0...5 a side.
  public var bidLevels: UInt8
  public var askLevels: UInt8
  /// Raw value of `Presence`.
  public var presence: UInt32
  public var reserved: UInt32
  /// Ticks of this instrument since the gateway's epoch, from 1: the sequence of mode 1. Set by the sequencer.
  public var sequence: UInt64
  public var receivedTime: Int64
  public var exchangeTime: Int64
  public var publishedTime: Int64
  public var ltp: Int64
  public var lastTradeTime: Int64

  // Quote prefix: bytes 64..<192.
  public var open: Int64
  public var high: Int64
  public var low: Int64
  /// Close of the previous trading day.
  public var close: Int64
  public var volume: Int64
  public var lastTradeQuantity: Int64
  public var averagePrice: Int64
  public var totalBuyQuantity: Int64
  public var totalSellQuantity: Int64
  public var openInterest: Int64
  public var upperCircuit: Int64
  public var lowerCircuit: Int64
  public var bidPrice: Int64
  public var askPrice: Int64
  public var bidQuantity: UInt32
  public var askQuantity: UInt32
  /// Ticks of this instrument with mode quote or more: the sequence of mode 2.
  public var quoteSequence: UInt64

  // Depth: bytes 192..<376.
  /// Ticks of this instrument with mode depth: the sequence of mode 3.
  public var depthSequence: UInt64
  public var openInterestHigh: Int64
  public var openInterestLow: Int64
  /// Best first.
  public var bids: InlineArray<5, DepthLevel>
  public var asks: InlineArray<5, DepthLevel>

  @inlinable public init() {
    instrument = 0
    feed = 0
    mode = 0
    bidLevels = 0
    askLevels = 0
    presence = 0
    reserved = 0
    sequence = 0
    receivedTime = 0
    exchangeTime = 0
    publishedTime = 0
    ltp = 0
    lastTradeTime = 0
    open = 0
    high = 0
    low = 0
    close = 0
    volume = 0
    lastTradeQuantity = 0
    averagePrice = 0
    totalBuyQuantity = 0
    totalSellQuantity = 0
    openInterest = 0
    upperCircuit = 0
    lowerCircuit = 0
    bidPrice = 0
    askPrice = 0
    bidQuantity = 0
    askQuantity = 0
    quoteSequence = 0
    depthSequence = 0
    openInterestHigh = 0
    openInterestLow = 0
    bids = .init(repeating: DepthLevel())
    asks = .init(repeating: DepthLevel())
  }

  /// Levels of a side that travel in the tick.
  public static let depthLevels = 5

  @inlinable @inline(__always) public func has(_ bits: Presence) -> Bool {
    presence & bits.rawValue == bits.rawValue
  }

  /// Sequence of this tick among those that a subscriber of `mode` gets.
  @inlinable @inline(__always) public func sequence(of mode: Mode) -> UInt64 {
    switch mode {
    case .ltp: sequence
    case .quote: quoteSequence
    case .depth: depthSequence
    }
  }

  /// 64-bit words to copy for a tick of a raw mode; an unknown mode copies all.
  @inlinable @inline(__always) public static func words(ofMode mode: UInt8) -> Int {
    mode == Mode.ltp.rawValue ? 8 : mode == Mode.quote.rawValue ? 24 : 47
  }
}
