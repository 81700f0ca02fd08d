// Reading Upstox's list: expiry instants in IST, tick sizes in paise, underlyings, keys, and objects that are broken.

import Market
import Normalize
import Testing

@Suite struct UpstoxInstrumentsTests {
  private func parse(_ rows: [String], today: Int32? = nil) throws -> InstrumentMaster {
    try UpstoxInstruments.parse(Array("[\(rows.joined(separator: ","))]".utf8), today: today)
  }

  private func share(
    _ key: String, _ symbol: String, segment: String = "NSE_EQ", type: String = "EQ", lot: String = "1",
    tick: String = "5.0"
  ) -> String {
    """
    {"segment":"\(segment)","name":"SOME COMPANY","exchange":"NSE","isin":"INE000A01010","instrument_type":"\(type)",\
    "instrument_key":"\(key)","lot_size":\(lot),"freeze_quantity":100000.0,"exchange_token":"1594",\
    "tick_size":\(tick),"trading_symbol":"\(symbol)","short_name":"Some","security_type":"NORMAL"}
    """
  }

  private func contract(
    _ key: String, _ symbol: String, _ underlying: String, segment: String = "NSE_FO", type: String,
    expiry: String, strike: String = "0.0", lot: String = "75", tick: String = "5.0"
  ) -> String {
    """
    {"weekly":false,"segment":"\(segment)","name":"COMPANY OF \(underlying)","exchange":"NSE","expiry":\(expiry),\
    "instrument_type":"\(type)","asset_symbol":"\(underlying)","underlying_symbol":"\(underlying)",\
    "instrument_key":"\(key)","lot_size":\(lot),"freeze_quantity":1800.0,"exchange_token":"49543",\
    "minimum_lot":\(lot),"asset_key":"NSE_INDEX|X","underlying_key":"NSE_INDEX|X","tick_size":\(tick),\
    "asset_type":"INDEX","underlying_type":"INDEX","trading_symbol":"\(symbol)","strike_price":\(strike),\
    "qty_multiplier":1.0}
    """
  }

  /// 2024-12-26, 23:59:59 IST.
  private let endOfDay = "1735237799000"

