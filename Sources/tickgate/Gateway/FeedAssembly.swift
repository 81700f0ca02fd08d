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

  struct Failure: Error, CustomStringConvertible { let description: String }

  /// Name of the feed of ticks that other processes publish on the bus.
  static let busFeed = "bus"

  init(_ settings: Settings, backend: BackendKind, clock: any WallClock, log: Logger) throws {
    let names = settings.strings(.feedsEnabled)
    guard !names.isEmpty else { throw Failure(description: "feeds.enabled is empty: name at least one feed, e.g. sim") }
    var sources: [(name: String, url: String, master: KiteMaster)] = []
    var keys: [String: FeedCredentials] = [:]
    var exchange: SimulatedExchange?
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
        let master = try Self.zerodhaMaster(settings, today: ISTTime(epochNanos: clock.nowNanos()).day, log: log)
        sources.append((name, settings.string(.zerodhaURL), master))
      default: throw Failure(description: "feeds.enabled: there is no feed '\(name)'")
      }
    }
    let registry = InstrumentRegistry(sources.lazy.flatMap { $0.master.instruments })
    self.registry = registry
    self.exchange = exchange
    definitions = sources.map { source in
      .kite(name: source.name, url: source.url, listings: Self.listings(source.master, registry))
    }
    credentials = StaticCredentials(keys)
    calendar = names == ["sim"] ? .alwaysOpen : .india
  }

  private static func listings(_ master: KiteMaster, _ registry: InstrumentRegistry) -> [FeedListing] {
    zip(master.instruments, master.tokens).compactMap { instrument, token in
      registry.id(instrument.key).map { FeedListing(instrument: $0, token: String(token)) }
    }
  }

  private static func zerodhaCredentials(_ settings: Settings) -> FeedCredentials? {
    let (key, token) = (settings.string(.zerodhaAPIKey), settings.string(.zerodhaAccessToken))
    return key.isEmpty || token.isEmpty ? nil : FeedCredentials(apiKey: key, accessToken: token)
  }

  private static func zerodhaMaster(_ settings: Settings, today: Int32, log: Logger) throws -> KiteMaster {
    let path = settings.string(.zerodhaInstruments)
    guard !path.isEmpty else {
      throw Failure(
        description:
          "feeds.zerodha.instruments is not set: download https://api.kite.trade/instruments and name the file")
    }
    do {
      let master = try KiteInstruments.parse(try FileSystem.read(path), today: today)
      for (reason, count) in master.skipped.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
        log.info("\(path): \(count) rows left out: \(reason.rawValue)")
      }
      for problem in master.problems { log.warning("\(path): line \(problem.line): \(problem.reason.rawValue)") }
      return master
    } catch let error as KiteInstrumentsError {
      throw Failure(description: "\(path): \(error)")
    }
  }
}
