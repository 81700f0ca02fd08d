// What each broker allows, as its documentation and its published client say (docs/brokers). Data: nothing else in this
// target knows a broker's numbers.

import Market
import Normalize

extension FeedCapability {
  /// Zerodha: 3,000 instruments a connection, three connections per API key. The message size is not documented and
  /// kept moderate.
  public static var kite: FeedCapability {
    FeedCapability(
      limits: SocketLimits(total: 3000), socketsMax: 3, instrumentsPerMessage: 500, messagesPerSecond: 10,
      modeChange: .modeMessage(initial: .quote))
  }

  /// Angel One: 1,000 subscriptions a connection, three connections per client code. An instrument in two modes counts
  /// twice, which happens only while one mode replaces the other.
  public static var angel: FeedCapability {
    FeedCapability(
      limits: SocketLimits(total: 1000), socketsMax: 3, instrumentsPerMessage: 200, messagesPerSecond: 5,
      modeChange: .subscribeThenUnsubscribe)
  }

  /// Upstox: two connections per user; what one carries depends on the modes in use. Quote and depth are one packet.
  public static var upstox: FeedCapability {
    var capability = FeedCapability(
      limits: SocketLimits(total: 5000, alone: [5000, 2000, 2000], mixed: [2000, 1500, 1500]), socketsMax: 2,
      instrumentsPerMessage: 200, messagesPerSecond: 10, modeChange: .changeMessage)
    capability.modeOnWire = [.ltp, .depth, .depth]
    return capability
  }

  /// Dhan: 5,000 instruments a connection, 100 a message, five connections per user; indices have no full packet. The
  /// server pings every 10 s.
  public static var dhan: FeedCapability {
    var capability = FeedCapability(
      limits: SocketLimits(total: 5000), socketsMax: 5, instrumentsPerMessage: 100, messagesPerSecond: 10,
      modeChange: .unsubscribeThenSubscribe)
    capability.indexModeMax = .quote
    return capability
  }
}

// Books beyond five levels. Their sockets are opened when somebody wants one.
extension FeedCapability {
  private static func books(perSocket: Int, socketsMax: Int, messagesPerSecond: Int) -> FeedCapability {
    var capability = FeedCapability(
      limits: SocketLimits(total: perSocket), socketsMax: socketsMax, instrumentsPerMessage: perSocket,
      messagesPerSecond: messagesPerSecond, modeChange: .unsubscribeThenSubscribe)
    capability.modeOnWire = [.depth, .depth, .depth]
    capability.isOpenWhenIdle = false
    return capability
  }

  /// Angel One: 50 instruments of NSE's cash market, on one of the connections of the account.
  public static var angelBooks: FeedCapability { books(perSocket: 50, socketsMax: 1, messagesPerSecond: 5) }

  /// Upstox, Plus plan: 50 keys, on one of the five connections of that plan.
  public static var upstoxBooks: FeedCapability { books(perSocket: 50, socketsMax: 1, messagesPerSecond: 10) }

  /// Dhan, 20 levels: 50 instruments a connection. Whether the five connections of a user are counted per kind is not
  /// documented; three are kept moderate.
  public static var dhan20: FeedCapability { books(perSocket: 50, socketsMax: 3, messagesPerSecond: 10) }

  /// Dhan, 200 levels: one instrument a connection.
  public static var dhan200: FeedCapability { books(perSocket: 1, socketsMax: 3, messagesPerSecond: 10) }

  /// Upstox with the Plus plan: five connections per user.
  public static var upstoxPlus: FeedCapability {
    var capability = upstox
    capability.socketsMax = 5
    return capability
  }
}

extension DeepOffer {
  /// What a broker sells beyond five levels, and on which exchanges.
  public static let angel = [DeepOffer(levels: 20, exchanges: [.nse])]
  public static let dhan = [
    DeepOffer(levels: 20, exchanges: [.nse, .nfo]), DeepOffer(levels: 200, exchanges: [.nse, .nfo]),
  ]
  public static let upstoxPlus = [DeepOffer(levels: 30, exchanges: [.nse, .bse, .nfo, .bfo, .cds, .bcd, .mcx])]

  /// What a feed lists on these exchanges.
  func listings(of feed: FeedDefinition, in registry: InstrumentRegistry) -> [FeedListing] {
    feed.listings.filter { exchanges.contains(registry[$0.instrument].exchange) }
  }
}

