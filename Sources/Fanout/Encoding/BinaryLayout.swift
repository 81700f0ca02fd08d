// The records of the binary stream, subprotocol `tickgate.v1`: numbers and byte offsets as docs/binary.md promises them
// to clients. Constants only: any thread, nothing allocates. What stands here never changes; a record may only grow at
// its end, and a new kind of record takes a new number.
//
// All numbers are little-endian. A record's size is a multiple of 8, and so is the offset of every 64-bit field.

import Market

/// What a record is: byte 2. Market data records carry the number of their mode.
public enum BinaryRecord: UInt8, Sendable, CaseIterable {
  case ltp = 1
  case quote = 2
  case depth = 3
  /// A book beyond five levels, where a depth record would stand.
  case book = 4
  /// First of a connection: version and epoch.
  case hello = 16
  /// Name of a feed that ticks name by number.
  case feed = 17
  /// Name and properties of an instrument that ticks name by number.
  case instrument = 18

  /// Bits of byte 3. Readers ignore those that they do not know.
  public enum Flag {
    /// The last value at the time of subscribing, not a new tick; its age is in the last 8 bytes of the record.
    @inlinable public static var snapshot: UInt8 { 1 << 0 }
  }
}

/// Byte offsets of the fields. Computed, so that other modules see constants.
public enum BinaryLayout {
  /// What a client asks for in `Sec-WebSocket-Protocol`.
  public static let subprotocol = "tickgate.v1"
  /// Format version, in the hello record and in the subprotocol's name.
  public static let version: UInt16 = 1

  /// Every record starts with these eight bytes.
  public enum Header {
    /// UInt16: bytes of the whole record.
    @inlinable public static var size: Int { 0 }
    @inlinable public static var type: Int { 2 }
    @inlinable public static var flags: Int { 3 }
    /// UInt32: number of the instrument or feed; 0 in the hello record.
    @inlinable public static var id: Int { 4 }
    @inlinable public static var bytes: Int { 8 }
  }

  /// LTP record, and the beginning of a quote record.
  public enum LTP {
    /// UInt64: values of this instrument and mode since the epoch.
    @inlinable public static var sequence: Int { 8 }
    /// UInt16.
    @inlinable public static var presence: Int { 16 }
    @inlinable public static var feed: Int { 18 }
    /// Zero.
    @inlinable public static var reserved: Int { 19 }
    /// UInt32: ns from received to published; stops at 4294967295.
    @inlinable public static var publishedDelayNanos: Int { 20 }
    /// Int64, ns since 1970, UTC.
    @inlinable public static var receivedTime: Int { 24 }
    @inlinable public static var exchangeTime: Int { 32 }
    @inlinable public static var lastTradeTime: Int { 40 }
    /// Int64 in 1e-8, as every price.
    @inlinable public static var ltp: Int { 48 }
    @inlinable public static var bytes: Int { 56 }
  }

  /// What a quote record has after the LTP record's fields; the beginning of a depth record.
  public enum Quote {
    @inlinable public static var open: Int { 56 }
    @inlinable public static var high: Int { 64 }
    @inlinable public static var low: Int { 72 }
    /// Previous trading day's.
    @inlinable public static var close: Int { 80 }
    @inlinable public static var volume: Int { 88 }
    @inlinable public static var lastTradeQuantity: Int { 96 }
    @inlinable public static var averagePrice: Int { 104 }
    @inlinable public static var totalBuyQuantity: Int { 112 }
    @inlinable public static var totalSellQuantity: Int { 120 }
    @inlinable public static var openInterest: Int { 128 }
    @inlinable public static var upperCircuit: Int { 136 }
    @inlinable public static var lowerCircuit: Int { 144 }
    @inlinable public static var bidPrice: Int { 152 }
    @inlinable public static var askPrice: Int { 160 }
    /// UInt32 each.
    @inlinable public static var bidQuantity: Int { 168 }
    @inlinable public static var askQuantity: Int { 172 }
    @inlinable public static var bytes: Int { 176 }
  }

  /// What a depth record has after the quote record's fields.
  public enum Depth {
    @inlinable public static var openInterestHigh: Int { 176 }
    @inlinable public static var openInterestLow: Int { 184 }
    /// UInt8 each: levels that are filled, 0...5.
    @inlinable public static var bidLevels: Int { 192 }
    @inlinable public static var askLevels: Int { 193 }
    /// Six bytes of zero.
    @inlinable public static var reserved: Int { 194 }
    /// Five levels, best first: price Int64, quantity UInt32, orders UInt32.
    @inlinable public static var bids: Int { 200 }
    @inlinable public static var asks: Int { 280 }
    @inlinable public static var levelBytes: Int { 16 }
    @inlinable public static var bytes: Int { 360 }
  }

