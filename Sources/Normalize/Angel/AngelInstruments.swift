// Angel One's scrip master: a JSON array of objects whose values are all strings, prices in paise (currencies in
// 1e-7). Cold path.

import Market

/// Reader of Angel One's instrument list.
public enum AngelInstruments {
  /// Reads a whole file. With `today` (days since 1970-01-01, IST) contracts that expired before it are left out.
  public static func parse(_ bytes: [UInt8], today: Int32? = nil) throws(InstrumentListError) -> InstrumentMaster {
    try InstrumentFormat.angel.parse(bytes, today: today)
  }
}

enum AngelFields: ListFields {
  static let names: [StaticString] = [
    "token", "symbol", "name", "expiry", "strike", "lotsize", "instrumenttype", "exch_seg", "tick_size",
  ]
  // Places in `names`.
  private static let (token, symbol, name, expiry, strike, lotSize, type, exchange, tickSize) =
    (0, 1, 2, 3, 4, 5, 6, 7, 8)

  private struct Segment {
    let code: [UInt8]
    let exchange: Exchange
    /// Exchange of its indices.
    let index: Exchange?
    /// `exchangeType` of the feed; nil where the feed has none.
    let feedCode: UInt8?

    init(_ code: String, _ exchange: Exchange, index: Exchange? = nil, feedCode: UInt8?) {
      self.code = Array(code.utf8)
      self.exchange = exchange
      self.index = index
      self.feedCode = feedCode
    }
  }

  private static let segments = [
    Segment("NFO", .nfo, feedCode: 2), Segment("BFO", .bfo, feedCode: 4),
    Segment("NSE", .nse, index: .nseIndex, feedCode: 1), Segment("BSE", .bse, index: .bseIndex, feedCode: 3),
    Segment("MCX", .mcx, index: .mcxIndex, feedCode: 5), Segment("CDS", .cds, feedCode: 13),
    Segment("NCDEX", .ncdex, feedCode: 7), Segment("NCO", .nco, feedCode: nil),
  ]

  static func listed(_ fields: JSONFields) throws(SkipReason) -> ListedRow {
    guard let segment = segments.first(where: { fields[exchange].elementsEqual($0.code) }) else {
      throw .unknownExchange
    }
    let brokerSymbol = fields.text(symbol)
    let kind = try kind(fields, of: brokerSymbol, segment)
    let tokenText = fields.text(token)
    guard !tokenText.isEmpty else { throw .badToken }
    guard let lot = NumberText.whole(fields[lotSize], max: Int64(Int32.max)) else { throw .badLotSize }
    let isCurrency = segment.exchange == .cds
    guard let tick = TickSizes.tick(fields[tickSize], on: segment.exchange, places: isCurrency ? [6, 1] : [6]) else {
      throw .badTickSize
    }
    var row = ListedRow(
      exchange: kind == .index ? segment.index ?? segment.exchange : segment.exchange, kind: kind,
      name: fields.text(name), lotSize: Int32(lot), tickSize: tick, brokerSymbol: brokerSymbol,
      brokerExchange: fields.text(exchange), token: tokenText, segment: segment.feedCode ?? 0,
      feedToken: segment.feedCode == nil ? "" : tokenText)
    switch kind {
    case .index: row.symbol = IndexNames.symbol(for: row.name.isEmpty ? brokerSymbol : row.name, on: row.exchange)
    case .equity: (row.symbol, row.isSecondary) = shareSymbol(brokerSymbol)
    default:
      row.expiryDay = NumberText.dayMonthYear(fields[expiry])
      if kind != .future { row.strike = NumberText.decimal(fields[strike], places: isCurrency ? 1 : 6) ?? 0 }
      row.symbol = ownSymbol(of: row)
    }
    return row
  }

  private static func kind(
    _ fields: JSONFields, of symbol: String, _ segment: Segment
  ) throws(SkipReason) -> InstrumentKind {
    let type = fields[type]
    if type.elementsEqual("AMXIDX".utf8) {
      guard segment.index != nil else { throw segment.exchange == .cds ? .currencyIndex : .unknownType }
      return .index
    }
    guard segment.exchange.isDerivative else {
      if type.isEmpty { return .equity }
      throw .unknownType
    }
    if type.starts(with: "FUT".utf8) { return .future }
    if type.starts(with: "OPT".utf8) {
      if symbol.utf8.suffix(2).elementsEqual("CE".utf8) { return .call }
      if symbol.utf8.suffix(2).elementsEqual("PE".utf8) { return .put }
    }
    throw .unknownType
  }

  /// A share without its series, where the series is one that goes without saying. The ordinary one wins.
  private static func shareSymbol(_ brokerSymbol: String) -> (symbol: String, isSecondary: Bool) {
    for (suffix, isSecondary) in [("-EQ", false), ("-BE", true), ("-MF", true), ("-SG", true)]
    where brokerSymbol.hasSuffix(suffix) {
      return (String(brokerSymbol.dropLast(suffix.count)), isSecondary)
    }
    return (brokerSymbol, false)
  }

  /// On NFO the broker's symbol is the common one. It is kept when it says what the other fields say.
  private static func ownSymbol(of row: ListedRow) -> String? {
    guard row.exchange == .nfo, let own = SymbolText(row.brokerSymbol), own.text == row.brokerSymbol,
      own.expiryDay == row.expiryDay, own.strike == row.strike, own.kind == row.kind
    else { return nil }
    return row.brokerSymbol
  }
}
