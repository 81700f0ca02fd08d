// What is known about one client, for whoever runs the gateway (`tickgate clients`).

/// A connection as it is now. A plain value; any thread.
public struct ClientReport: Sendable, Equatable {
  /// Loop and place in it: names the connection as long as it lives.
  public var id: String
  public var address: String
  /// Nil before a valid key was shown.
  public var userID: String?
  public var userAgent: String?
  public var policy: DeliveryPolicy
  /// `json`, `json+deflate` or `binary`.
  public var format: String
  /// Subscribed (instrument, mode) pairs.
  public var subscriptions: Int
  /// Market data messages handed to the socket.
  public var delivered: UInt64
  /// Values that a newer one replaced before they were sent.
  public var conflated: UInt64
  /// Values that are noted but not sent yet.
  public var owed: Int
  public var pendingBytes: Int
  /// Least time that the oldest of those bytes has waited.
  public var pendingAgeNanos: Int64
  /// Gets the newest values only, since it does not keep up or asked for it.
  public var isHeld: Bool
  public var connectedSeconds: Int64
}
