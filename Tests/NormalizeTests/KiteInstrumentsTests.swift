// Reading Kite's instrument list: the common symbol of every kind of row, and rows and files that are broken.

import Foundation
import Market
import Normalize
import TestSupport
import Testing

@Suite struct KiteInstrumentsTests {
  private static let header =
    "instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,lot_size,"
    + "instrument_type,segment,exchange"

  private func parse(_ rows: String..., today: Int32? = nil) throws -> InstrumentMaster {
    try KiteInstruments.parse(Array(([Self.header] + rows).joined(separator: "\n").utf8), today: today)
  }

  private func key(_ row: String) throws -> String {
    let master = try parse(row)
    return "\(master.instruments[0].exchange.code):\(master.instruments[0].symbol)"
  }

  private func tokens(_ master: InstrumentMaster) -> [UInt32] { master.rows.compactMap { UInt32($0.feedToken) } }

  @Test(arguments: [
    ("408065,1594,INFY,INFOSYS,0,,0,0.05,1,EQ,NSE,NSE", "NSE:INFY"),
    ("519937,2031,M&M,MAHINDRA & MAHINDRA,0,,0,0.05,1,EQ,NSE,NSE", "NSE:M&M"),
    ("257,1,XYZ-BE,XYZ,0,,0,0.05,1,EQ,NSE,NSE", "NSE:XYZ-BE"),
    ("128053508,500209,INFY,INFOSYS.,0,,0,0.05,1,EQ,BSE,BSE", "BSE:INFY"),
    ("514,2,RELIANCE25DECFUT,RELIANCE,0,2025-12-30,0,0.1,500,FUT,NFO-FUT,NFO", "NFO:RELIANCE30DEC25FUT"),
    ("770,3,NIFTY2432820800CE,NIFTY,0,2024-03-28,20800,0.05,50,CE,NFO-OPT,NFO", "NFO:NIFTY28MAR2420800CE"),
    ("1026,4,VEDL24APR292.5CE,VEDL,0,2024-04-25,292.5,0.05,2300,CE,NFO-OPT,NFO", "NFO:VEDL25APR24292.5CE"),
    ("1027,4,USDINR2441982CE,USDINR,0,2024-04-19,82.00,0.0025,1000,CE,CDS-OPT,CDS", "CDS:USDINR19APR2482CE"),
    ("1283,5,USDINR2441983.25PE,USDINR,0,2024-04-19,83.25,0.0025,1000,PE,CDS-OPT,CDS", "CDS:USDINR19APR2483.25PE"),
    ("1539,6,726GS203324APRFUT,726GS2033,0,2024-04-25,0,0.0025,2000,FUT,CDS-FUT,CDS", "CDS:726GS203325APR24FUT"),
    ("1542,6,USDINR24MAYFUT,USDINR,0,2024-05-10,0,0.0025,1000,FUT,BCD-FUT,BCD", "BCD:USDINR10MAY24FUT"),
    ("1799,7,CRUDEOILM24MAYFUT,CRUDEOILM,0,2024-05-20,0,1,10,FUT,MCX-FUT,MCX", "MCX:CRUDEOILM20MAY24FUT"),
    ("2055,8,CRUDEOIL24APR6750CE,CRUDEOIL,0,2024-04-17,6750,0.1,100,CE,MCX-OPT,MCX", "MCX:CRUDEOIL17APR246750CE"),
    ("2309,9,SENSEX24APRFUT,SENSEX,0,2024-04-24,0,0.05,10,FUT,BFO-FUT,BFO", "BFO:SENSEX24APR24FUT"),
    ("2572,10,BRCRUDE24MAYFUT,BRCRUDE,0,2024-05-20,0,1,100,FUT,NCO-FUT,NCO", "NCO:BRCRUDE20MAY24FUT"),
    ("2818,11,BAJAJ-AUTO25DECFUT,BAJAJ-AUTO,0,2025-12-30,0,0.05,75,FUT,NFO-FUT,NFO", "NFO:BAJAJ-AUTO30DEC25FUT"),
    ("256265,1001,NIFTY 50,NIFTY 50,0,,0,0,0,EQ,INDICES,NSE", "NSE_INDEX:NIFTY"),
    ("260105,1016,NIFTY BANK,NIFTY BANK,0,,0,0,0,EQ,INDICES,NSE", "NSE_INDEX:BANKNIFTY"),
    ("264969,1035,INDIA VIX,INDIA VIX,0,,0,0,0,EQ,INDICES,NSE", "NSE_INDEX:INDIAVIX"),
    ("257801,1007,NIFTY FIN SERVICE,NIFTY FIN SERVICE,0,,0,0,0,EQ,INDICES,NSE", "NSE_INDEX:FINNIFTY"),
    ("288009,1125,NIFTY MID SELECT,NIFTY MID SELECT,0,,0,0,0,EQ,INDICES,NSE", "NSE_INDEX:MIDCPNIFTY"),
    ("261129,1020,HANGSENG BEES-NAV,HANGSENG BEES-NAV,0,,0,0,0,EQ,INDICES,NSE", "NSE_INDEX:HANGSENGBEESNAV"),
    ("265,1,SENSEX,SENSEX,0,,0,0,0,EQ,INDICES,BSE", "BSE_INDEX:SENSEX"),
    ("521,2,METAL,METAL,0,,0,0,0,EQ,INDICES,BSE", "BSE_INDEX:BSEMETAL"),
    ("777,3,BSE CG,BSE CG,0,,0,0,0,EQ,INDICES,BSE", "BSE_INDEX:BSECAPITALGOODS"),
    ("1033,4,OILGAS,OILGAS,0,,0,0,0,EQ,INDICES,BSE", "BSE_INDEX:BSEOIL&GAS"),
    ("1289,5,MCXBULLDEX,MCXBULLDEX,0,,0,0,0,EQ,INDICES,MCX", "MCX_INDEX:MCXBULLDEX"),
    ("291849,1140,GIFT NIFTY,GIFT NIFTY,0,,0,0,0,EQ,INDICES,NSEIX", "GLOBAL_INDEX:GIFTNIFTY"),
    ("291593,1139,US30,DOW,0,,0,0,0,EQ,INDICES,GLOBAL", "GLOBAL_INDEX:US30"),
  ])
  func `a row gets its common symbol`(row: String, expected: String) throws {
    #expect(try key(row) == expected)
  }

