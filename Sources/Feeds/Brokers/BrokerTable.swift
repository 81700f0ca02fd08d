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
}
