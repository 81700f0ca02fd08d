// One row per client of what ticks touch: flat, trivial, by socket index. Loop thread only.

import Reactor

/// What happens to the market data of a client that does not take it as fast as it comes.
public enum DeliveryPolicy: UInt8, Sendable, CaseIterable, BitwiseCopyable {
  /// Every tick; conflated only while the outbox is over its soft limit.
  case every
  /// Always the newest per instrument and mode: what changed several times while the client was busy comes once.
  case conflate
  /// Every tick or none: over the soft limit the connection is closed with 1008.
  case disconnect
  /// One message at a time with a pause after each, for clients that decode one frame per receive.
  case paced

  public init?(name: String) {
    switch name {
    case "every": self = .every
    case "conflate": self = .conflate
    case "disconnect": self = .disconnect
    case "paced": self = .paced
    default: return nil
    }
  }

  public var name: String {
    switch self {
    case .every: "every"
    case .conflate: "conflate"
    case .disconnect: "disconnect"
    case .paced: "paced"
    }
  }

  /// Nothing is sent directly: ticks are noted, and the newest goes when it is its turn.
  var isAlwaysHeld: Bool { self == .conflate || self == .paced }
}

struct ClientSlot: BitwiseCopyable {
  var generation: UInt32 = 0
  /// Bytes pending above which market data is held back.
  var pendingBytesSoftMax: UInt32 = 0
  var policy = DeliveryPolicy.every
  /// Market data is noted rather than sent.
  var isHeld = false
  /// Stands in the list of clients that are owed something.
  var isListed = false
  /// Is to be closed as too slow at the end of the turn.
  var isCondemned = false
  /// Rows that the walk over the owed ones has still to visit; 0 when none is under way.
  var walkLeft: UInt32 = 0
  /// Rates that the walk under way serves, a bit each; bit 0 is what has no rate of its own.
  var walkMask: UInt8 = 0
  /// Rates that the walk has found something for.
  var walkFound: UInt8 = 0
  /// When the sweep has to look at the client; `.max` for none.
  var lookNanos = Int64.max
  /// When a paced client may get its next message.
  var nextMessageNanos: Int64 = 0
  /// Market data messages handed to the socket.
  var delivered: UInt64 = 0
  /// Values that a newer one replaced before they were sent.
  var conflated: UInt64 = 0

  static let free = ClientSlot()
}
