// From the names of the enabled feeds to what the feed loop runs: instruments, tokens, addresses, credentials. The
// simulated exchange is started here and reached like any broker.

import Feeds
import Logging
import Market
import Normalize
import Reactor
import Settings
import Simulator

struct FeedAssembly {
  let registry: InstrumentRegistry
  let definitions: [FeedDefinition]
  let credentials: StaticCredentials
  let exchange: SimulatedExchange?
  let calendar: SessionCalendar
  /// The daily refresh of the instrument lists; nil when no feed has one.
  let dailyRefresh: DailyMasterRefresh?

  struct Failure: Error, CustomStringConvertible { let description: String }

  /// Name of the feed of ticks that other processes publish on the bus.
  static let busFeed = "bus"

  init(_ settings: Settings, backend: BackendKind, clock: any WallClock, log: Logger) async throws {
    let names = settings.strings(.feedsEnabled)
    guard !names.isEmpty else { throw Failure(description: "feeds.enabled is empty: name at least one feed, e.g. sim") }
    var sources: [(name: String, url: String, master: InstrumentMaster)] = []
    var keys: [String: FeedCredentials] = [:]
    var exchange: SimulatedExchange?
    let masters = names == ["sim"] ? nil : try MasterAssembly(settings, clock: clock, log: log)
    for name in names {
      switch name {
      case "sim":
        let started = try SimulatedExchange.start(
          ExchangeConfiguration(settings, backend: backend), clock: clock, log: log)
        exchange = started
        keys[name] = FeedCredentials(apiKey: "simulated", accessToken: "simulated")
        let master = try KiteInstruments.parse(started.universe.csv())
        sources.append((name, "ws://127.0.0.1:\(started.port)", master))
      case "zerodha":
        keys[name] = Self.zerodhaCredentials(settings)
        if let masters {
          sources.append((name, settings.string(.zerodhaURL), try await masters.instrumentRows(of: name)))
        }
      default: throw Failure(description: "feeds.enabled: there is no feed '\(name)'")
      }
    }
    dailyRefresh = masters?.dailyRefresh(of: names)
    let registry = InstrumentRegistry(sources.lazy.flatMap { $0.master.instruments })
    self.registry = registry
    self.exchange = exchange
    definitions = sources.map { source in
      .kite(name: source.name, url: source.url, listings: source.master.listings(in: registry))
    }
    credentials = StaticCredentials(keys)
    calendar = names == ["sim"] ? .alwaysOpen : .india
  }

  private static func zerodhaCredentials(_ settings: Settings) -> FeedCredentials? {
    let (key, token) = (settings.string(.zerodhaAPIKey), settings.string(.zerodhaAccessToken))
    return key.isEmpty || token.isEmpty ? nil : FeedCredentials(apiKey: key, accessToken: token)
  }
}
