import Market
import Normalize

/// What a frame of the broker meant beyond its ticks.
public enum FeedNotice: Sendable, Equatable {
  /// Market data: this many ticks and books went to the sequencer.
  case ticks(Int)
  case heartbeat
  /// The broker's own words, e.g. about the market's state.
  case message(String)
  /// The broker refuses something, but goes on.
  case error(String)
  /// The broker ends the connection and says why.
  case disconnect(FeedReason, String)
  /// Order event of the account, JSON text.
  case order([UInt8])
  /// Something that has no meaning for us.
  case ignored
}

/// What a session has to send.
public enum FeedFrame: Sendable, Equatable {
  case text([UInt8])
  case binary([UInt8])
}

/// One protocol family on one socket: how to connect, what to say, how to read. Owned by one link, used on the feed
/// loop only. A call per frame goes through this interface; ticks do not.
public protocol FeedSession: AnyObject {
  /// Where to connect, and what the upgrade carries.
  func endpoint(_ access: FeedAccess) throws(FeedEndpoint.Invalid) -> FeedEndpoint
  /// A new connection: nothing of the last one is known any more.
  func reset()
  /// The frames that say a message of the planner, mostly one.
  func frames(for message: ShardPlanner.Message) -> [FeedFrame]
  /// What to send every ping interval beside a WebSocket ping; nil for nothing.
  var heartbeat: FeedFrame? { get }
  func onBinary(_ frame: UnsafeRawBufferPointer, receivedNanos: Int64, _ sink: inout TickSink) -> FeedNotice
  func onText(_ frame: UnsafeRawBufferPointer) -> FeedNotice
  /// What its decoder has seen so far.
  var counters: DecodeCounters { get }
}

extension FeedSession {
  public func reset() {}
  public var heartbeat: FeedFrame? { nil }
}
