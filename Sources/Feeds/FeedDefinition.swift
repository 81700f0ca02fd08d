import Market
import Normalize
import Reactor

/// One configured feed: what the loop needs to run it.
public struct FeedDefinition: Sendable {
  /// Name in `feeds.enabled`, in the board and in messages.
  public var name: String
  /// Broker token of each instrument that the feed carries.
  public var tokens: [TokenMap.Entry]
  /// Makes the session of the feed's protocol family, on the feed loop.
  public var makeSession: @Sendable (_ feed: UInt8, _ tokens: TokenMap) -> any FeedSession
  public var timeouts: FeedTimeouts

  public init(
    name: String, tokens: [TokenMap.Entry], timeouts: FeedTimeouts = FeedTimeouts(),
    makeSession: @escaping @Sendable (_ feed: UInt8, _ tokens: TokenMap) -> any FeedSession
  ) {
    self.name = name
    self.tokens = tokens
    self.timeouts = timeouts
    self.makeSession = makeSession
  }

  /// A feed that speaks Zerodha's ticker protocol, the simulated exchange included.
  public static func kite(name: String, url: String, tokens: [TokenMap.Entry]) -> FeedDefinition {
    FeedDefinition(name: name, tokens: tokens) { feed, map in KiteSession(url: url, tokens: map, feed: feed) }
  }
}

/// Settings of the feed loop.
public struct FeedConfiguration: Sendable {
  /// How long an unwanted subscription is kept upstream.
  public var lingerNanos: Int64 = 30_000_000_000
  /// Largest message of a broker: a pulse of 3,000 full packets has 558 kB.
  public var messageBytesMax = 8 << 20
  /// Pings on our side, and how long any byte may stay away after one.
  public var pingNanos: Int64 = 10_000_000_000
  public var pongNanos: Int64 = 10_000_000_000
  /// Seed of the reconnect jitter.
  public var seed: UInt64 = 1
  public var cpu: Int?
  public var backend = BackendKind.auto

  public init() {}
}
