// The simulated instruments in the compact form of Dhan's list. Start-up and tests only; allocates.

import Market

extension Universe {
  /// The list in the format of Dhan's api-scrip-master.csv: tick sizes in paise.
  public func dhanCSV() -> [UInt8] {
    var text =
      "SEM_EXM_EXCH_ID,SEM_SEGMENT,SEM_SMST_SECURITY_ID,SEM_INSTRUMENT_NAME,SEM_EXPIRY_CODE,SEM_TRADING_SYMBOL,"
      + "SEM_LOT_UNITS,SEM_CUSTOM_SYMBOL,SEM_EXPIRY_DATE,SEM_STRIKE_PRICE,SEM_OPTION_TYPE,SEM_TICK_SIZE,"
      + "SEM_EXPIRY_FLAG,SEM_EXCH_INSTRUMENT_TYPE,SEM_SERIES,SM_SYMBOL_NAME\n"
    for entry in instruments { text += Self.dhanRow(entry) + "\n" }
    return Array(text.utf8)
  }

  private static func dhanRow(_ entry: SimulatedInstrument) -> String {
    let instrument = entry.instrument
    let (exchange, segment) = dhanPlace(instrument.exchange)
    let expiry = instrument.expiryDay.map { CivilDate(day: $0).text + " 14:30:00" } ?? ""
    let isOption = instrument.kind == .call || instrument.kind == .put
    let strike = isOption ? Price.text(instrument.strike) : instrument.kind == .future ? "-0.01000" : ""
    let option = isOption ? instrument.kind.code : instrument.kind == .future ? "XX" : ""
    let tick = entry.isIndex ? "" : Price.text(instrument.tickSize * 100)
    let series = instrument.exchange == .nse ? "EQ" : ""
    return [
      exchange, segment, entry.token(for: .dhan).token, dhanType(instrument), "0", dhanSymbol(instrument),
      "\(instrument.lotSize).0", dhanTitle(entry), expiry, strike, option, tick, expiry.isEmpty ? "" : "M",
      entry.isIndex ? "INDEX" : instrument.kind == .equity ? "ES" : "", series,
      instrument.kind == .equity ? instrument.name : "",
    ].joined(separator: ",")
  }

  private static func dhanPlace(_ exchange: Exchange) -> (exchange: String, segment: String) {
    switch exchange {
    case .nse: ("NSE", "E")
    case .bse: ("BSE", "E")
    case .nfo: ("NSE", "D")
    case .bfo: ("BSE", "D")
    case .cds: ("NSE", "C")
    case .mcx: ("MCX", "M")
    case .nseIndex: ("NSE", "I")
    case .bseIndex: ("BSE", "I")
    default: preconditionFailure("Dhan has no \(exchange.code)")
    }
  }

  private static func dhanType(_ instrument: Instrument) -> String {
    let prefix = instrument.kind == .future ? "FUT" : "OPT"
    switch (instrument.kind, instrument.exchange) {
    case (.equity, _): return "EQUITY"
    case (.index, _): return "INDEX"
    case (_, .mcx): return instrument.kind == .future ? "FUTCOM" : "OPTFUT"
    case (_, .cds): return prefix + "CUR"
    default: return prefix + (isOnIndex(instrument) ? "IDX" : "STK")
    }
  }

  /// `NIFTY-Dec2026-24800-CE`, `RELIANCE-Dec2026-FUT`, or the symbol.
  private static func dhanSymbol(_ instrument: Instrument) -> String {
    guard let expiry = instrument.expiryDay else { return instrument.symbol }
    let date = CivilDate(day: expiry)
    let month = ISTTime.months[date.month - 1]
    let stem = "\(instrument.name)-\(month.prefix(1))\(month.dropFirst().lowercased())\(date.year)"
    if instrument.kind == .future { return stem + "-FUT" }
    return "\(stem)-\(Price.text(instrument.strike))-\(instrument.kind.code)"
  }

  /// `NIFTY 01 DEC 24800 CALL`, `RELIANCE DEC FUT`, or a name.
  private static func dhanTitle(_ entry: SimulatedInstrument) -> String {
    let instrument = entry.instrument
    guard let expiry = instrument.expiryDay else {
      return entry.isIndex ? entry.indexListing.title : instrument.name
    }
    let text = CivilDate(day: expiry).symbolText
    let month = text.dropFirst(2).prefix(3)
    if instrument.kind == .future { return "\(instrument.name) \(month) FUT" }
    let side = instrument.kind == .call ? "CALL" : "PUT"
    return "\(instrument.name) \(text.prefix(2)) \(month) \(Price.text(instrument.strike)) \(side)"
  }
}
