// Where the parts of the gateway meet without importing one another. Everything here may be called from any thread
// and never blocks its caller.

/// A change of what one consumer wants of one instrument: +1 for the first interest in a mode, -1 when it ends.
public struct Want: Sendable, Equatable {
  public var instrument: UInt32
  public var mode: Mode
  public var delta: Int8

  public init(_ instrument: UInt32, _ mode: Mode, delta: Int8) {
    self.instrument = instrument
    self.mode = mode
    self.delta = delta
  }
}

/// Takes the wants of all consumers (clients, bus, REST reads, resting orders) and turns their union into upstream
/// subscriptions. Each caller balances its own +1 and -1.
public protocol WantedSubscriptions: Sendable {
  func apply(_ wants: [Want])
}

/// Who a key belongs to.
public struct Principal: Sendable, Hashable {
  public let userID: String
  /// Row of the key, to find the connections to close when it is revoked.
  public let keyID: Int64

  public init(userID: String, keyID: Int64) {
    self.userID = userID
    self.keyID = keyID
  }
}

/// Checks API keys against memory: a hash and a look-up, no disk, no waiting.
public protocol KeyVerifying: Sendable {
  func principal(forKey key: String) -> Principal?
}

/// Told when a key stops being valid, so that what was opened with it is closed.
public protocol KeyRevocationListener: Sendable {
  func keyRevoked(keyID: Int64)
}

/// An order event as clients get it: the JSON object of `docs/websocket.md` §9, rendered once for all receivers.
public struct OrderUpdate: Sendable {
  public let userID: String
  /// Bus topic, e.g. `ANALYZE_asha_orders`.
  public let topic: String
  public let json: [UInt8]

  public init(userID: String, topic: String, json: [UInt8]) {
    self.userID = userID
    self.topic = topic
    self.json = json
  }
}

/// Receives order events after they are durable, in order.
public protocol OrderUpdateSink: Sendable {
  func publish(_ update: OrderUpdate)
}

/// What another process tells on the bus: drop what is cached about a user's broker session.
public enum CacheScope: String, Sendable { case auth = "AUTH", feed = "FEED", all = "ALL" }

public protocol CacheInvalidationSink: Sendable {
  func invalidate(userID: String, scope: CacheScope)
}
