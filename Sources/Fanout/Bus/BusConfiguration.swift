// Settings of the bus, and what can go wrong when it starts. Plain values, any thread.

import Glibc
import Market
import TickRing

/// Where and how the bus publishes and takes messages.
public struct BusConfiguration: Sendable {
  /// Bound endpoints of the publishing socket (`tcp://`, `ipc://`).
  public var publish: [String] = ["tcp://127.0.0.1:5556"]
  /// Bound endpoint that other processes publish to; nil: nothing is taken from other processes.
  public var ingest: String?
  /// Messages that wait for one subscriber before the newest are dropped for it.
  public var sendQueueMax: Int32 = 100_000
  /// Messages that wait to be taken from one publisher.
  public var receiveQueueMax: Int32 = 100_000
  /// How long `stop` may wait for what is queued to leave.
  public var lingerMillis: Int32 = 200
  /// How often the states of the feeds are published when nothing changes.
  public var feedStatusNanos: Int64 = 5_000_000_000
  /// Lets endpoints be reachable from other machines and users. The bus has no authentication.
  public var allowsPublicBind = false
  /// CPU of the bus thread; nil: any.
  public var cpu: Int?

  public init() {}
}

/// Where messages from other processes go. Without a target, its kind of message is counted and dropped.
public struct BusIngestTargets: Sendable {
  /// Feed index that the ticks carry: the row of the board that stands for the bus.
  public var feed: UInt8
  /// To the sequencer; the bus is its only producer.
  public var ticks: TickQueue?
  /// Wakes the sequencer.
  public var sequencerWaker: Waker?
  /// Told of order updates of other processes. Must not lead back to the bus.
  public var orderSinks: [any OrderUpdateSink]
  public var cacheInvalidation: (any CacheInvalidationSink)?

  public init(
    feed: UInt8, ticks: TickQueue? = nil, sequencerWaker: Waker? = nil, orderSinks: [any OrderUpdateSink] = [],
    cacheInvalidation: (any CacheInvalidationSink)? = nil
  ) {
    self.feed = feed
    self.ticks = ticks
    self.sequencerWaker = sequencerWaker
    self.orderSinks = orderSinks
    self.cacheInvalidation = cacheInvalidation
  }
}

/// Why the bus does not start. The text names the endpoint and what helps.
public enum BusError: Error, Equatable, CustomStringConvertible {
  /// Not an endpoint that the bus can bind.
  case unsupportedEndpoint(String)
  /// Reachable from other machines or users.
  case publicBindRefused(String)
  case endpointInUse(String)
  /// The path of an `ipc://` endpoint is something else than a socket.
  case pathOccupied(String)
  case bindFailed(endpoint: String, errno: Int32)
  /// A call of the library failed, with its errno.
  case library(call: String, errno: Int32)

  public var description: String {
    switch self {
    case .unsupportedEndpoint(let endpoint):
      "bus endpoint \(endpoint): expected tcp://ADDRESS:PORT, ipc://PATH or inproc://NAME"
    case .publicBindRefused(let endpoint):
      "bus endpoint \(endpoint) could be reached from other machines or users, and the bus has no authentication: "
        + "bind 127.0.0.1 or ipc:// with a path, or allow public binding explicitly"
    case .endpointInUse(let endpoint):
      "bus endpoint \(endpoint) is in use: stop the other process or choose another port"
    case .pathOccupied(let endpoint):
      "bus endpoint \(endpoint): the path exists and is not a socket; remove it or choose another"
    case .bindFailed(let endpoint, let code):
      "bus endpoint \(endpoint) cannot be bound: \(String(cString: strerror(code)))"
    case .library(let call, let code):
      "\(call): \(String(cString: strerror(code)))"
    }
  }
}
