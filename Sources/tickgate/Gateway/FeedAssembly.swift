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
    let registry = InstrumentRegistry(
      lists.lazy.flatMap { $0.master.instruments }, offers: names.flatMap { Self.offers($0, settings) })
    self.registry = registry
    self.exchange = exchange
    let port = exchange?.port ?? 0
    let markets = lists.map { list in
      Self.definition(list.name, list.master.listings(in: registry), registry.count, settings, exchangePort: port)
    }
    // Behind all market data, so that the numbers of the feeds are those of the configuration.
    definitions = markets + markets.flatMap { Self.books(of: $0, registry, settings) }
    calendar = brokers.isEmpty ? .alwaysOpen : try CalendarFile.calendar(settings)
  }

  private static func definition(
    _ name: String, _ listings: [FeedListing], _ count: Int, _ settings: Settings, exchangePort: UInt16
  ) -> FeedDefinition {
    func tuned(_ capability: FeedCapability) -> FeedCapability { Self.tuned(capability, settings) }
    switch name {
    case "angel":
      return .angel(
        url: settings.string(.angelURL), listings: listings, instrumentCount: count, capability: tuned(.angel))
    case "upstox":
      let url = settings.string(.upstoxURL)
      return .upstox(
        url: url.isEmpty ? UpstoxSession.standardURL : url, listings: listings, instrumentCount: count,
        capability: tuned(settings.boolean(.upstoxPlusPlan) ? .upstoxPlus : .upstox))
    case "dhan":
      return .dhan(
        url: settings.string(.dhanURL), listings: listings, instrumentCount: count, capability: tuned(.dhan))
    case "zerodha":
      return .kite(name: name, url: settings.string(.zerodhaURL), listings: listings, capability: tuned(.kite))
    default:
      return .kite(name: name, url: "ws://127.0.0.1:\(exchangePort)", listings: listings, capability: tuned(.kite))
    }
  }

  private static func tuned(_ capability: FeedCapability, _ settings: Settings) -> FeedCapability {
    var capability = capability
    capability.timeouts.staleNanos = Int64(settings.integer(.feedsStaleSeconds)) * 1_000_000_000
    capability.connectsPerHour = settings.integer(.feedsReconnectsPerHour)
    return capability
  }

  // MARK: Books beyond five levels

  private static func offers(_ name: String, _ settings: Settings) -> [DeepOffer] {
    switch name {
    case "angel": return DeepOffer.angel
    case "upstox": return settings.boolean(.upstoxPlusPlan) ? DeepOffer.upstoxPlus : []
    case "dhan":
      return DeepOffer.dhan.filter { !settings.string($0.levels == 20 ? .dhanDepth20URL : .dhanDepth200URL).isEmpty }
    default: return []
    }
  }

  private static func books(
    of feed: FeedDefinition, _ registry: InstrumentRegistry, _ settings: Settings
  ) -> [FeedDefinition] {
    offers(feed.name, settings).map { offer in
      switch (feed.name, offer.levels) {
      case ("angel", _):
        return .angelBooks(
          of: feed, offer, url: settings.string(.angelURL), registry: registry, capability: tuned(.angelBooks, settings)
        )
      case ("upstox", _):
        let url = settings.string(.upstoxURL)
        return .upstoxBooks(
          of: feed, offer, url: url.isEmpty ? UpstoxSession.standardURL : url, registry: registry,
          capability: tuned(.upstoxBooks, settings))
      case (_, 20):
        return .dhanBooks(
          of: feed, offer, url: settings.string(.dhanDepth20URL), registry: registry,
          capability: tuned(.dhan20, settings))
      default:
        return .dhanBooks(
          of: feed, offer, url: settings.string(.dhanDepth200URL), registry: registry,
          capability: tuned(.dhan200, settings))
      }
    }
  }
}