  @Test func `all fields of a row arrive`() throws {
    let master = try parse(
      "17577986,68664,AARTIIND24APR662.5CE,AARTIIND,0,2024-04-25,662.5,0.05,1000,CE,NFO-OPT,NFO",
      "408065,1594,INFY,\"INFOSYS, \"\"THE\"\" ONE\",1.5,,0,0.05,1,EQ,NSE,NSE",
      "256265,1001,NIFTY 50,NIFTY 50,0,,0,0,0,EQ,INDICES,NSE")
    #expect(tokens(master) == [17_577_986, 408_065, 256_265])
    let option = master.instruments[0]
    #expect(option.name == "AARTIIND" && option.kind == .call && option.lotSize == 1000)
    #expect(option.strike == 66_250_000_000 && option.tickSize == 5_000_000)
    #expect(option.expiryDay == CivilDate(year: 2024, month: 4, dayOfMonth: 25)?.day)
    #expect(option.brokerSymbol == "AARTIIND24APR662.5CE")
    #expect(master.instruments[1].name == "INFOSYS, \"THE\" ONE")
    #expect(master.instruments[1].expiryDay == nil && master.instruments[1].strike == 0)
    let index = master.instruments[2]
    #expect(index.kind == .index && index.lotSize == 1 && index.tickSize > 0 && index.brokerSymbol == "NIFTY 50")
    #expect(master.skipped.isEmpty && master.problems.isEmpty)
  }

  @Test func `order of columns, line ends and a byte order mark do not matter`() throws {
    let text = """
      \u{FEFF}exchange,segment,"instrument_type",extra,lot_size,tick_size,strike,expiry,name,tradingsymbol,instrument_token\r
      NSE,NSE,EQ,x,1,0.05,0,,INFOSYS,INFY,408065\r
      \r
      NFO,NFO-FUT,FUT,x,500,0.1,0,2025-12-30,"RELIANCE",RELIANCE25DECFUT,514
      """
    let master = try KiteInstruments.parse(Array(text.utf8))
    #expect(master.instruments.map(\.symbol) == ["INFY", "RELIANCE30DEC25FUT"])
    #expect(tokens(master) == [408065, 514])
  }

