// Instrument lists of any length in each broker's layout, for tests and measurements of reading and storing them.
// Everything is made up, but rows are as long and as many kinds as real ones. Any thread.

/// Makes instrument lists.
public enum InstrumentLists {
  /// Layouts, named as `InstrumentFormat` names them.
  public static let layouts = ["kite", "angel", "upstox", "dhan"]

  /// A tenth of the rows are shares of NSE and BSE, four are indices, the rest options and futures of NFO, BFO and MCX
  /// that expire in December 2035.
  public static func text(_ layout: String, rows: Int) -> [UInt8] {
    var text = Array(header(layout).utf8)
    for index in 0..<rows {
      if index > 0 { text += separator(layout).utf8 }
      text += row(layout, index, of: rows).utf8
    }
    return text + footer(layout).utf8
  }

  private struct Contract {
    var exchange: String
    var underlying: String
    var type: String
    var strike: Int
    var dayOfMonth: Int
  }

  private static func contract(_ index: Int) -> Contract {
    let exchange = ["NFO", "NFO", "NFO", "NFO", "BFO", "BFO", "MCX"][index % 7]
    let type = index % 50 == 0 ? "FUT" : index % 2 == 0 ? "CE" : "PE"
    let series = index / 7 / 2
    return Contract(
      exchange: exchange, underlying: "NAME\(series / 400)", type: type, strike: 100 + series % 400 * 50,
      dayOfMonth: 10 + index % 7 + index % 50 / 25)
  }

  private static func header(_ layout: String) -> String {
    switch layout {
    case "kite":
      "instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,lot_size,"
        + "instrument_type,segment,exchange\n"
    case "dhan":
      "SEM_EXM_EXCH_ID,SEM_SEGMENT,SEM_SMST_SECURITY_ID,SEM_INSTRUMENT_NAME,SEM_EXPIRY_CODE,SEM_TRADING_SYMBOL,"
        + "SEM_LOT_UNITS,SEM_CUSTOM_SYMBOL,SEM_EXPIRY_DATE,SEM_STRIKE_PRICE,SEM_OPTION_TYPE,SEM_TICK_SIZE,"
        + "SEM_EXPIRY_FLAG,SEM_EXCH_INSTRUMENT_TYPE,SEM_SERIES,SM_SYMBOL_NAME\n"
    default: "["
    }
  }

  private static func separator(_ layout: String) -> String { layout == "kite" || layout == "dhan" ? "\n" : "," }
  private static func footer(_ layout: String) -> String { layout == "kite" || layout == "dhan" ? "\n" : "]" }

  private static func row(_ layout: String, _ index: Int, of rows: Int) -> String {
    switch layout {
    case "kite": kite(index, of: rows)
    case "angel": angel(index, of: rows)
    case "upstox": upstox(index, of: rows)
    default: dhan(index, of: rows)
    }
  }

  private static func isShare(_ index: Int, of rows: Int) -> Bool { index < max(rows / 10, 4) }
  private static func cash(_ index: Int) -> String { index % 2 == 0 ? "NSE" : "BSE" }

  private static func kite(_ index: Int, of rows: Int) -> String {
    let token = index << 8 | 2
    if index < 4 { return "\(token),\(index),INDEX \(index),INDEX \(index),0,,0,0,0,EQ,INDICES,\(cash(index))" }
    if isShare(index, of: rows) {
      let exchange = cash(index)
      return "\(token),\(index),SHARE\(index),SHARE COMPANY \(index) LIMITED,0,,0,0.05,1,EQ,\(exchange),\(exchange)"
    }
    let of = contract(index)
    return
      "\(token),\(index),\(of.underlying)35DEC\(of.strike)\(of.type),\"\(of.underlying)\",0,2035-12-\(of.dayOfMonth),"
      + "\(of.strike),0.05,75,\(of.type),\(of.exchange)-\(of.type == "FUT" ? "FUT" : "OPT"),\(of.exchange)"
  }

