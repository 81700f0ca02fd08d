// What a test needs to know of a simulated broker to serve it with the real feed. Values.

import Feeds
import Market
import Normalize
import Simulator

extension SimulatedBroker {
  var capability: FeedCapability {
    switch self {
    case .kite: .kite
    case .angel: .angel
    case .upstox: .upstox
    case .dhan: .dhan
    }
  }

  func definition(
    _ exchange: SimulatedExchange, _ listings: [FeedListing], instruments: Int, _ capability: FeedCapability,
    name: String? = nil
  ) -> FeedDefinition {
    let name = name ?? self.name
    return switch self {
    case .kite: .kite(name: name, url: exchange.url, listings: listings, capability: capability)
    case .angel:
      .angel(name: name, url: exchange.url, listings: listings, instrumentCount: instruments, capability: capability)
    case .upstox:
      .upstox(name: name, url: exchange.url, listings: listings, instrumentCount: instruments, capability: capability)
    case .dhan:
      .dhan(name: name, url: exchange.url, listings: listings, instrumentCount: instruments, capability: capability)
    }
  }

  /// Books beyond five levels.
  var offers: [DeepOffer] {
    switch self {
    case .kite: []
    case .angel: DeepOffer.angel
    case .upstox: DeepOffer.upstoxPlus
    case .dhan: DeepOffer.dhan
    }
  }

  /// The feeds of these books.
  func books(
    of feed: FeedDefinition, _ exchange: SimulatedExchange, _ registry: InstrumentRegistry,
    _ tune: (inout FeedCapability) -> Void
  ) -> [FeedDefinition] {
    func tuned(_ capability: FeedCapability) -> FeedCapability {
      var capability = capability
      tune(&capability)
      return capability
    }
    return offers.map { offer in
      switch (self, offer.levels) {
      case (.angel, _):
        .angelBooks(of: feed, offer, url: exchange.url, registry: registry, capability: tuned(.angelBooks))
      case (.upstox, _): .upstoxBooks(of: feed, offer, registry: registry, capability: tuned(.upstoxBooks))
      case (_, 20):
        .dhanBooks(
          of: feed, offer, url: exchange.url + "twentydepth", registry: registry, capability: tuned(.dhan20))
      default:
        .dhanBooks(
          of: feed, offer, url: exchange.url + "twohundreddepth", registry: registry, capability: tuned(.dhan200))
      }
    }
  }

  /// The exchange's word for what a wanted mode is asked for as.
  func modeName(_ mode: Mode, isIndex: Bool) -> String {
    switch self {
    case .kite: ["ltp", "quote", "full"][mode.index]
    case .angel: ["ltp", "quote", "snap_quote"][mode.index]
    case .upstox: ["ltpc", "full", "full"][mode.index]
    case .dhan: ["ticker", "quote", isIndex ? "quote" : "full"][mode.index]
    }
  }
}
