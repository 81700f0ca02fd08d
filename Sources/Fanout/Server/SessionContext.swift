// What a session may ask of the gateway, and the rules it goes by. Made once at start; loop thread only, since the
// subscription index is the loop's.

import JSONText
import Market
import TickRing

/// The part of the gateway that sessions see.
package struct SessionContext {
  /// The bounds of `FanoutConfiguration` that sessions enforce.
  package struct Rules: Sendable {
    package var authTimeoutNanos: Int64
    package var authAttemptsMax: Int
    package var subscriptionsMax: Int
    package var anonymousMessageBytesMax: Int
    package var supportedBrokers: [String]
    /// Entries of one subscribe or unsubscribe request: bounds how long a single message can keep the loop.
    package var entriesMax: Int
    /// Start of the gateway, milliseconds since the Unix epoch: sequences are counted from there.
    package var epochMillis: Int64

    /// A client may name each of its subscriptions twice in a request, which leaves room for those that fail.
    private static let entriesPerSubscription = 2

    package init(_ configuration: FanoutConfiguration, feedNames: [String], epochMillis: Int64) {
      authTimeoutNanos = configuration.authTimeoutNanos
      authAttemptsMax = configuration.authAttemptsMax
      subscriptionsMax = configuration.subscriptionsPerClientMax
      entriesMax = Self.entriesPerSubscription * configuration.subscriptionsPerClientMax
      anonymousMessageBytesMax = configuration.anonymousMessageBytesMax
      supportedBrokers = configuration.supportedBrokers.isEmpty ? feedNames : configuration.supportedBrokers
      self.epochMillis = epochMillis
    }
  }

  package let rules: Rules
  package let registry: InstrumentRegistry
  package let keys: any KeyVerifying
  package let board: FeedBoard
  package let subscriptions: SubscriptionIndex
  let parsing: MessageParsing

  package init(
    rules: Rules, registry: InstrumentRegistry, keys: any KeyVerifying, board: FeedBoard,
    subscriptions: SubscriptionIndex
  ) {
    self.rules = rules
    self.registry = registry
    self.keys = keys
    self.board = board
    self.subscriptions = subscriptions
    parsing = MessageParsing()
  }

  /// The name that replies carry: the first feed's. Nil when no feed is configured.
  var broker: String? { board.names.first }

  /// `adapter_status` of that feed: whether its prices are current.
  var adapterStatus: String { board.state(of: 0).isUsable ? "connected" : "disconnected" }

  /// Nil when the registry does not know it.
  func instrument(_ requested: RequestedInstrument) -> UInt32? {
    if let exchange = requested.exchange.plainBytes, let symbol = requested.symbol.plainBytes {
      return registry.id(exchangeBytes: exchange, symbolBytes: symbol)
    }
    guard let symbol = requested.symbol.string, let code = requested.exchange.string,
      let exchange = Exchange(code: code)
    else { return nil }
    return registry.id(exchange: exchange, symbol: symbol)
  }
}

/// The memory that messages are parsed in, one after the other: one for all sessions of a loop.
final class MessageParsing {
  var reader = JSONReader(limits: JSONLimits(depthMax: 32, nodesMax: 200_000))
}
