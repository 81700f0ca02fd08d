// The simulated instruments as each broker lists its own, byte for byte in the real form, so that the same readers
// take them. Start-up and tests only; allocates.

import JSONText
import Market

extension SimulatedBroker {
  /// Where the exchange's port serves the list.
  public var instrumentListPath: String {
    switch self {
    case .kite: "/instruments"
    case .angel: "/OpenAPI_File/files/OpenAPIScripMaster.json"
    case .upstox: "/market-quote/instruments/exchange/complete.json"
    case .dhan: "/api-data/api-scrip-master.csv"
    }
  }

  var instrumentListType: String {
    switch self {
    case .kite, .dhan: "text/csv"
    case .angel, .upstox: "application/json"
    }
  }
}

extension Universe {
  /// The list in the broker's format.
  public func instrumentList(for broker: SimulatedBroker) -> [UInt8] {
    switch broker {
    case .kite: csv()
    case .angel: angelJSON()
    case .upstox: upstoxJSON()
    case .dhan: dhanCSV()
    }
  }

  private static let indexUnderlyings: Set<String> = ["NIFTY", "BANKNIFTY", "FINNIFTY", "SENSEX"]

  static func isOnIndex(_ instrument: Instrument) -> Bool { indexUnderlyings.contains(instrument.name) }

  /// A number of 1e-8 units in paise with so many zeros behind the point.
  private static func paise(_ price: Int64, zeros: Int) -> String {
    let text = Price.text(price * 100)
    let decimals = text.split(separator: ".").dropFirst().first?.count ?? 0
    let point = decimals == 0 && zeros > 0 ? "." : ""
    return text + point + String(repeating: "0", count: max(0, zeros - decimals))
  }

  // MARK: Angel

  /// The list in the format of Angel's OpenAPIScripMaster.json: all values are texts, prices in paise.
  public func angelJSON() -> [UInt8] {
    var json = JSONWriter(capacity: count * 256)
    json.beginArray()
    for entry in instruments { Self.writeAngel(entry, &json) }
    json.endArray()
    return json.bytes
  }

  private static func writeAngel(_ entry: SimulatedInstrument, _ json: inout JSONWriter) {
    let instrument = entry.instrument
    let date = instrument.expiryDay.map { CivilDate(day: $0) }
    let isOption = instrument.kind == .call || instrument.kind == .put
    let strike = isOption ? paise(instrument.strike, zeros: 6) : entry.isIndex ? "0.000000" : "-1.000000"
    json.beginObject()
    json.member("token", entry.token(for: .angel).token)
    json.member("symbol", angelSymbol(entry))
    json.member("name", angelName(entry))
    json.member("expiry", date.map { "\($0.symbolText.prefix(5))\($0.year)" } ?? "")
    json.member("strike", strike)
    json.member("lotsize", String(instrument.lotSize))
    json.member("instrumenttype", angelType(instrument))
    json.member("exch_seg", exchangeCode(instrument))
    json.member("tick_size", entry.isIndex ? "0.000000" : paise(instrument.tickSize, zeros: 6))
    json.endObject()
  }

  private static func exchangeCode(_ instrument: Instrument) -> String {
    switch instrument.exchange {
    case .nseIndex: "NSE"
    case .bseIndex: "BSE"
    default: instrument.exchange.code
    }
  }

  private static func angelSymbol(_ entry: SimulatedInstrument) -> String {
    let instrument = entry.instrument
    switch instrument.exchange {
    case .nse: return instrument.symbol + "-EQ"
    case .nseIndex, .bseIndex: return entry.indexListing.title
    case .bfo, .mcx, .cds: return instrument.brokerSymbol
    default: return instrument.symbol
    }
  }

  private static func angelName(_ entry: SimulatedInstrument) -> String {
    switch entry.instrument.kind {
    case .index: entry.indexListing.angelName
    case .equity: entry.instrument.symbol
    case .future, .call, .put: entry.instrument.name
    }
  }

  private static func angelType(_ instrument: Instrument) -> String {
    let prefix = instrument.kind == .future ? "FUT" : "OPT"
    switch (instrument.kind, instrument.exchange) {
    case (.equity, _): return ""
    case (.index, _): return "AMXIDX"
    case (_, .mcx): return instrument.kind == .future ? "FUTCOM" : "OPTFUT"
    case (_, .cds): return prefix + "CUR"
    default: return prefix + (isOnIndex(instrument) ? "IDX" : "STK")
    }
  }

  // MARK: Upstox

  /// The list in the format of Upstox's complete.json: tick sizes in paise, expiries as the last second of the day.
  public func upstoxJSON() -> [UInt8] {
    var json = JSONWriter(capacity: count * 400)
    json.beginArray()
    for entry in instruments { Self.writeUpstox(entry, &json) }
    json.endArray()
    return json.bytes
  }

  private static func writeUpstox(_ entry: SimulatedInstrument, _ json: inout JSONWriter) {
    let instrument = entry.instrument
    json.beginObject()
    json.member("segment", entry.upstoxSegment)
    json.member("name", entry.isIndex ? entry.indexListing.title : instrument.name)
    json.member("exchange", String(entry.upstoxSegment.hasPrefix("NCD") ? "NSE" : entry.upstoxSegment.prefix(3)))
    if let isin = entry.isin { json.member("isin", isin) }
    json.member("instrument_type", instrument.kind.code)
    json.member("instrument_key", entry.token(for: .upstox).token)
    json.member("exchange_token", String(entry.exchangeToken))
    json.member("trading_symbol", upstoxSymbol(instrument))
    if !entry.isIndex {
      json.member("lot_size", Int64(instrument.lotSize))
      json.key("tick_size")
      json.fixed8(instrument.tickSize * 100)
    }
    if let expiry = instrument.expiryDay {
      let lastSecond = ISTTime.epochNanos(day: expiry + 1, minuteOfDay: 0) / 1_000_000 - 1000
      json.member("expiry", lastSecond)
      json.member("underlying_symbol", instrument.name)
      json.member("asset_symbol", instrument.name)
      json.member("minimum_lot", Int64(instrument.lotSize))
      if instrument.strike > 0 {
        json.key("strike_price")
        json.fixed8(instrument.strike)
      }
    }
    json.endObject()
  }

  /// `NIFTY 24800 CE 01 DEC 26`, `RELIANCE FUT 29 DEC 26`, or the symbol.
  private static func upstoxSymbol(_ instrument: Instrument) -> String {
    guard let expiry = instrument.expiryDay else { return instrument.symbol }
    let text = CivilDate(day: expiry).symbolText
    let date = "\(text.prefix(2)) \(text.dropFirst(2).prefix(3)) \(text.suffix(2))"
    if instrument.kind == .future { return "\(instrument.name) FUT \(date)" }
    return "\(instrument.name) \(Price.text(instrument.strike)) \(instrument.kind.code) \(date)"
  }
}
