// Upstox's instrument list: a JSON array of objects, expiries as instants, tick sizes in paise. Cold path.

import Market

/// Reader of Upstox's instrument list.
public enum UpstoxInstruments {
  /// Reads a whole file. With `today` (days since 1970-01-01, IST) contracts that expired before it are left out.
  public static func parse(_ bytes: [UInt8], today: Int32? = nil) throws(InstrumentListError) -> InstrumentMaster {
    try InstrumentFormat.upstox.parse(bytes, today: today)
  }
}

enum UpstoxFields: ListFields {
  static let names: [StaticString] = [
    "instrument_key", "trading_symbol", "name", "underlying_symbol", "asset_symbol", "expiry", "strike_price",
    "lot_size", "freeze_quantity", "instrument_type", "segment", "tick_size",
  ]
  // Places in `names`.
  private static let (
    key, tradingSymbol, name, underlying, asset, expiry, strike, lotSize, freeze, type, segment, tickSize
  ) = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)

  private static let segments: [(code: [UInt8], exchange: Exchange)] = [
    (Array("NSE_FO".utf8), .nfo), (Array("BSE_FO".utf8), .bfo), (Array("NSE_EQ".utf8), .nse),
    (Array("BSE_EQ".utf8), .bse), (Array("MCX_FO".utf8), .mcx), (Array("NCD_FO".utf8), .cds),
    (Array("BCD_FO".utf8), .bcd), (Array("NSE_INDEX".utf8), .nseIndex), (Array("BSE_INDEX".utf8), .bseIndex),
    (Array("GLOBAL_INDEX".utf8), .globalIndex), (Array("GLOBAL_INDICATOR".utf8), .globalIndex),
  ]

  /// Longest instrument key.
  private static let keyBytesMax = 64
  /// The instant 9999-12-31.
  private static let expiryMillisMax: Int64 = 253_402_300_799_999

  static func listed(_ fields: JSONFields) throws(SkipReason) -> ListedRow {
    guard let exchange = segments.first(where: { fields[segment].elementsEqual($0.code) })?.exchange else {
      throw .unknownExchange
    }
    let kind = try kind(fields[type], on: exchange)
    let keyText = fields.text(key)
    guard isKey(keyText) else { throw .badToken }
    guard let lot = whole(fields[lotSize], or: kind == .index ? 1 : nil) else { throw .badLotSize }
    let tickText = fields[tickSize]
    // Indices come without one. The second scale: some lists have been seen in rupees.
    let tick =
      kind == .index && tickText.isEmpty ? 0 : TickSizes.tick(tickText, on: exchange, places: [6, 8])
    guard let tick else { throw .badTickSize }
    let brokerSymbol = fields.text(tradingSymbol)
    var row = ListedRow(
      exchange: exchange, kind: kind, name: fields.text(name), lotSize: Int32(lot), tickSize: tick,
      brokerSymbol: brokerSymbol, brokerExchange: fields.text(segment), token: keyText, feedToken: keyText)
    switch kind {
    case .index: row.symbol = IndexNames.symbol(for: brokerSymbol.isEmpty ? row.name : brokerSymbol, on: exchange)
    case .equity:
      row.symbol = brokerSymbol
      row.isSecondary = exchange == .nse && !fields[type].elementsEqual("EQ".utf8)
    default:
      row.name = underlyingName(fields, brokerSymbol)
      row.expiryDay = NumberText.whole(fields[expiry], max: expiryMillisMax).flatMap { millis in
        millis > 0 ? day(millis) : nil
      }
      if kind != .future { row.strike = NumberText.decimal(fields[strike], places: Price.decimals) ?? 0 }
      row.freezeQuantity = NumberText.whole(fields[freeze], max: Int64(Int32.max)) ?? 0
    }
    return row
  }

  private static func kind(
    _ type: UnsafeRawBufferPointer, on exchange: Exchange
  ) throws(SkipReason) -> InstrumentKind {
    if !exchange.isTradable { return .index }
    guard exchange.isDerivative else { return .equity }
    for kind in [InstrumentKind.future, .call, .put] where type.elementsEqual(kind.code.utf8) { return kind }
    throw .unknownType
  }

  /// `SEGMENT|id`: goes into JSON as it stands.
  private static func isKey(_ text: String) -> Bool {
    text.utf8.count <= keyBytesMax && text.utf8.contains(UInt8(ascii: "|"))
      && text.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }
  }

  private static func whole(_ text: UnsafeRawBufferPointer, or absent: Int64?) -> Int64? {
    text.isEmpty ? absent : NumberText.whole(text, max: Int64(Int32.max))
  }

  /// The instant is the end of the expiry day in India.
  private static func day(_ millis: Int64) -> Int32 {
    let offsetMillis = ISTTime.offsetNanos / 1_000_000
    return Int32((millis + offsetMillis) / 86_400_000)
  }

  /// The field of that name; else what stands before ` FUT ` or the strike in the trading symbol.
  private static func underlyingName(_ fields: JSONFields, _ tradingSymbol: String) -> String {
    for field in [underlying, asset] {
      let text = fields.text(field)
      if !text.isEmpty { return text }
    }
    let words = tradingSymbol.split(separator: " ")
    // NAME FUT DD MMM YY, NAME STRIKE CE DD MMM YY
    let isFuture = fields[type].elementsEqual(InstrumentKind.future.code.utf8)
    return words.dropLast(isFuture ? 4 : 5).joined()
  }
}
