// What can go wrong on purpose. Values; any thread.

/// A way in which a simulated exchange fails.
///
/// Without a duration, what concerns connections (`mute`, `dead`, `dropHalf`) concerns those that are open when it
/// begins, so that a reconnection heals it; what concerns the exchange (`refuse`, `expire`, `collapse`, `slowTLS`,
/// `badHeartbeat`) lasts until the faults are cleared; the rest happens once. With a duration, all connections are
/// concerned while it lasts, and what happens once is repeated every second.
public struct Fault: Sendable, Equatable {
  public enum Kind: Sendable, Equatable {
    /// Nobody gets in, as if the credentials were wrong.
    case refuse
    /// The tokens used until now are dead: connections end in the broker's way, and reconnections with the same token
    /// are refused. `SimulatedExchange.rotateToken(to:)`, or a login, gives a new one.
    case expire
    /// No market data, but heartbeats, pings and replies go on.
    case mute
    /// Nothing at all is sent; TCP stays up.
    case dead
    /// Every other instrument is left out.
    case dropHalf
    /// Of the ticks only so many percent are left, 1...99.
    case collapse(percent: Int)
    /// One frame that makes no sense.
    case garbage
    /// Half a frame, then the end of the connection.
    case halfFrame
    /// The connection is reset.
    case reset
    /// New connections wait for so long before anything is answered, the TLS handshake included.
    case slowTLS(delayNanos: Int64)
    /// The next attempts to connect are answered with 429.
    case limit429(attempts: Int)
    /// The heartbeat is not what it should be; one comes at once.
    case badHeartbeat
  }

  public var kind: Kind
  /// How long it lasts; see above for nil.
  public var durationNanos: Int64?

  public init(_ kind: Kind, durationNanos: Int64? = nil) {
    self.kind = kind
    self.durationNanos = durationNanos
  }

  /// Concerns the connections that are open when it begins, and no others.
  var isForOpenConnections: Bool {
    switch kind {
    case .mute, .dead, .dropHalf: durationNanos == nil
    default: false
    }
  }

  /// Names in the text form of a plan.
  public static let kindNames = [
    "refuse", "expire", "mute", "dead", "drophalf", "collapse", "garbage", "halfframe", "rst", "slowtls", "limit429",
    "badheartbeat",
  ]
}

extension Fault.Kind {
  /// Happens at a moment, and not over a time.
  var isMomentary: Bool {
    switch self {
    case .expire, .garbage, .halfFrame, .reset, .limit429: true
    case .refuse, .mute, .dead, .dropHalf, .collapse, .slowTLS, .badHeartbeat: false
    }
  }
}
