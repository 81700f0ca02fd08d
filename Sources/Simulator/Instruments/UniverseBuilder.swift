// Puts a universe together, instrument by instrument, until it has as many as were asked for. Start-up only.

import Glibc
import Market

struct UniverseBuilder {
  private(set) var instruments: [SimulatedInstrument] = []
  private let countMax: Int
  private let todayDay: Int32
  private var generator: SeededGenerator
  private var seen: Set<InstrumentKey> = []
  private var countByExchange: [Exchange: UInt32] = [:]
  private var isins: [String: String] = [:]

  private static let paise = Price.scale / 100
  private static let monthsListed = 3
  private static let weeksListed = 5
  /// Tokens of the exchange are handed out in order from here.
  private static let exchangeTokenFirst: UInt32 = 1001

  init(countMax: Int, seed: UInt64, todayDay: Int32) {
    self.countMax = countMax
    self.todayDay = todayDay
    generator = SeededGenerator(seed: seed)
  }

  private var isFull: Bool { instruments.count >= countMax }

  // MARK: What to list

  /// The names that examples use: something of every exchange, the most watched first.
  mutating func addWellKnown() {
    let shares = UniverseNames.shares
    let (nifty, bankNifty, sensex) = (UniverseNames.nifty, UniverseNames.bankNifty, UniverseNames.sensex)
    for share in shares.prefix(11) { addShare(share, .nse) }
    for index in UniverseNames.indices { addIndex(index) }
    for underlying in [nifty, bankNifty, sensex, UniverseNames.reliance] { addFutures(underlying, months: 1) }
    addChain(nifty, expiry: expiries(nifty)[0], distances: 0...4)
    addChain(bankNifty, expiry: expiries(bankNifty)[0], distances: 0...3)
    addChain(UniverseNames.reliance, expiry: expiries(UniverseNames.reliance)[0], distances: 0...1)
    for commodity in UniverseNames.commodities {
      addCommodity(commodity.underlying, tick: commodity.tickPaise, dayOfMonth: commodity.expiryDayOfMonth)
    }
    for currency in UniverseNames.currencies { addCurrency(currency.name, paise: currency.paise) }
    for share in shares.prefix(UniverseNames.bseShareCount) { addShare(share, .bse) }
    for share in shares.dropFirst(11) { addShare(share, .nse) }
    for underlying in [nifty, bankNifty] + UniverseNames.shareUnderlyings { addFutures(underlying, months: 2) }
    addChain(sensex, expiry: expiries(sensex)[0], distances: 0...1)
  }

  /// Fills up: one more share for every four options, which move outwards from the money.
  mutating func addFurther() {
    var shareNumber = 0
    for distance in 0... {
      for underlying in UniverseNames.optionUnderlyings {
        for expiry in expiries(underlying) {
          if isFull { return }
          addChain(underlying, expiry: expiry, distances: distance...distance)
          shareNumber += 1
          let digits = String(shareNumber)
          let symbol = "SIM" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
          // Not from the seed: the tick size hangs on the level.
          var level = SeededGenerator(seed: UInt64(shareNumber))
          let paise = Int64(50_00 + level.below(2_950_00))
          addShare(.init(symbol, "SIMULATED COMPANY \(shareNumber)", paise), .nse)
        }
      }
    }
  }

  private func expiries(_ underlying: UniverseNames.Underlying) -> [Int32] {
    let weekday = underlying.exchange == .bfo ? ExpiryCalendar.thursday : ExpiryCalendar.tuesday
    let months = ExpiryCalendar.monthly(after: todayDay, weekday: weekday, count: Self.monthsListed)
    guard underlying.hasWeeklies else { return months }
    let weeks = ExpiryCalendar.weekly(after: todayDay, weekday: weekday, count: Self.weeksListed)
    return Array(Set(weeks + months)).sorted()
  }

  // MARK: One kind each

  private mutating func addShare(_ share: UniverseNames.Share, _ exchange: Exchange) {
    add(
      Instrument(
        key: InstrumentKey(exchange, share.symbol), name: share.company, tickSize: Self.shareTick(share.paise),
        kind: .equity), level: share.paise * Self.paise)
  }

  private mutating func addIndex(_ index: (broker: String, symbol: String, exchange: Exchange, paise: Int64)) {
    add(
      Instrument(
        key: InstrumentKey(index.exchange, index.symbol), name: index.broker, tickSize: Self.paise, kind: .index,
        brokerSymbol: index.broker), level: index.paise * Self.paise)
  }

  private mutating func addFutures(_ underlying: UniverseNames.Underlying, months: Int) {
    let weekday = underlying.exchange == .bfo ? ExpiryCalendar.thursday : ExpiryCalendar.tuesday
    for expiry in ExpiryCalendar.monthly(after: todayDay, weekday: weekday, count: months) {
      addFuture(underlying, expiry: expiry, tick: 10 * Self.paise)
    }
  }

  private mutating func addCommodity(_ underlying: UniverseNames.Underlying, tick: Int64, dayOfMonth: Int) {
    for expiry in ExpiryCalendar.monthly(after: todayDay, dayOfMonth: dayOfMonth, count: 2) {
      addFuture(underlying, expiry: expiry, tick: tick * Self.paise)
    }
  }

  private mutating func addCurrency(_ name: String, paise: Int64) {
    let underlying = UniverseNames.Underlying(name, .cds, paise: paise, lot: 1000, step: 1)
    for expiry in ExpiryCalendar.monthly(after: todayDay, dayOfMonth: 27, count: 2) {
      addFuture(underlying, expiry: expiry, tick: Price.scale / 400)
    }
  }

