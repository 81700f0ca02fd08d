// The lists in each broker's format, read by plain readers: every instrument is there under its token, in the forms that
// the brokers document.

import Foundation
import Market
import Simulator
import Testing

@Suite struct InstrumentListTests {
  private let universe = Universe(count: 1_000, seed: 1, todayDay: today)

  private func rows(_ json: [UInt8]) throws -> [[String: Any]] {
    try #require(JSONSerialization.jsonObject(with: Data(json)) as? [[String: Any]])
  }

  @Test(arguments: SimulatedBroker.allCases)
  func `tokens are unique per segment, and repeat across segments where the real ones do`(broker: SimulatedBroker) {
    let tokens = universe.instruments.map { $0.token(for: broker) }
    #expect(Set(tokens).count == tokens.count)
    let repeats = Set(tokens.map(\.token)).count < tokens.count
    #expect(repeats == (broker == .angel || broker == .dhan))
  }

  @Test func `Angel's list holds texts only, prices in paise`() throws {
    let rows = try rows(universe.angelJSON())
    #expect(rows.count == universe.count)
    for (row, entry) in zip(rows, universe.instruments) {
      let row = try #require(row as? [String: String])
      #expect(row["token"] == entry.token(for: .angel).token && row["lotsize"] == String(entry.instrument.lotSize))
    }
    func row(_ exchange: Exchange, _ symbol: String) throws -> [String: String] {
      let index = try #require(universe.index(exchange, symbol))
      return try #require(rows[index] as? [String: String])
    }
    let share = try row(.nse, "INFY")
    #expect(share["symbol"] == "INFY-EQ" && share["instrumenttype"] == "" && share["exch_seg"] == "NSE")
    #expect(share["tick_size"] == "10.000000" && share["strike"] == "-1.000000" && share["expiry"] == "")
    let index = try row(.nseIndex, "NIFTY")
    #expect(index["token"] == "99926000" && index["instrumenttype"] == "AMXIDX" && index["symbol"] == "Nifty 50")
    let option = try row(.nfo, "NIFTY01DEC2624800CE")
    #expect(option["strike"] == "2480000.000000" && option["expiry"] == "01DEC2026")
    #expect(option["instrumenttype"] == "OPTIDX" && option["name"] == "NIFTY" && option["tick_size"] == "5.000000")
    let currency = try #require(rows.first { $0["exch_seg"] as? String == "CDS" })
    #expect(currency["tick_size"] as? String == "0.250000" && currency["instrumenttype"] as? String == "FUTCUR")
  }

  @Test func `Upstox's list has keys, paise and the last second of the expiry day`() throws {
    let rows = try rows(universe.upstoxJSON())
    #expect(rows.map { $0["instrument_key"] as? String } == universe.instruments.map { $0.token(for: .upstox).token })
    func row(_ exchange: Exchange, _ symbol: String) throws -> [String: Any] {
      let index = try #require(universe.index(exchange, symbol))
      return rows[index]
    }
    let share = try row(.nse, "INFY")
    let isin = try #require(share["isin"] as? String)
    #expect(isin.count == 12 && share["instrument_key"] as? String == "NSE_EQ|\(isin)")
    #expect(try row(.bse, "INFY")["instrument_key"] as? String == "BSE_EQ|\(isin)", "one company, one ISIN")
    #expect(share["tick_size"] as? Double == 10 && share["segment"] as? String == "NSE_EQ")
    #expect(try row(.nseIndex, "NIFTY")["instrument_key"] as? String == "NSE_INDEX|Nifty 50")
    let option = try row(.nfo, "NIFTY01DEC2624800CE")
    #expect(option["trading_symbol"] as? String == "NIFTY 24800 CE 01 DEC 26")
    #expect(option["strike_price"] as? Double == 24_800 && option["underlying_symbol"] as? String == "NIFTY")
    #expect(option["expiry"] as? Int64 == 1_796_149_799_000, "2026-12-01 23:59:59 IST")
    let exchanges = Set(rows.compactMap { $0["exchange"] as? String })
    #expect(exchanges == ["NSE", "BSE", "MCX"])
  }

  @Test func `Dhan's list has as many columns in each row as in its header`() throws {
    let lines = String(decoding: universe.dhanCSV(), as: UTF8.self).split(separator: "\n").map {
      $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    }
    #expect(lines.count == universe.count + 1 && lines.allSatisfy { $0.count == 16 })
    #expect(lines.dropFirst().map { $0[2] } == universe.instruments.map { $0.token(for: .dhan).token })
    func row(_ exchange: Exchange, _ symbol: String) throws -> [String: String] {
      let index = try #require(universe.index(exchange, symbol))
      return Dictionary(uniqueKeysWithValues: zip(lines[0], lines[1 + index]))
    }
    let option = try row(.nfo, "NIFTY01DEC2624800CE")
    #expect(option["SEM_CUSTOM_SYMBOL"] == "NIFTY 01 DEC 24800 CALL" && option["SEM_OPTION_TYPE"] == "CE")
    #expect(option["SEM_EXPIRY_DATE"] == "2026-12-01 14:30:00" && option["SEM_STRIKE_PRICE"] == "24800")
    #expect(option["SEM_EXM_EXCH_ID"] == "NSE" && option["SEM_SEGMENT"] == "D" && option["SEM_TICK_SIZE"] == "5")
    let index = try row(.nseIndex, "NIFTY")
    #expect(index["SEM_SMST_SECURITY_ID"] == "13" && index["SEM_INSTRUMENT_NAME"] == "INDEX")
    #expect(try row(.nse, "INFY")["SEM_SMST_SECURITY_ID"] == "13", "the same id in another segment")
  }
}