  @Test func `broken rows are skipped, counted and named`() throws {
    let master = try parse(
      "1,1,GOOD,GOOD,0,,0,0.05,1,EQ,NSE,NSE",
      "-1,1,A,A,0,,0,0.05,1,EQ,NSE,NSE",
      "4294967296,1,A,A,0,,0,0.05,1,EQ,NSE,NSE",
      "2,1,A,A,0,,0,cheap,1,EQ,NSE,NSE",
      "2,1,A,A,0,,0,0.05,1e3,EQ,NSE,NSE",
      "2,1,A,A,0,2025-02-30,0,0.05,1,FUT,NFO-FUT,NFO",
      "2,1,A,A,0,2025-02-20,0,0.05,1,CE,NFO-OPT,NFO",
      "2,1,A,,0,2025-02-20,0,0.05,1,FUT,NFO-FUT,NFO",
      "2,1,A,A,0,,0,0.05,1,EQ,NSE",
      "2,1,\"A,A,0,,0,0.05,1,EQ,NSE,NSE",
      "2,1,A\"B,A,0,,0,0.05,1,EQ,NSE,NSE",
      "2,1,,A,0,,0,0.05,1,EQ,NSE,NSE",
      "2,1,\(String(repeating: "A", count: 64 + 1)),A,0,,0,0.05,1,EQ,NSE,NSE",
      "2,1,A,\(String(repeating: "A", count: 4096)),0,,0,0.05,1,EQ,NSE,NSE",
      "3,1,LAST,LAST,0,,0,0.05,1,EQ,NSE,NSE")
    #expect(master.instruments.map(\.symbol) == ["GOOD", "LAST"])
    #expect(
      master.skipped == [
        .badToken: 2, .badTickSize: 1, .badLotSize: 1, .badExpiry: 1, .badStrike: 1, .badSymbol: 4, .malformedRow: 3,
      ])
    #expect(master.problems.map(\.number) == Array(3...15))
    #expect(master.problems.first?.reason == .badToken)
  }

  @Test func `unwanted rows are skipped and counted without being problems`() throws {
    let master = try parse(
      "1,1,GOOD,GOOD,0,,0,0.05,1,EQ,NSE,NSE",
      "2,1,GOOD,GOOD,0,,0,0.05,1,EQ,NSE,NSE",
      "3,1,USDINR,USDINR,0,,0,0,0,EQ,INDICES,CDS",
      "4,1,MARS,MARS,0,,0,0,0,EQ,INDICES,LSE",
      "5,1,VOD,VOD,0,,0,0.05,1,EQ,LSE,LSE",
      "6,1,SPREAD,NIFTY,0,2025-12-30,0,0.05,1,SPD,NFO-SPD,NFO")
    #expect(tokens(master) == [1])
    #expect(master.skipped == [.duplicate: 1, .currencyIndex: 1, .unknownExchange: 2, .unknownType: 1])
    #expect(master.problems.isEmpty)
  }

  @Test func `contracts that expired before today are left out`() throws {
    let rows = (
      "514,2,RELIANCE25DECFUT,RELIANCE,0,2025-12-30,0,0.1,500,FUT,NFO-FUT,NFO",
      "770,2,RELIANCE26JANFUT,RELIANCE,0,2026-01-27,0,0.1,500,FUT,NFO-FUT,NFO"
    )
    let lastDay = CivilDate(year: 2025, month: 12, dayOfMonth: 30)?.day ?? 0
    #expect(tokens(try parse(rows.0, rows.1, today: lastDay)) == [514, 770])
    let later = try parse(rows.0, rows.1, today: lastDay + 1)
    #expect(tokens(later) == [770] && later.skipped == [.expired: 1])
  }

  @Test func `problems are kept up to a bound`() throws {
    let bad = Array(repeating: "x,1,A,A,0,,0,0.05,1,EQ,NSE,NSE", count: 100)
    let text = [Self.header] + bad + ["1,1,GOOD,GOOD,0,,0,0.05,1,EQ,NSE,NSE"]
    let master = try KiteInstruments.parse(Array(text.joined(separator: "\n").utf8))
    #expect(master.problems.count == InstrumentMaster.problemCountMax)
    #expect(master.skipped[.badToken] == 100)
  }

  @Test func `a file that is no instrument list has a clear error`() {
    func error(_ text: String) -> InstrumentListError? {
      do {
        _ = try KiteInstruments.parse(Array(text.utf8))
        return nil
      } catch { return error }
    }
    #expect(error("") == .empty)
    #expect(error("\n") == .empty)
    #expect(error("{\"status\":\"error\"}") == .missingColumn("instrument_token"))
    #expect(error("\"open") == .malformedHeader)
    #expect(error(String(repeating: ",", count: 100)) == .malformedHeader)
    #expect(error(Self.header) == .noUsableRow(skipped: 0))
    #expect(error(Self.header + "\nx") == .noUsableRow(skipped: 1))
    for column in ["instrument_token", "tradingsymbol", "name", "expiry", "strike", "tick_size", "lot_size", "segment"]
    {
      let without = Self.header.split(separator: ",").filter { $0 != column }.joined(separator: ",")
      #expect(error(without) == .missingColumn(column))
    }
    #expect(error("")?.description == "the instrument list is empty")
  }

  @Test func `a list cut anywhere never traps`() {
    let text = Array(
      """
      \u{FEFF}\(Self.header)\r
      514,2,RELIANCE25DECFUT,"REL""IANCE",0,2025-12-30,0,0.1,500,FUT,NFO-FUT,NFO\r
      770,3,NIFTY2432820800CE,NIFTY,0,2024-03-28,20800,0.05,50,CE,NFO-OPT,NFO
      """.utf8)
    for length in 0...text.count {
      let master = try? KiteInstruments.parse(Array(text[..<length]))
      #expect((master?.instruments.count ?? 0) <= 2)
    }
  }

  @Test func `random damage never traps`() {
    var generator = SeededGenerator()
    let text = Array((Self.header + "\n514,2,X,\"A\",0,2025-12-30,0,0.1,500,FUT,NFO-FUT,NFO\n").utf8)
    for round in 0..<10_000 {
      var damaged = text
      for _ in 0..<Int.random(in: 1...6, using: &generator) {
        damaged[Int.random(in: 0..<damaged.count, using: &generator)] = .random(in: 0...255, using: &generator)
      }
      let master = try? KiteInstruments.parse(damaged)
      #expect((master?.rows.count ?? 0) <= 1, "seed \(generator.seed), round \(round)")
    }
  }

  @Test func `a real dump has no problem and its symbols round-trip`() throws {
    guard let url = sharedData("kite/instruments_2024-04_sample.csv") else {
      return print("no dump: TICKGATE_SHARED_DATA is not set")
    }
    let master = try KiteInstruments.parse([UInt8](Data(contentsOf: url)))
    #expect(master.problems.isEmpty)
    #expect(master.instruments.count > 1400)
    for instrument in master.instruments where instrument.exchange.isDerivative {
      let expiry = CivilDate(day: instrument.expiryDay ?? 0).symbolText
      #expect(instrument.symbol.hasPrefix(instrument.name + expiry))
      #expect(instrument.symbol.hasSuffix(instrument.kind.code))
      let strike = instrument.symbol.dropFirst(instrument.name.count + expiry.count).dropLast(
        instrument.kind.code.count)
      #expect(instrument.kind == .future ? strike.isEmpty : Price.parse(strike) == instrument.strike)
    }
    let symbols = Dictionary(
      master.instruments.enumerated().map { ("\($1.exchange.code):\($1.symbol)", UInt32(master.rows[$0].feedToken)) },
      uniquingKeysWith: { first, _ in first })
    #expect(symbols["NSE:AARTIIND"] == 1793)
    #expect(symbols["NFO:AARTIIND25APR24660CE"] == 17_577_986)
    #expect(symbols["NFO:ABB27JUN24FUT"] == 8_967_170)
    print("read \(master.instruments.count) instruments, skipped \(master.skipped)")
  }
}