  /// Futures cost the carry until their expiry more than the underlying: 6.5 % a year.
  private mutating func addFuture(_ underlying: UniverseNames.Underlying, expiry: Int32, tick: Int64) {
    let date = CivilDate(day: expiry)
    let level = underlying.paise * Self.paise
    add(
      Instrument(
        key: InstrumentKey(underlying.exchange, underlying.name + date.symbolText + "FUT"), name: underlying.name,
        expiryDay: expiry, lotSize: underlying.lotSize, tickSize: tick, kind: .future,
        brokerSymbol: underlying.name + Self.monthText(date) + "FUT"),
      level: level + level / 365 * Int64(expiry - todayDay) * 65 / 1000)
  }

  /// Calls and puts at the given distances from the money, in strikes, on both sides.
  private mutating func addChain(
    _ underlying: UniverseNames.Underlying, expiry: Int32, distances: ClosedRange<Int>
  ) {
    let step = underlying.strikeStep
    let atTheMoney = (underlying.paise / 100 + step / 2) / step * step
    for distance in distances {
      for strike in distance == 0 ? [atTheMoney] : [-1, 1].map({ atTheMoney + $0 * Int64(distance) * step })
      where strike > 0 {
        addOption(underlying, expiry: expiry, strike: strike, kind: .call)
        addOption(underlying, expiry: expiry, strike: strike, kind: .put)
      }
    }
  }

  private mutating func addOption(
    _ underlying: UniverseNames.Underlying, expiry: Int32, strike: Int64, kind: InstrumentKind
  ) {
    let date = CivilDate(day: expiry)
    add(
      Instrument(
        key: InstrumentKey(underlying.exchange, "\(underlying.name)\(date.symbolText)\(strike)\(kind.code)"),
        name: underlying.name, expiryDay: expiry, strike: strike * Price.scale, lotSize: underlying.lotSize,
        tickSize: 5 * Self.paise, kind: kind,
        brokerSymbol: "\(underlying.name)\(Self.weekText(date))\(strike)\(kind.code)"),
      level: optionLevel(underlying, strike: strike, kind: kind, days: expiry - todayDay))
  }

  /// Intrinsic value plus a bell of time value around the money (an implied volatility of 14 % a year).
  private func optionLevel(
    _ underlying: UniverseNames.Underlying, strike: Int64, kind: InstrumentKind, days: Int32
  ) -> Int64 {
    let spot = Double(underlying.paise) / 100
    let deviation = spot * 0.14 * (Double(days) / 365).squareRoot()
    let distance = (spot - Double(strike)) / deviation
    let intrinsic = max(0, kind == .call ? spot - Double(strike) : Double(strike) - spot)
    let timeValue = 0.4 * deviation * exp(-distance * distance / 2)
    return Int64(((intrinsic + timeValue) * 100).rounded()) * Self.paise
  }

  // MARK: Listing

  private mutating func add(_ instrument: Instrument, level: Int64) {
    guard !isFull, seen.insert(instrument.key).inserted else { return }
    let jitter = Int64(generator.below(60_001)) - 30_000
    let moved = level + level / 1_000_000 * jitter
    let ticks = max(PriceProcess.closeTicksMin, moved / instrument.tickSize)
    countByExchange[instrument.exchange, default: 0] += 1
    instruments.append(
      SimulatedInstrument(
        instrument: instrument, exchangeToken: Self.exchangeTokenFirst + UInt32(instruments.count),
        segment: Self.segment(of: instrument.exchange), previousClose: ticks * instrument.tickSize,
        ordinal: countByExchange[instrument.exchange, default: 0],
        isin: instrument.kind == .equity ? isin(of: instrument.symbol) : nil))
  }

  /// A number of the right form for a company; both exchanges list it under the same.
  private mutating func isin(of symbol: String) -> String {
    if let known = isins[symbol] { return known }
    let digits = String(isins.count + 1)
    let isin = "INE" + String(repeating: "0", count: max(0, 6 - digits.count)) + digits + "A01"
    isins[symbol] = isin
    return isin
  }

  private static func segment(of exchange: Exchange) -> UInt8 {
    switch exchange {
    case .nse: 1
    case .nfo: 2
    case .cds: 3
    case .bse: 4
    case .bfo: 5
    case .mcx: 7
    case .nseIndex, .bseIndex: 9
    default: preconditionFailure("the simulated exchange lists nothing on \(exchange.code)")
    }
  }

  /// Tick sizes of NSE cash by price band.
  private static func shareTick(_ paise: Int64) -> Int64 {
    switch paise {
    case ..<250_00: Self.paise
    case ..<1_000_00: 5 * Self.paise
    case ..<5_000_00: 10 * Self.paise
    case ..<10_000_00: 50 * Self.paise
    default: 100 * Self.paise
    }
  }

  /// `26NOV`, as in the broker's symbol of a monthly contract.
  private static func monthText(_ date: CivilDate) -> String {
    twoDigits(date.year % 100) + ISTTime.months[date.month - 1]
  }

  /// `26N24`: year, one character for the month, day, as in the broker's symbol of a weekly contract.
  private static func weekText(_ date: CivilDate) -> String {
    let month = date.month < 10 ? String(date.month) : ["O", "N", "D"][date.month - 10]
    return twoDigits(date.year % 100) + month + twoDigits(date.dayOfMonth)
  }

  private static func twoDigits(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
