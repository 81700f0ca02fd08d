/// When a feed counts as quiet, stale or dead. Nanoseconds.
public struct FeedTimeouts: Sendable {
  /// From the attempt to the open WebSocket.
  public var openNanos: Int64 = 10_000_000_000
  /// Without any byte, heartbeats and the answers to our pings included: the connection is dead. More than two ping
  /// intervals, or the last ping would have no time to be answered.
  public var silenceNanos: Int64 = 15_000_000_000
  /// Without market data: the feed is quiet, which is no fault by itself.
  public var quietNanos: Int64 = 5_000_000_000
  /// Without market data inside session hours, although the feed has a rhythm: the feed is stale.
  public var staleNanos: Int64 = 10_000_000_000
  /// The same for a feed that has not shown a rhythm yet, or whose instruments hardly trade.
  public var staleMaxNanos: Int64 = 120_000_000_000
  /// From stale to the new connection: what is noted must be seen by others too.
  public var staleGraceNanos: Int64 = 500_000_000
  /// Windows over which the rate is measured; a pulse every 250 ms is a steady rate.
  public var rateWindowNanos: Int64 = 10_000_000_000
  /// How long a connection must have been up before the waiting times begin anew.
  public var provenNanos: Int64 = 30_000_000_000
  /// Between two looks at the credentials after a refused login.
  public var credentialsNanos: Int64 = 2_000_000_000
  /// Least wait after the broker said that there were too many attempts.
  public var limitNanos: Int64 = 30_000_000_000
  /// Least wait outside session hours.
  public var nightNanos: Int64 = 30_000_000_000
  /// A socket that carries nothing is closed after this long, unless it is the only one.
  public var idleNanos: Int64 = 30_000_000_000
  /// An instrument that has been subscribed and silent for so long, on a feed that lives, is reported.
  public var symbolNanos: Int64 = 60_000_000_000

  public init() {}
}
