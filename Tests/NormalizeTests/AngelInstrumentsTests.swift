// Reading Angel One's scrip master: scales, names, feed codes, and objects that are broken.

import Market
import Normalize
import Testing

@Suite struct AngelInstrumentsTests {
  /// token, symbol, name, expiry, strike, lotsize, instrumenttype, exch_seg, tick_size
  private func row(_ fields: String...) -> String {
    let names = [
      "token", "symbol", "name", "expiry", "strike", "lotsize", "instrumenttype", "exch_seg", "tick_size",
    ]
    return "{" + zip(names, fields).map { "\"\($0)\":\"\($1)\"" }.joined(separator: ",") + "}"
  }

  private func parse(_ rows: [String], today: Int32? = nil) throws -> InstrumentMaster {
    try AngelInstruments.parse(Array("[\(rows.joined(separator: ","))]".utf8), today: today)
  }

  @Test func `every kind of row gets its common symbol, its scale and what the feed calls it`() throws {
    let master = try parse([
      row("1594", "INFY-EQ", "INFY", "", "-1.000000", "1", "", "NSE", "5.000000"),
      row("532540", "TCS", "TCS", "", "-1.000000", "1", "", "BSE", "5.000000"),
      row("2031", "M&M-EQ", "M&M", "", "0.000000", "1", "", "NSE", "5.000000"),
      row("77", "XYZ-SM", "XYZ", "", "-1", "1000", "", "NSE", "5.000000"),
      row("35001", "NIFTY26DEC24FUT", "NIFTY", "26DEC2024", "-1.000000", "75", "FUTIDX", "NFO", "10.000000"),
      row("43210", "NIFTY26DEC2424000CE", "NIFTY", "26DEC2024", "2400000.000000", "75", "OPTIDX", "NFO", "5.000000"),
      row("43211", "VEDL25APR24292.5PE", "VEDL", "25APR2024", "29250.000000", "2300", "OPTSTK", "NFO", "5.000000"),
      row("822001", "SENSEX24D2781000CE", "SENSEX", "27DEC2024", "8100000.000000", "20", "OPTIDX", "BFO", "5.000000"),
      row("234230", "CRUDEOIL24DECFUT", "CRUDEOIL", "19DEC2024", "0", "100", "FUTCOM", "MCX", "100.000000"),
      row("234231", "CRUDEOIL24DEC6750CE", "CRUDEOIL", "17DEC2024", "675000.000000", "100", "OPTFUT", "MCX", "10.0"),
      row("10093", "USDINR24D1983.25CE", "USDINR", "19DEC2024", "832500000.000000", "1000", "OPTCUR", "CDS", "0.25"),
      row("10094", "726GS203325APRFUT", "726GS2033", "24APR2025", "-1", "2000", "FUTIRC", "CDS", "25000.000000"),
      row("99926000", "Nifty 50", "NIFTY", "", "0.000000", "1", "AMXIDX", "NSE", "0.000000"),
      row("99926009", "Nifty Bank", "BANKNIFTY", "", "0.000000", "1", "AMXIDX", "NSE", "0.000000"),
      row("99919000", "SENSEX", "SENSEX", "", "0.000000", "1", "AMXIDX", "BSE", "0.000000"),
      row("99920000", "MCXBULLDEX", "MCX BULL-DEX", "", "0", "1", "AMXIDX", "MCX", "0"),
      row("500", "GUARSEED20DEC24", "GUARSEED10", "20DEC2024", "-1", "5", "FUTCOM", "NCDEX", "100.0"),
      row("600", "BRCRUDE24DECFUT", "BRCRUDE", "19DEC2024", "-1", "100", "FUTENR", "NCO", "100.0"),
    ])
    #expect(master.skipped.isEmpty)
    #expect(
      master.names == [
        "NSE:INFY", "BSE:TCS", "NSE:M&M", "NSE:XYZ-SM", "NFO:NIFTY26DEC24FUT", "NFO:NIFTY26DEC2424000CE",
        "NFO:VEDL25APR24292.5PE", "BFO:SENSEX27DEC2481000CE", "MCX:CRUDEOIL19DEC24FUT", "MCX:CRUDEOIL17DEC246750CE",
        "CDS:USDINR19DEC2483.25CE", "CDS:726GS203324APR25FUT", "NSE_INDEX:NIFTY", "NSE_INDEX:BANKNIFTY",
        "BSE_INDEX:SENSEX", "MCX_INDEX:MCXBULLDEX", "NCDEX:GUARSEED1020DEC24FUT", "NCO:BRCRUDE19DEC24FUT",
      ])
    #expect(
      master.feedNames == [
        "1/1594", "3/532540", "1/2031", "1/77", "2/35001", "2/43210", "2/43211", "4/822001", "5/234230", "5/234231",
        "13/10093", "13/10094", "1/99926000", "1/99926009", "3/99919000", "5/99920000", "7/500", "0/",
      ])
    let ticks = master.instruments.map(\.tickSize)
    #expect(ticks[0] == 5_000_000 && ticks[4] == 10_000_000 && ticks[8] == 100_000_000)
    #expect(ticks[10] == 250_000 && ticks[11] == 250_000, "a currency's tick, in paise or in 1e-7")
    #expect(ticks[12] == 1_000_000, "an index has no tick; nobody shall divide by 0")
    #expect(master.instruments[6].strike == 29_250_000_000 && master.instruments[10].strike == 8_325_000_000)
    #expect(master.instruments[0].strike == 0 && master.instruments[4].strike == 0)
    #expect(master.instruments[7].expiryDay == day(2024, 12, 27) && master.instruments[0].expiryDay == nil)
    #expect(master.instruments[7].name == "SENSEX" && master.instruments[7].brokerSymbol == "SENSEX24D2781000CE")
    #expect(master.rows[7].brokerExchange == "BFO" && master.rows[7].token == "822001")
    #expect(master.instruments.map(\.kind).prefix(6) == [.equity, .equity, .equity, .equity, .future, .call])
  }

  @Test func `the ordinary series wins, wherever it stands`() throws {
    let rows = [
      row("1", "ABC-BE", "ABC", "", "-1", "1", "", "NSE", "5"),
      row("2", "ABC-EQ", "ABC", "", "-1", "1", "", "NSE", "5"),
      row("3", "ABC-SG", "ABC", "", "-1", "1", "", "NSE", "5"), row("4", "ABC", "ABC", "", "-1", "1", "", "BSE", "5"),
    ]
    for order in [rows, rows.reversed()] {
      let master = try parse(order)
      #expect(Set(master.feedNames) == ["1/2", "3/4"])
      #expect(master.skipped == [.duplicate: 2] && master.problems.isEmpty)
      #expect(master.instruments.first { $0.exchange == .nse }?.brokerSymbol == "ABC-EQ")
    }
    #expect(try parse([rows[0]]).names == ["NSE:ABC"])
  }

  @Test func `only a series at the end of a name is one`() throws {
    let master = try parse([
      row("1", "ABC-BEES-EQ", "ABC", "", "-1", "1", "", "NSE", "5"),
      row("2", "A-EQB", "A", "", "", "1", "", "NSE", "5"),
    ])
    #expect(master.names == ["NSE:ABC-BEES", "NSE:A-EQB"])
  }

  @Test func `a strike keeps its decimals`() throws {
    let master = try parse([
      row("1", "X", "ABC", "26DEC2024", "100005.000000", "1", "OPTFUT", "MCX", "5").replacing("\"X\"", with: "\"XCE\"")
    ])
    #expect(master.names == ["MCX:ABC26DEC241000.05CE"])
  }

  @Test func `a symbol of NFO that says something else than its fields is composed anew`() throws {
    let master = try parse([
      row("1", "NIFTY26DEC2424000CE", "NIFTY", "02JAN2025", "2400000", "75", "OPTIDX", "NFO", "5"),
      row("2", "NIFTY26DEC2424000.50CE", "NIFTY", "26DEC2024", "2400050", "75", "OPTIDX", "NFO", "5"),
    ])
    #expect(master.names == ["NFO:NIFTY02JAN2524000CE", "NFO:NIFTY26DEC2424000.5CE"])
  }

  @Test func `broken objects are skipped, counted and named`() throws {
    let good = row("1", "GOOD-EQ", "GOOD", "", "", "1", "", "NSE", "5")
    let master = try parse([
      good,
      row("", "A-EQ", "A", "", "", "1", "", "NSE", "5"),
      row("2", "A-EQ", "A", "", "", "1.5", "", "NSE", "5"),
      row("2", "A-EQ", "A", "", "", "1", "", "NSE", "cheap"),
      row("2", "A-EQ", "A", "", "", "1", "", "NSE", "-5"),
      row("2", "A24FUT", "A", "31FEB2024", "", "1", "FUTSTK", "NFO", "5"),
      row("2", "A24FUT", "A", "", "", "1", "FUTSTK", "NFO", "5"),
      row("2", "A24CE", "A", "26DEC2024", "-1.000000", "1", "OPTSTK", "NFO", "5"),
      row("2", "A24CE", "A", "26DEC2024", "99999999999999999999", "1", "OPTSTK", "NFO", "5"),
      row("2", "A24FUT", "", "26DEC2024", "", "1", "FUTSTK", "NFO", "5"),
      row("2", "A B", "A", "", "", "1", "", "NSE", "5"),
      row("2", "", "A", "", "", "1", "", "NSE", "5"),
      #"{"token":}"#,
      #"{"token":{"a":{"b":{"c":{}}}}}"#,
      row("2", "A", String(repeating: "A", count: 20_000), "", "", "1", "", "NSE", "5"),
    ])
    #expect(master.names == ["NSE:GOOD"])
    #expect(
      master.skipped == [
        .badToken: 1, .badLotSize: 1, .badTickSize: 2, .badExpiry: 2, .badStrike: 2, .badSymbol: 3, .malformedRow: 3,
      ])
    #expect(master.problems.map(\.number) == Array(2...15))
    #expect(master.brokenCount == 14 && master.readCount == 15)
  }

  @Test func `unwanted objects are skipped and counted without being problems`() throws {
    let master = try parse(
      [
        row("1", "GOOD-EQ", "GOOD", "", "", "1", "", "NSE", "5"),
        row("2", "A", "A", "", "", "1", "", "NYSE", "5"),
        row("2", "A", "A", "", "", "1", "AMXIDX", "CDS", "5"),
        row("2", "A", "A", "", "", "1", "UNDCUR", "CDS", "5"),
        row("2", "A", "A", "", "", "1", "WARRANT", "NSE", "5"),
        row("2", "A25DECXX", "A", "26DEC2024", "100", "1", "OPTIDX", "NFO", "5"),
        row("2", "A24FUT", "A", "25DEC2024", "", "1", "FUTSTK", "NFO", "5"),
        row("3", "A24FUT", "A", "26DEC2024", "", "1", "FUTSTK", "NFO", "5"),
        "{}",
      ], today: day(2024, 12, 26))
    #expect(master.names == ["NSE:GOOD", "NFO:A26DEC24FUT"])
    #expect(master.skipped == [.unknownExchange: 2, .currencyIndex: 1, .unknownType: 3, .expired: 1])
    #expect(master.problems.isEmpty)
  }

  @Test func `numbers without quotes, escapes, blanks and unknown members do no harm`() throws {
    let text = """
      \u{FEFF}[
       {"extra": [1, {"x": "]"}], "token": 1594, "symbol": "INFY-EQ", "name": "IN\\u0046Y \\"X\\"", "expiry": null,
        "strike": -1, "lotsize": 1, "instrumenttype": "", "exch_seg": "NSE", "tick_size": 5.0}
       ,
       {"token": "1", "token": "2", "symbol": "A{}-EQ", "name": "\\"}", "exch_seg": "NSE", "lotsize": "1", "tick_size": "5"}
      ]

      """
    let master = try AngelInstruments.parse(Array(text.utf8))
    #expect(master.names == ["NSE:INFY", "NSE:A{}"])
    #expect(master.instruments[0].name == "INFY \"X\"")
    #expect(master.feedNames == ["1/1594", "1/2"])
    try expectSameHoweverCut(text, .angel)
  }

  @Test func `a text that is no list has a clear error`() {
    func error(_ text: String) -> InstrumentListError? {
      do {
        _ = try AngelInstruments.parse(Array(text.utf8))
        return nil
      } catch { return error }
    }
    let good = row("1", "A-EQ", "A", "", "", "1", "", "NSE", "5")
    #expect(error("") == .empty && error(" \n") == .empty)
    #expect(error("{\"status\":false}") == .malformedList(offset: 0))
    #expect(error("<html>") == .malformedList(offset: 0))
    #expect(error("[]") == .noUsableRow(skipped: 0) && error("[{}]") == .noUsableRow(skipped: 1))
    #expect(
      error("[\(good)") == .truncated && error("[\(good),") == .truncated && error("[\(good.dropLast())") == .truncated)
    #expect(error("[\(good)\(good)]") == .malformedList(offset: good.utf8.count + 1))
    #expect(error("[\(good),]") == .malformedList(offset: good.utf8.count + 2))
    #expect(error("[\(good)]x") == .malformedList(offset: good.utf8.count + 2))
    #expect(error("[,\(good)]") == .malformedList(offset: 1))
    #expect(error("[1]") == .malformedList(offset: 1))
    #expect(error("[\(good)]") == nil)
  }

  @Test func `a list that is cut or damaged anywhere never traps`() {
    expectNoTrap(
      "[" + row("2", "AB24CE", "AB", "26DEC2024", "10000.5", "75", "OPTSTK", "NFO", "5.0") + ","
        + row("1", "A-EQ", "A", "", "", "1", "", "NSE", "5") + "]", .angel)
  }
}