extension FeedDefinition {
  /// A feed that speaks Zerodha's ticker protocol, the simulated exchange included.
  public static func kite(
    name: String, url: String, listings: [FeedListing], capability: FeedCapability = .kite
  ) -> FeedDefinition {
    let (names, tokens) = (ListingTable(listings), TokenMap(listings, withSegment: false))
    return FeedDefinition(name: name, listings: listings, capability: capability) {
      KiteSession(url: url, names: names, tokens: tokens, feed: $0)
    }
  }

  public static func angel(
    name: String = "angel", url: String = SmartStreamSession.standardURL, listings: [FeedListing],
    instrumentCount: Int, capability: FeedCapability = .angel
  ) -> FeedDefinition {
    let (names, tokens) = (ListingTable(listings), TokenMap(listings, withSegment: true))
    return FeedDefinition(name: name, listings: listings, capability: capability) {
      SmartStreamSession(url: url, names: names, tokens: tokens, feed: $0, instrumentCount: instrumentCount)
    }
  }

  public static func upstox(
    name: String = "upstox", url: String = UpstoxSession.standardURL, listings: [FeedListing], instrumentCount: Int,
    capability: FeedCapability = .upstox
  ) -> FeedDefinition {
    let (names, keys) = (ListingTable(listings), TextTokenMap(listings))
    return FeedDefinition(name: name, listings: listings, capability: capability) {
      UpstoxSession(url: url, names: names, keys: keys, feed: $0, instrumentCount: instrumentCount)
    }
  }

  public static func dhan(
    name: String = "dhan", url: String = DhanSession.standardURL, listings: [FeedListing], instrumentCount: Int,
    capability: FeedCapability = .dhan
  ) -> FeedDefinition {
    let (names, tokens) = (ListingTable(listings), TokenMap(listings, withSegment: true))
    return FeedDefinition(name: name, listings: listings, capability: capability) {
      DhanSession(url: url, names: names, tokens: tokens, feed: $0, instrumentCount: instrumentCount)
    }
  }

  /// What stands beside a feed of market data for its books.
  /// - Parameter listings: of the feed, on the exchanges of the offer.
  private static func books(
    of feed: FeedDefinition, _ offer: DeepOffer, _ listings: [FeedListing], capability: FeedCapability,
    socketsShared: Int? = nil, makeSession: @escaping @Sendable (_ feed: UInt8) -> any FeedSession
  ) -> FeedDefinition {
    FeedDefinition(
      name: "\(feed.name)-depth\(offer.levels)", credentials: feed.credentials, listings: listings,
      capability: capability,
      lane: DeepLane(levels: offer.levels, parent: feed.name, socketsShared: socketsShared), makeSession: makeSession)
  }

  /// Angel's books, on one of the connections of `feed`.
  public static func angelBooks(
    of feed: FeedDefinition, _ offer: DeepOffer, url: String = SmartStreamSession.standardURL,
    registry: InstrumentRegistry, capability: FeedCapability = .angelBooks
  ) -> FeedDefinition {
    let (listings, count) = (offer.listings(of: feed, in: registry), registry.count)
    let (names, tokens) = (ListingTable(listings), TokenMap(listings, withSegment: true))
    return books(of: feed, offer, listings, capability: capability, socketsShared: feed.capability.socketsMax) {
      SmartStreamSession(
        url: url, names: names, tokens: tokens, feed: $0, instrumentCount: count, wantsBooks: true)
    }
  }

  /// Upstox's books, on one of the connections of `feed`.
  public static func upstoxBooks(
    of feed: FeedDefinition, _ offer: DeepOffer, url: String = UpstoxSession.standardURL, registry: InstrumentRegistry,
    capability: FeedCapability = .upstoxBooks
  ) -> FeedDefinition {
    let (listings, count) = (offer.listings(of: feed, in: registry), registry.count)
    let (names, keys) = (ListingTable(listings), TextTokenMap(listings))
    return books(of: feed, offer, listings, capability: capability, socketsShared: feed.capability.socketsMax) {
      UpstoxSession(url: url, names: names, keys: keys, feed: $0, instrumentCount: count, wantsBooks: true)
    }
  }

  /// Dhan's books of 20 or 200 levels.
  public static func dhanBooks(
    of feed: FeedDefinition, _ offer: DeepOffer, url: String, registry: InstrumentRegistry, capability: FeedCapability
  ) -> FeedDefinition {
    let (listings, count) = (offer.listings(of: feed, in: registry), registry.count)
    let (names, tokens) = (ListingTable(listings), TokenMap(listings, withSegment: true))
    let connection: DhanConnection = offer.levels == 20 ? .depth20 : .depth200
    return books(of: feed, offer, listings, capability: capability) {
      DhanDepthSession(url: url, levels: connection, names: names, tokens: tokens, feed: $0, instrumentCount: count)
    }
  }
}
