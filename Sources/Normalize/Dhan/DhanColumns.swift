// Columns of Dhan's scrip master, compact and detailed, and what its segments are called. Data. Cold path.

import Market

/// Indices of the columns that are read.
struct DhanColumns: ListColumns {
  let exchange: Int
  let segment: Int
  let id: Int
  let instrument: Int
  /// Compact: the trading symbol. Detailed: the long name of a share, the trading symbol of a derivative.
  let symbol: Int
  /// `NIFTY 26 DEC 24000 CALL`.
  let display: Int
  let expiry: Int
  let strike: Int
  let optionType: Int
  let lotSize: Int
  let tickSize: Int
  let name: Int?
  let series: Int?
  /// Detailed only.
  let underlying: Int?
  /// Fields that a row must have at least.
  let countMin: Int

  init(header: borrowing CSVRow) throws(InstrumentListError) {
    let names = ColumnNames(header)
    let isDetailed = names.optional("SEM_EXM_EXCH_ID") == nil && names.optional("EXCH_ID") != nil
    func column(_ compact: String, _ detailed: String) throws(InstrumentListError) -> Int {
      try names.index(isDetailed ? detailed : compact)
    }
    exchange = try column("SEM_EXM_EXCH_ID", "EXCH_ID")
    segment = try column("SEM_SEGMENT", "SEGMENT")
    id = try column("SEM_SMST_SECURITY_ID", "SECURITY_ID")
    instrument = try column("SEM_INSTRUMENT_NAME", "INSTRUMENT")
    symbol = try column("SEM_TRADING_SYMBOL", "SYMBOL_NAME")
    display = try column("SEM_CUSTOM_SYMBOL", "DISPLAY_NAME")
    expiry = try column("SEM_EXPIRY_DATE", "SM_EXPIRY_DATE")
    strike = try column("SEM_STRIKE_PRICE", "STRIKE_PRICE")
    optionType = try column("SEM_OPTION_TYPE", "OPTION_TYPE")
    lotSize = try column("SEM_LOT_UNITS", "LOT_SIZE")
    tickSize = try column("SEM_TICK_SIZE", "TICK_SIZE")
    name = names.optional(isDetailed ? "SYMBOL_NAME" : "SM_SYMBOL_NAME")
    series = names.optional(isDetailed ? "SERIES" : "SEM_SERIES")
    underlying = isDetailed ? try names.index("UNDERLYING_SYMBOL") : nil
    countMin =
      1
      + [
        exchange, segment, id, instrument, symbol, display, expiry, strike, optionType, lotSize, tickSize, name ?? 0,
        series ?? 0, underlying ?? 0,
      ].reduce(0, max)
  }

  /// An exchange's segment, as list, REST and feed name it.
  struct Segment {
    let exchange: Exchange
    /// As orders and the feed's subscriptions write it.
    let name: String
    /// As the feed's packets write it.
    let code: UInt8
  }

  /// Common exchange of a row that is no index; nil for what has none.
  static func segment(exchange: UnsafeRawBufferPointer, segment: UnsafeRawBufferPointer) -> Segment? {
    guard segment.count == 1 else { return nil }
    for entry in segments where entry.segment == segment[0] && exchange.elementsEqual(entry.exchange) {
      return entry.common
    }
    return nil
  }

  /// Exchange of an index.
  static func index(exchange: UnsafeRawBufferPointer) -> Segment? {
    if exchange.elementsEqual("NSE".utf8) { return Segment(exchange: .nseIndex, name: "IDX_I", code: 0) }
    if exchange.elementsEqual("BSE".utf8) { return Segment(exchange: .bseIndex, name: "IDX_I", code: 0) }
    return nil
  }

  private static let segments: [(exchange: [UInt8], segment: UInt8, common: Segment)] = [
    (Array("NSE".utf8), UInt8(ascii: "D"), Segment(exchange: .nfo, name: "NSE_FNO", code: 2)),
    (Array("BSE".utf8), UInt8(ascii: "D"), Segment(exchange: .bfo, name: "BSE_FNO", code: 8)),
    (Array("NSE".utf8), UInt8(ascii: "E"), Segment(exchange: .nse, name: "NSE_EQ", code: 1)),
    (Array("BSE".utf8), UInt8(ascii: "E"), Segment(exchange: .bse, name: "BSE_EQ", code: 4)),
    (Array("MCX".utf8), UInt8(ascii: "M"), Segment(exchange: .mcx, name: "MCX_COMM", code: 5)),
    (Array("NSE".utf8), UInt8(ascii: "C"), Segment(exchange: .cds, name: "NSE_CURRENCY", code: 3)),
    (Array("BSE".utf8), UInt8(ascii: "C"), Segment(exchange: .bcd, name: "BSE_CURRENCY", code: 7)),
  ]
}
