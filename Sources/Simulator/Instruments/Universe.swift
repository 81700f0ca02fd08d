// The instruments of the synthetic exchange. Made once at start; a value. The same count and day give the same
// symbols, whatever the seed: it only moves the previous closes a little.

import Market

/// One instrument and what the exchange knows about it.
public struct SimulatedInstrument: Sendable {
  /// In common form, as a gateway reads it from the instrument list.
  public let instrument: Instrument
  /// Exchange's number; the feed token is made of it and of the segment.
  public let exchangeToken: UInt32
  /// Low byte of the feed token.
  public let segment: UInt8
  /// Close of the previous day, 1e-8 units, on the tick grid.
  public let previousClose: Int64
  /// Place among the instruments of its exchange, from 1.
  let ordinal: UInt32
  /// Of shares: the same on both exchanges.
  let isin: String?

  /// `instrument_token` of the feed.
  public var token: UInt32 { exchangeToken << 8 | UInt32(segment) }
  public var isIndex: Bool { instrument.kind == .index }

  /// 1e-8 units per unit on the wire.
  var wireUnit: Int64 {
    switch segment {
    case 3: Price.scale / 10_000_000
    case 6, 12: Price.scale / 10_000
    default: Price.scale / 100
    }
  }
}

/// A list of instruments that looks like a small copy of the Indian market.
public struct Universe: Sendable {
  public static let countMin = 2
  public static let countMax = 10_000
  /// Enough to see every kind of instrument.
  public static let countDefault = 120

  public let instruments: [SimulatedInstrument]

  /// - Parameters:
  ///   - count: `countMin`...`countMax`. The first instruments are well-known names, one or more of every exchange.
  ///   - seed: moves the previous closes by up to 3 %.
  ///   - todayDay: days since 1970-01-01 in IST; all expiries are after it.
  public init(count: Int = countDefault, seed: UInt64, todayDay: Int32) {
    precondition((Self.countMin...Self.countMax).contains(count), "a universe of \(count) instruments")
    var builder = UniverseBuilder(countMax: count, seed: seed, todayDay: todayDay)
    builder.addWellKnown()
    builder.addFurther()
    instruments = builder.instruments
  }

  public var count: Int { instruments.count }

  /// The list in the format of Kite's instruments.csv.
  public func csv() -> [UInt8] {
    var text =
      "instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,lot_size,"
      + "instrument_type,segment,exchange\n"
    for entry in instruments { text += Self.row(entry) + "\n" }
    return Array(text.utf8)
  }

  private static func row(_ entry: SimulatedInstrument) -> String {
    let instrument = entry.instrument
    let expiry = instrument.expiryDay.map { CivilDate(day: $0).text } ?? ""
    let exchange: String
    let segment: String
    switch instrument.exchange {
    case .nseIndex: (exchange, segment) = ("NSE", "INDICES")
    case .bseIndex: (exchange, segment) = ("BSE", "INDICES")
    default:
      exchange = instrument.exchange.code
      segment = instrument.exchange.isDerivative ? exchange + (instrument.kind == .future ? "-FUT" : "-OPT") : exchange
    }
    // Kite lists an index as EQ with no tick size.
    let type = entry.isIndex ? InstrumentKind.equity.code : instrument.kind.code
    let tickSize = entry.isIndex ? "0" : Price.text(instrument.tickSize)
    return "\(entry.token),\(entry.exchangeToken),\(instrument.brokerSymbol),\"\(instrument.name)\",0,\(expiry),"
      + "\(Price.text(instrument.strike)),\(tickSize),\(instrument.lotSize),\(type),\(segment),\(exchange)"
  }
}
