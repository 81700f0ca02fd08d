import Logging
import Market
import Normalize
import Reactor
import TickRing

/// One configured feed: what the loop needs to run it.
public struct FeedDefinition: Sendable {
  /// Name in `feeds.enabled`, in the board and in messages.
  public var name: String
  /// Name by which the credential provider knows the broker.
  public var credentials: String
  /// What the feed calls each instrument that it carries.
  public var listings: [FeedListing]
  public var capability: FeedCapability
  /// What makes it a feed of books beyond five levels; nil for market data.
  public var lane: DeepLane?
  /// Makes the session of one socket, on the feed loop.
  public var makeSession: @Sendable (_ feed: UInt8) -> any FeedSession

  public init(
    name: String, credentials: String? = nil, listings: [FeedListing], capability: FeedCapability,
    lane: DeepLane? = nil, makeSession: @escaping @Sendable (_ feed: UInt8) -> any FeedSession
  ) {
    self.name = name
    self.credentials = credentials ?? name
    self.listings = listings
    self.capability = capability
    self.lane = lane
    self.makeSession = makeSession
  }
}

/// Settings of the feed loop.
public struct FeedConfiguration: Sendable {
  /// How long an unwanted subscription is kept upstream.
  public var lingerNanos: Int64 = 30_000_000_000
  /// Largest message of a broker: a pulse of 3,000 full packets has 558 kB.
  public var messageBytesMax = 8 << 20
  /// Seed of the reconnect jitter.
  public var seed: UInt64 = 1
  public var cpu: Int?
  public var backend = BackendKind.auto
  /// Whom wss:// addresses must prove themselves to; nil refuses them.
  public var tls: TLSClientContext?
  /// Where two feeds carry the same instrument.
  public var sharing = FeedSharing.failover
  /// How long a feed is down before another takes over, and up before it takes its instruments back.
  public var failoverNanos: Int64 = 3_000_000_000
  public var returnNanos: Int64 = 30_000_000_000

  public init() {}
}

/// What a link needs beside its definition.
struct FeedSurroundings {
  let configuration: FeedConfiguration
  let board: FeedBoard
  let credentials: any CredentialProvider
  let calendar: SessionCalendar
  let clock: any WallClock
  /// By instrument.
  let exchanges: [Exchange]
  let lastValues: LastValueTable
  let upstream: UpstreamStates
  let deep: DeepSymbols
  let lanes: DeepLanes
  /// Brings an answer back to the loop.
  let send: @Sendable (FeedMessage) -> Void
}
