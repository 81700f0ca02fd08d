// When to ping and when to give up, as a value: time comes in, a decision goes out.
// Owned by the thread that owns the connection; nothing allocates.

/// Decides about pings of an open connection. Every inbound byte counts as life, not only pongs: a peer that streams
/// data but answers pings late is not dead.
public struct Keepalive: Sendable, BitwiseCopyable {
  /// Ping every 20 s, give up after 20 s of silence: what OpenAlgo's clients are used to.
  public static let standardPingIntervalNanos: Int64 = 20_000_000_000
  public static let standardPongTimeoutNanos: Int64 = 20_000_000_000

  /// What the owner of the connection has to do after a sweep.
  public enum Action: Sendable, BitwiseCopyable {
    case none
    /// Send a ping whose four payload bytes are `payload` in any fixed byte order; it differs from ping to ping.
    case sendPing(payload: UInt32)
    /// Close with 1011. Returned again by later sweeps.
    case timedOut
  }

  private let pingIntervalNanos: Int64
  private let pongTimeoutNanos: Int64
  private var nextPingNanos: Int64
  /// When the oldest ping that nothing followed was sent.
  private var waitingSinceNanos: Int64?
  private var pingsSent: UInt32 = 0

  /// - Parameters:
  ///   - pingIntervalNanos: 0 turns pings off, and with them the time-out.
  ///   - nowNanos: monotonic time at which the connection opened.
  public init(
    pingIntervalNanos: Int64 = standardPingIntervalNanos, pongTimeoutNanos: Int64 = standardPongTimeoutNanos,
    nowNanos: Int64
  ) {
    precondition(pingIntervalNanos >= 0 && pongTimeoutNanos > 0)
    self.pingIntervalNanos = pingIntervalNanos
    self.pongTimeoutNanos = pongTimeoutNanos
    nextPingNanos = nowNanos &+ pingIntervalNanos
  }

  /// Bytes arrived, whatever they were.
  public mutating func onReceive() { waitingSinceNanos = nil }

  /// The loop's periodic look at the connection.
  public mutating func onSweep(nowNanos: Int64) -> Action {
    if let since = waitingSinceNanos, nowNanos &- since >= pongTimeoutNanos { return .timedOut }
    guard pingIntervalNanos > 0, nowNanos >= nextPingNanos else { return .none }
    // Counted from now, not from when it was due: after a stall one ping is enough.
    nextPingNanos = nowNanos &+ pingIntervalNanos
    if waitingSinceNanos == nil { waitingSinceNanos = nowNanos }
    pingsSent &+= 1
    return .sendPing(payload: pingsSent)
  }
}