  /// What a book record has after the quote record's fields: a depth record with as many levels as are filled.
  public enum Book {
    /// UInt8 each: levels that are filled and follow.
    @inlinable public static var bidLevels: Int { 192 }
    @inlinable public static var askLevels: Int { 193 }
    /// UInt16: levels that the feed promises.
    @inlinable public static var levels: Int { 194 }
    /// Four bytes of zero.
    @inlinable public static var reserved: Int { 196 }
    /// The levels of the bid side, best first, then those of the ask side: price Int64, quantity UInt32, orders UInt32.
    @inlinable public static var sides: Int { 200 }
    /// Without levels.
    @inlinable public static var bytes: Int { 200 }
  }

  /// Ends a market data record that has the snapshot flag: age of the value, UInt64, ms.
  public enum Snapshot {
    @inlinable public static var bytes: Int { 8 }
  }

  public enum Hello {
    /// UInt64, ms since 1970: when the sequences began to count.
    @inlinable public static var epochMillis: Int { 8 }
    /// Int64, ns since 1970: the gateway's clock when it wrote the record.
    @inlinable public static var gatewayTime: Int { 16 }
    /// UInt16.
    @inlinable public static var version: Int { 24 }
    /// Six bytes of zero.
    @inlinable public static var reserved: Int { 26 }
    @inlinable public static var bytes: Int { 32 }
  }

  public enum Feed {
    /// UInt16: where the name begins, from the start of the record. Readers use it, because later fixed fields will
    /// come before the text.
    @inlinable public static var textOffset: Int { 8 }
    /// UInt16.
    @inlinable public static var nameBytes: Int { 10 }
    /// Four bytes of zero.
    @inlinable public static var reserved: Int { 12 }
    @inlinable public static var text: Int { 16 }
  }

  public enum Instrument {
    /// Int64 in 1e-8 each; strike is 0 when not an option.
    @inlinable public static var tickSize: Int { 8 }
    @inlinable public static var strike: Int { 16 }
    /// UInt32.
    @inlinable public static var lotSize: Int { 24 }
    /// Int32: days since 1970-01-01 of the date in India; 0 when it does not expire.
    @inlinable public static var expiryDay: Int { 28 }
    /// UInt8: number of `BinaryKind`.
    @inlinable public static var kind: Int { 32 }
    /// UInt8: decimals to show prices with.
    @inlinable public static var displayDecimals: Int { 33 }
    /// UInt16: where the exchange's code begins, from the start of the record; the symbol follows it at once.
    @inlinable public static var textOffset: Int { 34 }
    /// UInt16.
    @inlinable public static var exchangeBytes: Int { 36 }
    /// UInt16.
    @inlinable public static var symbolBytes: Int { 38 }
    @inlinable public static var text: Int { 40 }
  }
}

/// Numbers of `InstrumentKind` on the wire.
public enum BinaryKind: UInt8, Sendable, CaseIterable {
  case equity = 1
  case index = 2
  case future = 3
  case call = 4
  case put = 5

  init(_ kind: InstrumentKind) {
    switch kind {
    case .equity: self = .equity
    case .index: self = .index
    case .future: self = .future
    case .call: self = .call
    case .put: self = .put
    }
  }
}

/// Which fields of a market data record the feed sent: bits of `BinaryLayout.LTP.presence`. They are those of
/// `Presence`, so that the encoder only masks them; a test holds the two together.
public enum BinaryPresence {
  @inlinable public static var ltp: UInt16 { 1 << 0 }
  @inlinable public static var lastTradeTime: UInt16 { 1 << 1 }
  @inlinable public static var exchangeTime: UInt16 { 1 << 2 }
  @inlinable public static var dayRange: UInt16 { 1 << 3 }
  @inlinable public static var volume: UInt16 { 1 << 4 }
  @inlinable public static var lastTradeQuantity: UInt16 { 1 << 5 }
  @inlinable public static var averagePrice: UInt16 { 1 << 6 }
  @inlinable public static var totals: UInt16 { 1 << 7 }
  @inlinable public static var openInterest: UInt16 { 1 << 8 }
  @inlinable public static var openInterestRange: UInt16 { 1 << 9 }
  @inlinable public static var circuits: UInt16 { 1 << 10 }
  @inlinable public static var bestBid: UInt16 { 1 << 11 }
  @inlinable public static var bestAsk: UInt16 { 1 << 12 }
  @inlinable public static var depth: UInt16 { 1 << 13 }
  @inlinable public static var close: UInt16 { 1 << 14 }
  @inlinable public static var suspect: UInt16 { 1 << 15 }

  @inlinable public static var ofLTP: UInt16 { ltp | lastTradeTime | exchangeTime | suspect }
  @inlinable public static var ofQuote: UInt16 {
    ofLTP | dayRange | close | volume | lastTradeQuantity | averagePrice | totals | openInterest | circuits | bestBid
      | bestAsk
  }
  @inlinable public static var ofDepth: UInt16 { ofQuote | openInterestRange | depth }
}
