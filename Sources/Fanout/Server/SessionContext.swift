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
  let upstream: UpstreamStates
  package let subscriptions: SubscriptionIndex
  let parsing: MessageParsing

  package init(
    rules: Rules, registry: InstrumentRegistry, keys: any KeyVerifying, board: FeedBoard, upstream: UpstreamStates,
    subscriptions: SubscriptionIndex
  ) {
    self.rules = rules
    self.registry = registry
    self.keys = keys
    self.board = board
    self.upstream = upstream
    self.subscriptions = subscriptions
    parsing = MessageParsing()
  }

  /// The name that replies carry: the first feed's. Nil when no feed is configured.
  var broker: String? { board.names.first }

  /// `adapter_status` of that feed: whether its prices are current.
  var adapterStatus: String { board.state(of: 0).isUsable ? "connected" : "disconnected" }

  /// How every feed is, a message each.
  func feedStatuses(wallNanos: Int64) -> [[UInt8]] {
    board.names.indices.filter { !board.isUnneeded($0) }.map {
      FeedStatusText.encode(board.status(of: $0), wallNanos: wallNanos)
    }
  }

  /// Nil when the registry does not know it.
  /// - Parameter makes: whether a book that was never named gets an id.
  func instrument(_ requested: RequestedInstrument, makes: Bool = false) -> UInt32? {
    if let exchange = requested.exchange.plainBytes, let symbol = requested.symbol.plainBytes {
      return registry.streamID(exchangeBytes: exchange, symbolBytes: symbol, makes: makes)
    }
    guard let symbol = requested.symbol.string, let code = requested.exchange.string,
      let exchange = Exchange(code: code)
    else { return nil }
    return registry.streamID(exchange: exchange, symbol: symbol, makes: makes)
  }

  // MARK: Binary stream

  /// The first records of a connection: the hello, and the names of all feeds.
  package func openingRecords(wallNanos: Int64) -> [UInt8] {
    let bytes = BinaryLayout.Hello.bytes + board.names.reduce(0) { $0 + (BinaryEncoder.feedBytes($1) ?? 0) }
    return [UInt8](unsafeUninitializedCapacity: bytes) { buffer, count in
      guard let base = UnsafeMutableRawPointer(buffer.baseAddress) else { return }
      count = BinaryEncoder.encodeHello(
        epochMillis: UInt64(clamping: rules.epochMillis), gatewayTime: wallNanos, into: base)
      for (feed, name) in board.names.enumerated() {
        count += BinaryEncoder.encodeFeed(index: UInt8(feed), name: name, into: base + count)
      }
    }
  }

  /// Adds the definition of an instrument.
  func define(_ instrument: UInt32, in records: inout [UInt8]) {
    let row = registry[instrument]
    guard let bytes = BinaryEncoder.instrumentBytes(row) else { return }
    records += [UInt8](unsafeUninitializedCapacity: bytes) { buffer, count in
      guard let base = UnsafeMutableRawPointer(buffer.baseAddress) else { return }
      count = BinaryEncoder.encodeInstrument(id: instrument, row, into: base)
    }
  }
}

/// The memory that messages are parsed in, one after the other: one for all sessions of a loop.
final class MessageParsing {
  var reader = JSONReader(limits: JSONLimits(depthMax: 32, nodesMax: 200_000))
}
