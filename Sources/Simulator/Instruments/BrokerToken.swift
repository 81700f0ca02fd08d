// The names of the simulated instruments at each broker. Tokens repeat across segments on purpose, as the real ones do.

import Market

/// How a broker's feed names an instrument.
public struct BrokerToken: Hashable, Sendable {
  /// The protocol's code of exchange and segment; 0 where the token says it all.
  public let segment: UInt8
  /// A decimal number, or Upstox's key.
  public let token: String

  public init(segment: UInt8, token: String) {
    self.segment = segment
    self.token = token
  }
}

/// Names of an index that follow no rule.
struct IndexListing {
  let angelToken: UInt32
  /// As Angel's `symbol` and Upstox's key write it.
  let title: String
  /// As Angel's `name` writes it.
  let angelName: String
  let dhanID: UInt32

  private init(_ angelToken: UInt32, _ title: String, _ angelName: String, _ dhanID: UInt32) {
    self.angelToken = angelToken
    self.title = title
    self.angelName = angelName
    self.dhanID = dhanID
  }

  /// By common symbol.
  static let all: [String: IndexListing] = [
    "NIFTY": IndexListing(99_926_000, "Nifty 50", "NIFTY", 13),
    "BANKNIFTY": IndexListing(99_926_009, "Nifty Bank", "BANKNIFTY", 25),
    "INDIAVIX": IndexListing(99_926_017, "India VIX", "INDIA VIX", 21),
    "SENSEX": IndexListing(99_919_000, "SENSEX", "SENSEX", 51),
    "FINNIFTY": IndexListing(99_926_037, "Nifty Fin Service", "FINNIFTY", 27),
    "MIDCPNIFTY": IndexListing(99_926_074, "NIFTY MID SELECT", "MIDCPNIFTY", 442),
  ]
}

extension SimulatedInstrument {
  /// Angel and Dhan number the instruments of each exchange from here, so that the third share has the number of NIFTY.
  private static let numberBase: UInt32 = 10

  private var index: IndexListing {
    guard let listing = IndexListing.all[instrument.symbol] else {
      preconditionFailure("the simulated exchange has no index \(instrument.symbol)")
    }
    return listing
  }

  /// The instrument's number at Angel and Dhan.
  var number: UInt32 { Self.numberBase + ordinal }

  /// How a broker's feed names it.
  public func token(for broker: SimulatedBroker) -> BrokerToken {
    switch broker {
    case .kite: BrokerToken(segment: 0, token: String(token))
    case .angel: BrokerToken(segment: angelExchange, token: String(isIndex ? index.angelToken : number))
    case .upstox: BrokerToken(segment: 0, token: upstoxKey)
    case .dhan: BrokerToken(segment: dhanSegment, token: String(isIndex ? index.dhanID : number))
    }
  }

  private var angelExchange: UInt8 {
    switch instrument.exchange {
    case .nse, .nseIndex: 1
    case .nfo: 2
    case .bse, .bseIndex: 3
    case .bfo: 4
    case .mcx: 5
    case .cds: 13
    default: preconditionFailure("Angel has no \(instrument.exchange.code)")
    }
  }

  private var dhanSegment: UInt8 {
    switch instrument.exchange {
    case .nseIndex, .bseIndex: 0
    case .nse: 1
    case .nfo: 2
    case .cds: 3
    case .bse: 4
    case .mcx: 5
    case .bfo: 8
    default: preconditionFailure("Dhan has no \(instrument.exchange.code)")
    }
  }

  /// `NSE_FO` and so on.
  var upstoxSegment: String {
    switch instrument.exchange {
    case .nse: "NSE_EQ"
    case .bse: "BSE_EQ"
    case .nfo: "NSE_FO"
    case .bfo: "BSE_FO"
    case .mcx: "MCX_FO"
    case .cds: "NCD_FO"
    case .nseIndex: "NSE_INDEX"
    case .bseIndex: "BSE_INDEX"
    default: preconditionFailure("Upstox has no \(instrument.exchange.code)")
    }
  }

  private var upstoxKey: String {
    if isIndex { return "\(upstoxSegment)|\(index.title)" }
    return "\(upstoxSegment)|\(isin ?? String(exchangeToken))"
  }

  /// Title and name of an index.
  var indexListing: IndexListing { index }
}
