// From the names of the enabled feeds to what the feed loop runs: instruments, tokens, addresses, credentials. The
// simulated exchange is started here and reached like any broker.

import Brokerage
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
  let credentials: GatewayCredentials
  let credentialWatch: CredentialWatchService
  let exchange: SimulatedExchange?
  let calendar: SessionCalendar
  /// The daily refresh of the instrument lists; nil when no feed has one.
  let dailyRefresh: DailyMasterRefresh?

  struct Failure: Error, CustomStringConvertible { let description: String }

  /// Name of the feed of ticks that other processes publish on the bus.
  static let busFeed = "bus"
  /// Name of the feed of the built-in exchange.
  static let simulatedFeed = "sim"

  init(_ settings: Settings, backend: BackendKind, clock: any WallClock, log: Logger) async throws {
    let names = settings.strings(.feedsEnabled)
    guard !names.isEmpty else { throw Failure(description: "feeds.enabled is empty: name at least one feed, e.g. sim") }
    guard Set(names).count == names.count else { throw Failure(description: "feeds.enabled names a feed twice") }
    let brokers = names.filter { $0 != Self.simulatedFeed }
    let client = LoginClient()
    let provider = try FeedCredentialProvider(
      accounts: brokers.compactMap { FeedAccount($0, settings) },
      store: CredentialStore(stateDirectory: settings.string(.stateDirectory)),
      loginsPerHourMax: settings.integer(.feedsLoginsPerHourMax), client: client, clock: clock, log: log)
    credentials = GatewayCredentials(brokers: provider)
    credentialWatch = CredentialWatchService(provider: provider, client: client)
    let masters = brokers.isEmpty ? nil : try MasterAssembly(settings, credentials: provider, clock: clock, log: log)
    var lists: [(name: String, master: InstrumentMaster)] = []
    var exchange: SimulatedExchange?
    for name in names {
      if name == Self.simulatedFeed {
        let started = try SimulatedExchange.start(
          ExchangeConfiguration(settings, backend: backend), clock: clock, log: log)
        exchange = started
        lists.append((name, try KiteInstruments.parse(started.universe.csv())))
      } else if let masters {
        lists.append((name, try await masters.instrumentRows(of: name)))
      }
    }
    dailyRefresh = masters?.dailyRefresh(of: names)
    let registry = InstrumentRegistry(lists.lazy.flatMap { $0.master.instruments })
    self.registry = registry
    self.exchange = exchange
    let port = exchange?.port ?? 0
    definitions = lists.map { list in
      Self.definition(list.name, list.master.listings(in: registry), registry.count, settings, exchangePort: port)
    }
    calendar = brokers.isEmpty ? .alwaysOpen : try CalendarFile.calendar(settings)
  }

  private static func definition(
    _ name: String, _ listings: [FeedListing], _ count: Int, _ settings: Settings, exchangePort: UInt16
  ) -> FeedDefinition {
    func tuned(_ capability: FeedCapability) -> FeedCapability {
      var capability = capability
      capability.timeouts.staleNanos = Int64(settings.integer(.feedsStaleSeconds)) * 1_000_000_000
      capability.connectsPerHour = settings.integer(.feedsReconnectsPerHour)
      return capability
    }
    switch name {
    case "angel":
      return .angel(
        url: settings.string(.angelURL), listings: listings, instrumentCount: count, capability: tuned(.angel))
    case "upstox":
      let url = settings.string(.upstoxURL)
      return .upstox(
        url: url.isEmpty ? UpstoxSession.standardURL : url, listings: listings, instrumentCount: count,
        capability: tuned(.upstox))
    case "dhan":
      return .dhan(
        url: settings.string(.dhanURL), listings: listings, instrumentCount: count, capability: tuned(.dhan))
    case "zerodha":
      return .kite(name: name, url: settings.string(.zerodhaURL), listings: listings, capability: tuned(.kite))
    default:
      return .kite(name: name, url: "ws://127.0.0.1:\(exchangePort)", listings: listings, capability: tuned(.kite))
    }
  }
}
