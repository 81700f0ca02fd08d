// Reading Dhan's scrip master, compact and detailed: segments, underlyings, scales, and rows that are broken.

import Market
import Normalize
import Testing

@Suite struct DhanInstrumentsTests {
  private static let compact =
    "SEM_EXM_EXCH_ID,SEM_SEGMENT,SEM_SMST_SECURITY_ID,SEM_INSTRUMENT_NAME,SEM_EXPIRY_CODE,SEM_TRADING_SYMBOL,"
    + "SEM_LOT_UNITS,SEM_CUSTOM_SYMBOL,SEM_EXPIRY_DATE,SEM_STRIKE_PRICE,SEM_OPTION_TYPE,SEM_TICK_SIZE,"
    + "SEM_EXPIRY_FLAG,SEM_EXCH_INSTRUMENT_TYPE,SEM_SERIES,SM_SYMBOL_NAME"
  private static let detailed =
    "EXCH_ID,SEGMENT,SECURITY_ID,ISIN,INSTRUMENT,UNDERLYING_SECURITY_ID,UNDERLYING_SYMBOL,SYMBOL_NAME,DISPLAY_NAME,"
    + "INSTRUMENT_TYPE,SERIES,LOT_SIZE,SM_EXPIRY_DATE,STRIKE_PRICE,OPTION_TYPE,TICK_SIZE,EXPIRY_FLAG"

  private func parse(_ header: String, _ rows: [String], today: Int32? = nil) throws -> InstrumentMaster {
    try DhanInstruments.parse(Array(([header] + rows).joined(separator: "\n").utf8), today: today)
  }

  private static let compactRows = [
    "NSE,E,1333,EQUITY,0,HDFCBANK,1.0,HDFC Bank,,,,5.0000,NA,ES,EQ,HDFC BANK LTD",
    "BSE,E,500180,EQUITY,0,HDFCBANK,1.0,HDFC Bank,,,,5.0000,NA,ES,A,HDFC BANK LTD",
    "NSE,D,35001,FUTIDX,0,NIFTY-Dec2024-FUT,75.0,NIFTY DEC FUT,2024-12-26 14:30:00,-0.01000,XX,10.0000,M,FUTIDX,,",
    "NSE,D,43210,OPTIDX,0,NIFTY-Dec2024-24000-CE,75.0,NIFTY 26 DEC 24000 CALL,2024-12-26 14:30:00,24000.00000,CE,"
      + "5.0000,M,OPTIDX,,",
    "NSE,D,43211,OPTSTK,0,BRITANNIA-Dec2024-4812.5-PE,200.0,BRITANNIA 26 DEC 4812.50 PUT,2024-12-26 14:30:00,"
      + "4812.50000,PE,5.0000,M,OPTSTK,,BRITOPT",
    "BSE,D,822001,OPTIDX,0,SENSEX-Dec2024-81000-CE,20.0,SENSEX 27 DEC 81000 CALL,2024-12-27 15:30:00,81000,CE,5,W,IO,,",
    "MCX,M,234230,FUTCOM,0,CRUDEOIL-19Dec2024-FUT,1.0,CRUDEOIL DEC FUT,2024-12-19 23:30:00,0,XX,100.0000,M,FUTCOM,,CRUDEOIL",
    "MCX,M,234231,OPTFUT,0,CRUDEOIL-17Dec2024-6750-CE,1.0,CRUDEOIL 17 DEC 6750 CALL,2024-12-17 23:30:00,6750,CE,"
      + "10,M,OPTFUT,,",
    "NSE,C,10093,OPTCUR,0,USDINR-Dec2024-83.25-CE,1.0,USDINR 27 DEC 83.25 CALL,2024-12-27 12:30:00,83.25000,CE,"
      + "0.2500,M,OPTCUR,,",
    "BSE,C,10094,FUTCUR,0,USDINR-Dec2024-FUT,1000,USDINR DEC FUT,2024-12-27 12:30:00,0,XX,0.0025,M,FUTCUR,,",
    "NSE,I,13,INDEX,0,NIFTY,1.0,Nifty 50,,,,5.0000,NA,INDEX,X,NIFTY",
    "BSE,I,51,INDEX,0,SENSEX,1.0,Sensex,,,,5.0000,NA,INDEX,X,SENSEX",
    "NSE,I,42,INDEX,0,NIFTYMCAP50,,x,,,,,NA,INDEX,X,",
  ]

