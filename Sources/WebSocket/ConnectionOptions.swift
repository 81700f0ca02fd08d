// Limits and habits of one connection.
// A plain value, set before the connection exists.

/// How a `WebSocketConnection` behaves.
public struct ConnectionOptions: Sendable, BitwiseCopyable {
  /// Which side we are.
  public let role: Role

  /// Largest message taken; a larger one ends the connection with 1009. A compressed message has to keep to it both as
  /// it comes and decompressed.
  public var messageBytesMax = 1 << 20

  /// Most frames one message may consist of; one more ends the connection with 1008. It bounds the work that empty
  /// fragments can cause, which the size limit does not see.
  public var fragmentsMax = 65_536

  /// A reassembly buffer up to this size is kept for the next frame in pieces; a larger one is freed when its message
  /// was delivered. Servers keep none, since they hold many idle connections; clients receive streams and keep one.
  public var bufferBytesRetained: Int

  /// Server only: recognise pings that announce four bytes and bring none (see `TruncatedPing`). Off where compression
  /// was agreed to: clients with such pings offer no extension.
  public var toleratesTruncatedPing: Bool

  /// Server only: the peer is known to send such pings (`UpgradeRequest.isPacedClientCandidate`), so that already the
  /// first one is answered as an empty ping. Has no effect unless they are tolerated.
  public var expectsTruncatedPing = false

  /// The defaults of a role.
  public init(role: Role) {
    self.role = role
    bufferBytesRetained = role == .server ? 0 : 1 << 16
    toleratesTruncatedPing = role == .server
  }
}
