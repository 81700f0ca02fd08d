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
}
