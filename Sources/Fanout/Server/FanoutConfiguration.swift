// Every bound and time of the WebSocket server, with its default. Set before start, never changed after it.
// A plain value; any thread.

import Reactor
import WebSocket

/// Settings of the market data server on port 8765.
public struct FanoutConfiguration: Sendable {
  /// Numeric address, or `localhost`.
  public var host = "127.0.0.1"
  /// 0 for any free port.
  public var port: UInt16 = 8765
  /// Encrypts every connection (`wss://`); nil serves plain ones only.
  public var tls: TLSServerContext?
  /// Origins that browsers may connect from; empty lets every origin in. A client without Origin is no browser and
  /// always may.
  public var allowedOrigins: [String] = []
  /// Pins the threads of the loops, in turn, when set.
  public var cpus: [Int] = []
  /// Threads that serve clients, each its own.
  public var loops = 1
  /// Time that a tick may wait for others to share its sends; 0 sends at once.
  public var coalesceNanos: Int64 = 0
  /// The loops never sleep: least latency for a whole core each.
  public var isBusyPolling = false
  /// What the loops perform their I/O with.
  public var backend = BackendKind.auto

  /// Clients connected at a time, those in the handshake included. One more is answered with HTTP 503.
  public var clientsMax = 10_000
  /// The same per remote address. Loopback is exempt: a reverse proxy connects from there for everybody.
  public var connectionsPerAddressMax = 64
  /// (instrument, mode) pairs of one client. One more is refused in its entry of the acknowledgement.
  public var subscriptionsPerClientMax = 5000
  /// Largest message taken from a client; a larger one closes with 1009.
  public var messageBytesMax = 1 << 20
  /// Largest message that is parsed before the client has authenticated.
  public var anonymousMessageBytesMax = 1 << 16

  /// From accept to the end of the upgrade request.
  public var handshakeTimeoutNanos: Int64 = 10_000_000_000
  /// From the upgrade to the first valid key; then 4401.
  public var authTimeoutNanos: Int64 = 15_000_000_000
  /// Wrong keys on one connection; the last one closes with 1008.
  public var authAttemptsMax = 10
  /// 0 turns pings off, and with them the detection of dead peers.
  public var pingIntervalNanos: Int64 = 20_000_000_000
  /// Silence after a ping that closes with 1011.
  public var pongTimeoutNanos: Int64 = 20_000_000_000

  /// What happens to the market data of clients that choose nothing else.
  public var policy = DeliveryPolicy.every
  /// Bytes waiting for a client, and time that the oldest of them has waited, above which it counts as slow: its
  /// market data is conflated, or it is closed, as its policy says.
  public var pendingBytesSoftMax = 1 << 20
  public var pendingAgeSoftNanos: Int64 = 2_000_000_000
  /// The same, above which it is closed with 1008.
  public var pendingBytesHardMax = 8 << 20
  public var pendingAgeHardNanos: Int64 = 30_000_000_000
  /// Outbox memory of all clients together.
  public var outboundBytesMax = 1 << 30
  /// Least time between two messages to a paced client.
  public var pacedIntervalNanos: Int64 = 120_000_000
  /// How long the subscriptions of a paced client that left wait for its return.
  public var pacedRestoreNanos: Int64 = 60_000_000_000
  /// How often clients that asked for the states of the feeds are told them when nothing changes.
  public var feedStatusNanos: Int64 = 10_000_000_000
  /// Ticks taken from the ring per turn of the loop, so that control messages are served under any load.
  public var ticksPerTurnMax = 4096
  /// How long clients may take to read their close frames when the server stops.
  public var stopTimeoutNanos: Int64 = 3_000_000_000

  /// 1 (fast) to 9 (small).
  public var deflateLevel = 1
  /// Clients of one loop whose offer of permessage-deflate is taken; 0 declines all. A message is compressed once for
  /// all of them.
  public var deflateClientsMax = 1000

  /// Answer of `get_supported_brokers`; empty for the names of the feeds.
  public var supportedBrokers: [String] = []

  public init() {}

  public static let loopsMax = 32
  public static let coalesceNanosMax: Int64 = 1_000_000_000

  /// Sockets beyond the clients: connections being refused, and those whose last bytes are on their way.
  static let spareSockets = 1024

  /// A loop's own, nil when compression is declined.
  func makeDeflater() -> PayloadDeflater? {
    guard deflateClientsMax > 0 else { return nil }
    var options = PayloadDeflater.Options()
    options.level = deflateLevel
    return PayloadDeflater(options)
  }

  var loopLimits: LoopLimits {
    var limits = LoopLimits()
    limits.socketsMax = clientsMax + Self.spareSockets
    limits.outboundBytesMax = max(outboundBytesMax / loops, pendingBytesHardMax)
    limits.isBusyPolling = isBusyPolling
    return limits
  }

  /// What is wrong with the settings, nil when they can be used.
  package var problem: String? {
    let counts = [
      ("clientsMax", clientsMax), ("connectionsPerAddressMax", connectionsPerAddressMax),
      ("subscriptionsPerClientMax", subscriptionsPerClientMax), ("messageBytesMax", messageBytesMax),
      ("anonymousMessageBytesMax", anonymousMessageBytesMax), ("authAttemptsMax", authAttemptsMax),
      ("pendingBytesSoftMax", pendingBytesSoftMax), ("ticksPerTurnMax", ticksPerTurnMax),
      ("pacedIntervalNanos", Int(pacedIntervalNanos)),
    ]
    for (name, value) in counts where value < 1 || value > Int(Int32.max) { return "\(name) is out of range: \(value)" }
    let times = [
      ("handshakeTimeoutNanos", handshakeTimeoutNanos), ("authTimeoutNanos", authTimeoutNanos),
      ("pongTimeoutNanos", pongTimeoutNanos), ("stopTimeoutNanos", stopTimeoutNanos),
      ("feedStatusNanos", feedStatusNanos),
    ]
    for (name, value) in times where value < 1 { return "\(name) must be positive: \(value)" }
    if !(1...Self.loopsMax).contains(loops) { return "loops must be 1 to \(Self.loopsMax): \(loops)" }
    if !(0...Self.coalesceNanosMax).contains(coalesceNanos) { return "coalesceNanos is out of range: \(coalesceNanos)" }
    if pendingAgeSoftNanos < 1 || pendingAgeSoftNanos >= pendingAgeHardNanos {
      return "pendingAgeSoftNanos must be positive and below pendingAgeHardNanos"
    }
    if !(1...9).contains(deflateLevel) { return "deflateLevel must be 1 to 9: \(deflateLevel)" }
    if policy == .paced { return "paced is a policy of single clients" }
    if pingIntervalNanos < 0 { return "pingIntervalNanos must not be negative: \(pingIntervalNanos)" }
    if clientsMax > SubscriptionIndex.clientsMax - Self.spareSockets {
      return "clientsMax is above \(SubscriptionIndex.clientsMax - Self.spareSockets)"
    }
    if pendingBytesSoftMax >= pendingBytesHardMax { return "pendingBytesSoftMax must be below pendingBytesHardMax" }
    if outboundBytesMax < pendingBytesHardMax { return "outboundBytesMax must be at least pendingBytesHardMax" }
    return nil
  }
}

/// Why the server cannot start, apart from what the loop reports itself (`LoopError`).
public enum FanoutError: Error, Equatable, CustomStringConvertible {
  case configuration(String)
  case alreadyStarted

  public var description: String {
    switch self {
    case .configuration(let problem): "market data server: \(problem)"
    case .alreadyStarted: "the market data server was started before"
    }
  }
}
