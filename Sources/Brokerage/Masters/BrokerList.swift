// Where each broker's instrument list is and what it must hold: a row per broker. Data; cold path; any thread.

import Market
import Normalize

/// The instrument list of one broker.
public struct BrokerList: Sendable {
  /// Name of the feed, e.g. `zerodha`.
  public let broker: String
  public let format: InstrumentFormat
  /// The broker's own address.
  public let url: String
  /// Whether that address asks for the login of the day.
  public let needsLogin: Bool
  /// Exchanges without which the broker's list is not complete.
  public let exchanges: [Exchange]
  /// Before this minute of the day (IST) the list is still yesterday's.
  public let rebuiltMinute: Int

  /// All brokers whose lists can be read.
  public static let all = [
    BrokerList(
      broker: "zerodha", format: .kite, url: "https://api.kite.trade/instruments", needsLogin: true,
      exchanges: [.nse, .bse, .nfo, .bfo, .nseIndex], rebuiltMinute: 8 * 60 + 35),
    BrokerList(
      broker: "angel", format: .angel,
      url: "https://margincalculator.angelbroking.com/OpenAPI_File/files/OpenAPIScripMaster.json", needsLogin: false,
      exchanges: [.nse, .bse, .nfo, .bfo, .mcx, .nseIndex], rebuiltMinute: 0),
    BrokerList(
      broker: "upstox", format: .upstox,
      url: "https://assets.upstox.com/market-quote/instruments/exchange/complete.json.gz", needsLogin: false,
      exchanges: [.nse, .bse, .nfo, .bfo, .mcx, .nseIndex], rebuiltMinute: 0),
    BrokerList(
      broker: "dhan", format: .dhan, url: "https://images.dhan.co/api-data/api-scrip-master.csv", needsLogin: false,
      exchanges: [.nse, .bse, .nfo, .bfo, .mcx, .nseIndex], rebuiltMinute: 0),
  ]

  /// Nil for a feed that has no list.
  public static func of(_ broker: String) -> BrokerList? { all.first { $0.broker == broker } }
}