  private static func angel(_ index: Int, of rows: Int) -> String {
    func object(
      _ symbol: String, _ name: String, _ expiry: String, _ strike: String, _ type: String, _ exchange: String
    )
      -> String
    {
      """
      {"token":"\(index)","symbol":"\(symbol)","name":"\(name)","expiry":"\(expiry)","strike":"\(strike)",\
      "lotsize":"75","instrumenttype":"\(type)","exch_seg":"\(exchange)","tick_size":"5.000000"}
      """
    }
    if index < 4 { return object("INDEX \(index)", "INDEX \(index)", "", "0.000000", "AMXIDX", cash(index)) }
    if isShare(index, of: rows) {
      return object("SHARE\(index)-EQ", "SHARE\(index)", "", "-1.000000", "", cash(index))
    }
    let of = contract(index)
    let type = of.type == "FUT" ? "FUTSTK" : "OPTSTK"
    let strike = of.type == "FUT" ? "-1.000000" : "\(of.strike)00.000000"
    return object(
      "\(of.underlying)\(of.dayOfMonth)DEC35\(of.type == "FUT" ? "" : "\(of.strike)")\(of.type)", of.underlying,
      "\(of.dayOfMonth)DEC2035", strike, type, of.exchange)
  }

  private static func upstox(_ index: Int, of rows: Int) -> String {
    if index < 4 {
      return """
        {"segment":"\(cash(index))_INDEX","name":"Index \(index)","exchange":"\(cash(index))","instrument_type":"INDEX",\
        "instrument_key":"\(cash(index))_INDEX|Index \(index)","exchange_token":"\(index)","trading_symbol":"INDEX\(index)"}
        """
    }
    if isShare(index, of: rows) {
      return """
        {"segment":"\(cash(index))_EQ","name":"SHARE COMPANY \(index) LIMITED","exchange":"\(cash(index))",\
        "isin":"INE\(index)","instrument_type":"EQ","instrument_key":"\(cash(index))_EQ|INE\(index)","lot_size":1,\
        "freeze_quantity":100000.0,"exchange_token":"\(index)","tick_size":5.0,"trading_symbol":"SHARE\(index)",\
        "short_name":"SHARE\(index)","security_type":"NORMAL"}
        """
    }
    let of = contract(index)
    let segment = of.exchange == "NFO" ? "NSE_FO" : of.exchange == "BFO" ? "BSE_FO" : "MCX_FO"
    // 2035-12-01 23:59:59 IST and following days
    let expiry = 2_080_060_199_000 + (of.dayOfMonth - 1) * 86_400_000
    let name =
      of.type == "FUT"
      ? "\(of.underlying) FUT \(of.dayOfMonth) DEC 35"
      : "\(of.underlying) \(of.strike) \(of.type) \(of.dayOfMonth) DEC 35"
    return """
      {"weekly":false,"segment":"\(segment)","name":"\(of.underlying)","exchange":"NSE","expiry":\(expiry),\
      "instrument_type":"\(of.type)","asset_symbol":"\(of.underlying)","underlying_symbol":"\(of.underlying)",\
      "instrument_key":"\(segment)|\(index)","lot_size":75,"freeze_quantity":1800.0,"exchange_token":"\(index)",\
      "minimum_lot":75,"asset_key":"NSE_EQ|INE009A01021","underlying_key":"NSE_EQ|INE009A01021","tick_size":5.0,\
      "asset_type":"EQUITY","underlying_type":"EQUITY","trading_symbol":"\(name)","strike_price":\(of.strike).0,\
      "qty_multiplier":1.0}
      """
  }

  private static func dhan(_ index: Int, of rows: Int) -> String {
    if index < 4 { return "\(cash(index)),I,\(index),INDEX,0,INDEX\(index),1.0,Index \(index),,,,5.0000,NA,INDEX,X," }
    if isShare(index, of: rows) {
      return "\(cash(index)),E,\(index),EQUITY,0,SHARE\(index),1.0,Share \(index),,,,5.0000,NA,ES,EQ,SHARE \(index) LTD"
    }
    let of = contract(index)
    let (exchange, segment) =
      of.exchange == "NFO" ? ("NSE", "D") : of.exchange == "BFO" ? ("BSE", "D") : ("MCX", "M")
    let isFuture = of.type == "FUT"
    let type = isFuture ? "FUTSTK" : "OPTSTK"
    let shown = isFuture ? "DEC FUT" : "\(of.dayOfMonth) DEC \(of.strike) \(of.type == "CE" ? "CALL" : "PUT")"
    return
      "\(exchange),\(segment),\(index),\(type),0,\(of.underlying)-Dec2035-\(isFuture ? "" : "\(of.strike)-")\(of.type),"
      + "75.0,\(of.underlying) \(shown),2035-12-\(of.dayOfMonth) 14:30:00,\(isFuture ? "-0.01000" : "\(of.strike).00000"),"
      + "\(isFuture ? "XX" : of.type),5.0000,M,\(type),,"
  }
}