  @Test func `every kind of row gets its common symbol, its scale and its key`() throws {
    let master = try parse([
      share("NSE_EQ|INE009A01021", "INFY"),
      share("BSE_EQ|INE009A01021", "INFY", segment: "BSE_EQ", type: "A"),
      share("NSE_EQ|INE0XYZ01010", "XYZ", type: "SM", lot: "1000"),
      contract("NSE_FO|35001", "NIFTY FUT 26 DEC 24", "NIFTY", type: "FUT", expiry: endOfDay, tick: "10.0"),
      contract("NSE_FO|49543", "NIFTY 24000 CE 26 DEC 24", "NIFTY", type: "CE", expiry: endOfDay, strike: "24000.0"),
      contract("NSE_FO|49544", "M&M 292.5 PE 26 DEC 24", "M&M", type: "PE", expiry: endOfDay, strike: "292.5"),
      contract(
        "BSE_FO|822001", "SENSEX 81000 CE 26 DEC 24", "SENSEX", segment: "BSE_FO", type: "CE", expiry: endOfDay,
        strike: "8.1E4", lot: "20"),
      contract(
        "MCX_FO|234230", "CRUDEOIL FUT 26 DEC 24", "CRUDEOIL", segment: "MCX_FO", type: "FUT", expiry: endOfDay,
        lot: "100", tick: "100.0"),
      contract(
        "NCD_FO|10093", "USDINR 83.25 CE 26 DEC 24", "USDINR", segment: "NCD_FO", type: "CE", expiry: endOfDay,
        strike: "83.25", lot: "1", tick: "0.25"),
      contract(
        "BCD_FO|10094", "USDINR FUT 26 DEC 24", "USDINR", segment: "BCD_FO", type: "FUT", expiry: endOfDay,
        lot: "1000", tick: "0.0025"),
      #"{"segment":"NSE_INDEX","name":"Nifty 50","exchange":"NSE","instrument_type":"INDEX","instrument_key":"NSE_INDEX|Nifty 50","exchange_token":"26000","trading_symbol":"NIFTY"}"#,
      #"{"segment":"NSE_INDEX","name":"Nifty Bank","instrument_type":"INDEX","instrument_key":"NSE_INDEX|Nifty Bank","trading_symbol":"NIFTY BANK"}"#,
      #"{"segment":"BSE_INDEX","name":"SENSEX","instrument_type":"INDEX","instrument_key":"BSE_INDEX|SENSEX","trading_symbol":"SENSEX"}"#,
      #"{"segment":"GLOBAL_INDEX","name":"x","instrument_type":"INDEX","instrument_key":"GLOBAL_INDEX|^HSI","trading_symbol":"^HSI"}"#,
      #"{"segment":"GLOBAL_INDICATOR","name":"x","instrument_type":"COM","instrument_key":"GLOBAL_INDICATOR|BZUSD","trading_symbol":"BZUSD"}"#,
    ])
    #expect(master.skipped.isEmpty)
    #expect(
      master.names == [
        "NSE:INFY", "BSE:INFY", "NSE:XYZ", "NFO:NIFTY26DEC24FUT", "NFO:NIFTY26DEC2424000CE", "NFO:M&M26DEC24292.5PE",
        "BFO:SENSEX26DEC2481000CE", "MCX:CRUDEOIL26DEC24FUT", "CDS:USDINR26DEC2483.25CE", "BCD:USDINR26DEC24FUT",
        "NSE_INDEX:NIFTY", "NSE_INDEX:BANKNIFTY", "BSE_INDEX:SENSEX", "GLOBAL_INDEX:HANGSENG", "GLOBAL_INDEX:BRENTOIL",
      ])
    #expect(master.feedNames[4] == "0/NSE_FO|49543" && master.rows[4].token == "NSE_FO|49543")
    #expect(master.feedNames[10] == "0/NSE_INDEX|Nifty 50")
    let ticks = master.instruments.map(\.tickSize)
    #expect(ticks[0] == 5_000_000 && ticks[3] == 10_000_000 && ticks[7] == 100_000_000, "paise")
    #expect(ticks[8] == 250_000 && ticks[9] == 250_000, "a quarter of a paisa, in paise and in rupees")
    #expect(master.instruments[4].strike == 2_400_000_000_000 && master.instruments[3].strike == 0)
    #expect(master.instruments[4].name == "NIFTY" && master.instruments[5].name == "M&M", "the underlying")
    #expect(master.instruments[0].name == "SOME COMPANY")
    #expect(
      master.rows[4].brokerExchange == "NSE_FO" && master.instruments[4].brokerSymbol == "NIFTY 24000 CE 26 DEC 24")
    #expect(master.instruments[8].lotSize == 1000 && master.rows[8].brokerLotSize == 1, "a contract is 1000 dollars")
    #expect(master.freezeQuantities[InstrumentKey(.nfo, "NIFTY")] == 1800)
    #expect(master.freezeQuantities.keys.allSatisfy { $0.exchange.isDerivative })
  }

  @Test(arguments: [
    ("1735237799000", "26DEC24"),  // end of the day in India
    ("1735151400000", "26DEC24"),  // midnight in India: still the day before in London
    ("1735151399999", "25DEC24"), ("1735209000000", "26DEC24"), ("1.735237799E12", "26DEC24"),
    ("1735237799000.0", "26DEC24"), ("\"1735237799000\"", "26DEC24"),
  ])
  func `an expiry is a day in India`(expiry: String, day: String) throws {
    #expect(try parse([contract("NSE_FO|1", "X", "X", type: "FUT", expiry: expiry)]).names == ["NFO:X\(day)FUT"])
  }

  @Test func `an underlying is found in the trading symbol when no field has it`() throws {
    let rows = [
      contract("NSE_FO|1", "BAJAJ-AUTO FUT 26 DEC 24", "", type: "FUT", expiry: endOfDay),
      contract("NSE_FO|2", "BAJAJ-AUTO 9000 CE 26 DEC 24", "", type: "CE", expiry: endOfDay, strike: "9000"),
    ]
    #expect(try parse(rows).names == ["NFO:BAJAJ-AUTO26DEC24FUT", "NFO:BAJAJ-AUTO26DEC249000CE"])
  }

  @Test func `the series EQ wins, wherever it stands`() throws {
    let rows = [
      share("NSE_EQ|1", "ABC", type: "BE"), share("NSE_EQ|2", "ABC"), share("NSE_EQ|3", "ABC", type: "BZ"),
      share("BSE_EQ|4", "ABC", segment: "BSE_EQ", type: "T"),
    ]
    for order in [rows, rows.reversed()] {
      let master = try parse(order)
      #expect(Set(master.rows.map(\.token)) == ["NSE_EQ|2", "BSE_EQ|4"])
      #expect(master.skipped == [.duplicate: 2])
    }
  }

  @Test func `broken and unwanted objects are skipped and counted`() throws {
    let master = try parse(
      [
        share("NSE_EQ|1", "GOOD"),
        share("NSE_EQ", "A"), share("NSE_EQ|\\n", "A"), share("NSE_EQ|\(String(repeating: "A", count: 80))", "A"),
        share("NSE_EQ|1", "A", lot: "-1"), share("NSE_EQ|1", "A", lot: "null"), share("NSE_EQ|1", "A", lot: "1e300"),
        share("NSE_EQ|1", "A", tick: "\"\""), share("NSE_EQ|1", "A", tick: "[]"),
        share("NSE_EQ|1", "A B"), share("NSE_EQ|1", ""),
        contract("NSE_FO|1", "X", "X", type: "FUT", expiry: "0"),
        contract("NSE_FO|1", "X", "X", type: "FUT", expiry: "null"),
        contract("NSE_FO|1", "X", "X", type: "FUT", expiry: "9223372036854775807"),
        contract("NSE_FO|1", "X", "X", type: "CE", expiry: endOfDay, strike: "0.0"),
        contract("NSE_FO|1", "X", "X", type: "PE", expiry: endOfDay, strike: "1e99"),
        share("NSE_COM|1", "A", segment: "NSE_COM"),
        contract("NSE_FO|1", "X", "X", type: "SPREAD", expiry: endOfDay),
        contract("NSE_FO|1", "X", "X", type: "FUT", expiry: "1735151399999"),
      ], today: day(2024, 12, 26))
    #expect(master.names == ["NSE:GOOD"])
    #expect(
      master.skipped == [
        .badToken: 3, .badLotSize: 3, .badTickSize: 2, .badSymbol: 2, .badExpiry: 3, .badStrike: 2,
        .unknownExchange: 1, .unknownType: 1, .expired: 1,
      ])
    #expect(master.problems.map(\.number) == Array(2...16))
  }

  @Test func `a list that is cut or damaged anywhere never traps and reads the same in pieces`() throws {
    let text =
      "[" + share("NSE_EQ|1", "GOOD") + " , "
      + contract("NSE_FO|1", "X 1 CE", "X", type: "CE", expiry: endOfDay, strike: "1.5E3") + ",{\"a\":}]"
    try expectSameHoweverCut(text, .upstox)
    expectNoTrap(text, .upstox)
  }
}
