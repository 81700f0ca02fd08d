// The list of instruments, and that the instrument list it writes is read back as the same instruments.

import Market
import Normalize
import Simulator
import Testing

@Suite struct UniverseTests {
  @Test(arguments: [2, 120, 1000, 10_000])
  func `the instrument list reads back as the same instruments`(count: Int) throws {
    let universe = Universe(count: count, seed: 7, todayDay: today)
    #expect(universe.count == count)
    let master = try KiteInstruments.parse(universe.csv(), today: today)
    #expect(master.skipped.isEmpty)
    #expect(master.rows.map(\.feedToken) == universe.instruments.map { String($0.token) })
    #expect(master.instruments.count == count)
    for (read, entry) in zip(master.instruments, universe.instruments) {
      let written = entry.instrument
      #expect(read.key == written.key)
      #expect(read.name == written.name && read.brokerSymbol == written.brokerSymbol && read.kind == written.kind)
      #expect(read.expiryDay == written.expiryDay && read.strike == written.strike)
      #expect(read.lotSize == written.lotSize && read.tickSize == written.tickSize)
    }
  }

  @Test func `the default universe holds the well-known names of every exchange`() {
    let universe = Universe(seed: 1, todayDay: today)
    let shares = [
      "RELIANCE", "TCS", "INFY", "SBIN", "HDFCBANK", "ICICIBANK", "ITC", "TATAMOTORS", "YESBANK", "M&M", "BAJAJ-AUTO",
    ]
    for symbol in shares { #expect(universe.index(.nse, symbol) != nil, "\(symbol)") }
    for symbol in ["NIFTY", "BANKNIFTY", "INDIAVIX"] { #expect(universe.index(.nseIndex, symbol) != nil) }
    #expect(universe.index(.bseIndex, "SENSEX") != nil)
    #expect(universe.index(.bse, "RELIANCE") != nil)
    func count(_ exchange: Exchange, _ kinds: InstrumentKind...) -> Int {
      universe.instruments.filter { $0.instrument.exchange == exchange && kinds.contains($0.instrument.kind) }.count
    }
    #expect(count(.nse, .equity) == 40)
    #expect(count(.bse, .equity) == 10)
    #expect(count(.nfo, .future) >= 5 && count(.nfo, .call) >= 15 && count(.nfo, .put) >= 15)
    #expect(count(.bfo, .future) == 1)
    #expect(count(.mcx, .future) == 8)
    #expect(count(.cds, .future) == 4)
  }

  @Test func `tokens are unique and end in the segment`() {
    let universe = Universe(count: 10_000, seed: 1, todayDay: today)
    #expect(Set(universe.instruments.map(\.token)).count == 10_000)
    #expect(Set(universe.instruments.map(\.instrument.key)).count == 10_000)
    let segments: [Exchange: UInt32] = [
      .nse: 1, .nfo: 2, .cds: 3, .bse: 4, .bfo: 5, .mcx: 7, .nseIndex: 9, .bseIndex: 9,
    ]
    for entry in universe.instruments {
      #expect(entry.token & 0xFF == segments[entry.instrument.exchange])
      #expect(entry.token >> 8 == entry.exchangeToken)
    }
  }

  @Test func `the symbols depend on count and day only, the prices on the seed`() {
    let one = Universe(count: 500, seed: 1, todayDay: today)
    let same = Universe(count: 500, seed: 1, todayDay: today)
    let other = Universe(count: 500, seed: 2, todayDay: today)
    // Booleans, so that a failure does not print the lists.
    let isSame = one.csv() == same.csv()
    let isSameForOtherSeed = one.csv() == other.csv()
    #expect(isSame && isSameForOtherSeed)
    #expect(one.instruments.map(\.previousClose) == same.instruments.map(\.previousClose))
    #expect(one.instruments.map(\.previousClose) != other.instruments.map(\.previousClose))
    let larger = Universe(count: 600, seed: 1, todayDay: today)
    #expect(larger.instruments.prefix(500).map(\.token) == one.instruments.map(\.token))
  }

  @Test(arguments: 0..<40)
  func `expiries are after today and on the weekday of their exchange`(offset: Int32) {
    let day = today + offset
    for entry in Universe(count: 1000, seed: 1, todayDay: day).instruments {
      guard let expiry = entry.instrument.expiryDay else { continue }
      #expect(expiry > day)
      let weekday = ISTTime(epochNanos: ISTTime.epochNanos(day: expiry, minuteOfDay: 600)).weekday
      switch entry.instrument.exchange {
      case .nfo: #expect(weekday == 2)
      case .bfo: #expect(weekday == 4)
      default: #expect((1...5).contains(weekday))
      }
    }
  }

  @Test func `the weekly and monthly expiries after a Tuesday are the expected days`() {
    let universe = Universe(count: 2000, seed: 1, todayDay: today)
    func days(_ name: String, _ kinds: InstrumentKind...) -> [String] {
      let days = universe.instruments.filter { $0.instrument.name == name && kinds.contains($0.instrument.kind) }
        .compactMap(\.instrument.expiryDay)
      return Set(days).sorted().map { CivilDate(day: $0).text }
    }
    #expect(days("NIFTY", .future) == ["2026-12-29", "2027-01-26"])
    let weeklies = ["2026-12-01", "2026-12-08", "2026-12-15", "2026-12-22", "2026-12-29", "2027-01-26", "2027-02-23"]
    #expect(days("NIFTY", .call, .put) == weeklies)
    #expect(days("BANKNIFTY", .call) == ["2026-12-29", "2027-01-26", "2027-02-23"])
    #expect(universe.index(.nfo, "NIFTY01DEC2624800CE") != nil)
    #expect(universe.index(.mcx, "CRUDEOIL18DEC26FUT") != nil, "the 19th is a Saturday")
  }

  @Test func `closes lie on the tick grid and fit the wire`() {
    for entry in Universe(count: 10_000, seed: 3, todayDay: today).instruments {
      let divisor: Int64 = entry.instrument.exchange == .cds ? 10_000_000 : 100
      #expect(entry.previousClose % entry.instrument.tickSize == 0)
      #expect(entry.previousClose > 0)
      #expect(entry.previousClose / (Price.scale / divisor) * 12 / 10 < Int64(Int32.max))
    }
  }
}