  @Test func `every kind of row of the compact list arrives`() throws {
    let master = try parse(Self.compact, Self.compactRows)
    #expect(master.skipped.isEmpty)
    #expect(
      master.names == [
        "NSE:HDFCBANK", "BSE:HDFCBANK", "NFO:NIFTY26DEC24FUT", "NFO:NIFTY26DEC2424000CE",
        "NFO:BRITANNIA26DEC244812.5PE", "BFO:SENSEX27DEC2481000CE", "MCX:CRUDEOIL19DEC24FUT",
        "MCX:CRUDEOIL17DEC246750CE", "CDS:USDINR27DEC2483.25CE", "BCD:USDINR27DEC24FUT", "NSE_INDEX:NIFTY",
        "BSE_INDEX:SENSEX", "NSE_INDEX:NIFTYMIDCAP50",
      ])
    #expect(
      master.feedNames == [
        "1/1333", "4/500180", "2/35001", "2/43210", "2/43211", "8/822001", "5/234230", "5/234231", "3/10093", "7/10094",
        "0/13", "0/51", "0/42",
      ])
    #expect(
      master.rows.map(\.brokerExchange).prefix(12) == [
        "NSE_EQ", "BSE_EQ", "NSE_FNO", "NSE_FNO", "NSE_FNO", "BSE_FNO", "MCX_COMM", "MCX_COMM", "NSE_CURRENCY",
        "BSE_CURRENCY", "IDX_I", "IDX_I",
      ])
    let instruments = master.instruments
    #expect(instruments[0].tickSize == 5_000_000 && instruments[6].tickSize == 100_000_000)
    #expect(instruments[8].tickSize == 250_000 && instruments[9].tickSize == 250_000, "paise or rupees")
    #expect(instruments[4].strike == 481_250_000_000 && instruments[2].strike == 0 && instruments[6].strike == 0)
    #expect(instruments[4].name == "BRITANNIA", "the underlying, not the mnemonic")
    #expect(instruments[0].name == "HDFC BANK LTD" && instruments[0].expiryDay == nil)
    #expect(instruments[3].brokerSymbol == "NIFTY-Dec2024-24000-CE" && instruments[3].expiryDay == day(2024, 12, 26))
    #expect(instruments[6].lotSize == 100 && master.rows[6].brokerLotSize == 1, "a contract is a hundred barrels")
    #expect(instruments[8].lotSize == 1000)
  }

  @Test func `every kind of row of the detailed list arrives`() throws {
    let master = try parse(
      Self.detailed,
      [
        "NSE,E,1333,INE040A01034,EQUITY,,HDFCBANK,HDFC BANK LTD,HDFC Bank,ES,EQ,1.0,,,,5.0000,NA",
        "NSE,I,13,1,INDEX,,NIFTY,NIFTY,Nifty 50,INDEX,X,1.0,,,,5.0000,NA",
        "NSE,D,35001,NA,FUTSTK,1,M&M,M&M-Dec2024-FUT,M&M DEC FUT,FUT,NA,200.0,2024-12-26,-0.01000,XX,5.0000,M",
        "NSE,D,43211,NA,OPTSTK,1,BAJAJ-AUTO,BAJAJ-AUTO-Dec2024-9000-PE,BAJAJ-AUTO 26 DEC 9000 PUT,OP,NA,75.0,"
          + "2024-12-26,9000.00000,PE,5.0000,M",
      ])
    #expect(
      master.names == [
        "NSE:HDFCBANK", "NSE_INDEX:NIFTY", "NFO:M&M26DEC24FUT", "NFO:BAJAJ-AUTO26DEC249000PE",
      ])
    #expect(master.instruments[0].name == "HDFC BANK LTD" && master.instruments[0].brokerSymbol == "HDFCBANK")
    #expect(master.instruments[3].name == "BAJAJ-AUTO")
    #expect(master.instruments[3].brokerSymbol == "BAJAJ-AUTO-Dec2024-9000-PE")
    #expect(master.feedNames == ["1/1333", "0/13", "2/35001", "2/43211"])
  }

  @Test func `the same id in two segments is two instruments`() throws {
    let master = try parse(
      Self.compact,
      [
        "NSE,I,13,INDEX,0,NIFTY,1.0,Nifty 50,,,,5.0000,NA,INDEX,X,NIFTY",
        "NSE,E,13,EQUITY,0,ABB,1.0,ABB,,,,5.0000,NA,ES,EQ,ABB",
      ])
    let registry = InstrumentRegistry(master.instruments)
    let map = TokenMap(master.listings(in: registry), withSegment: true)
    #expect(
      map.instrument(of: TokenMap.key(segment: 0, token: 13)) == registry.id(exchange: .nseIndex, symbol: "NIFTY"))
    #expect(map.instrument(of: TokenMap.key(segment: 1, token: 13)) == registry.id(exchange: .nse, symbol: "ABB"))
    #expect(map.count == 2)
  }

  @Test func `an underlying is found in the trading symbol when nothing is displayed`() throws {
    let master = try parse(
      Self.compact,
      [
        "NSE,D,1,OPTSTK,0,BAJAJ-AUTO-Dec2024-9000-CE,75,,2024-12-26,9000,CE,5,M,OP,,",
        "NSE,D,2,FUTSTK,0,BAJAJ-AUTO-Dec2024-FUT,75,,2024-12-26,0,XX,5,M,FUT,,",
      ])
    #expect(master.names == ["NFO:BAJAJ-AUTO26DEC249000CE", "NFO:BAJAJ-AUTO26DEC24FUT"])
  }

  @Test func `the series EQ wins, wherever it stands`() throws {
    let rows = [
      "NSE,E,1,EQUITY,0,ABC,1,ABC,,,,5,NA,ES,BE,ABC", "NSE,E,2,EQUITY,0,ABC,1,ABC,,,,5,NA,ES,EQ,ABC",
      "NSE,E,3,EQUITY,0,ABC,1,ABC,,,,5,NA,ES,SM,ABC",
    ]
    for order in [rows, rows.reversed()] {
      let master = try parse(Self.compact, order)
      #expect(master.feedNames == ["1/2"] && master.skipped == [.duplicate: 2])
    }
    let withoutSeries = [rows[0], "NSE,E,4,EQUITY,0,ABC,1,ABC,,,,5,NA,ES,,ABC"]
    #expect(try parse(Self.compact, withoutSeries).feedNames == ["1/4"])
  }

  @Test func `broken and unwanted rows are skipped and counted`() throws {
    let master = try parse(
      Self.compact,
      [
        "NSE,E,1,EQUITY,0,GOOD,1,x,,,,5,NA,ES,EQ,x",
        "NSE,E,-1,EQUITY,0,A,1,x,,,,5,NA,ES,EQ,x",
        "NSE,E,99999999999,EQUITY,0,A,1,x,,,,5,NA,ES,EQ,x",
        "NSE,E,2,EQUITY,0,A,,x,,,,5,NA,ES,EQ,x",
        "NSE,E,2,EQUITY,0,A,0.5,x,,,,5,NA,ES,EQ,x",
        "NSE,E,2,EQUITY,0,A,1,x,,,,,NA,ES,EQ,x",
        "NSE,E,2,EQUITY,0,A B,1,x,,,,5,NA,ES,EQ,x",
        "NSE,D,2,FUTIDX,0,A-FUT,1,A DEC FUT,0001-01-01 00:00,0,XX,5,M,F,,".replacing("0001-01-01 00:00", with: "-1"),
        "NSE,D,2,OPTIDX,0,A-CE,1,A DEC CALL,2024-12-26,-0.01,CE,5,M,O,,",
        "NSE,D,2,OPTIDX,0,A-CE,1",
        "NYSE,E,2,EQUITY,0,A,1,x,,,,5,NA,ES,EQ,x",
        "MCX,I,2,INDEX,0,MCXBULLDEX,1,x,,,,5,NA,INDEX,X,x",
        "NSE,E,2,WARRANT,0,A,1,x,,,,5,NA,ES,EQ,x",
        "NSE,D,2,OPTIDX,0,A-XX,1,A DEC CALL,2024-12-26,1,XX,5,M,O,,",
        "NSE,D,2,FUTIDX,0,A-FUT,1,A DEC FUT,2024-12-25 14:30:00,0,XX,5,M,F,,",
      ], today: day(2024, 12, 26))
    #expect(master.names == ["NSE:GOOD"])
    #expect(
      master.skipped == [
        .badToken: 2, .badLotSize: 2, .badTickSize: 1, .badSymbol: 1, .badExpiry: 1, .badStrike: 1, .malformedRow: 1,
        .unknownExchange: 2, .unknownType: 2, .expired: 1,
      ])
    #expect(master.problems.map(\.number) == Array(3...11))
  }

  @Test func `columns may come in any order and a missing one is named`() throws {
    let columns = Self.compact.split(separator: ",").reversed()
    let rows = Self.compactRows.map { row in
      row.split(separator: ",", omittingEmptySubsequences: false).reversed().joined(separator: ",")
    }
    let master = try parse(columns.joined(separator: ","), rows)
    #expect(master.rows == (try parse(Self.compact, Self.compactRows).rows))
    for (header, optional) in [
      (
        Self.compact,
        ["SEM_EXPIRY_CODE", "SEM_EXPIRY_FLAG", "SEM_EXCH_INSTRUMENT_TYPE", "SEM_SERIES", "SM_SYMBOL_NAME"]
      ),
      (
        Self.detailed,
        ["EXCH_ID", "ISIN", "UNDERLYING_SECURITY_ID", "INSTRUMENT_TYPE", "SERIES", "EXPIRY_FLAG"]
      ),
    ] {
      let names = header.split(separator: ",").map(String.init)
      for name in names where !optional.contains(name) && name != "SEM_EXM_EXCH_ID" {
        let without = names.filter { $0 != name }.joined(separator: ",")
        #expect(throws: InstrumentListError.missingColumn(name)) { try parse(without, ["x"]) }
      }
    }
  }

  @Test func `a list that is cut or damaged anywhere never traps and reads the same in pieces`() throws {
    let text = ([Self.compact] + Self.compactRows.prefix(4)).joined(separator: "\r\n")
    try expectSameHoweverCut("\u{FEFF}" + text + "\nx\n\n", .dhan)
    expectNoTrap(text, .dhan)
  }
}
