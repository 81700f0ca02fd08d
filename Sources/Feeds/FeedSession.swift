import Market
import TickRing

/// What a frame of the broker meant beyond its ticks.
public enum FeedNotice: Sendable, Equatable {
  /// Market data: this many ticks went to the sequencer.
  case ticks(Int)
  case heartbeat
  /// The broker's own words, e.g. a refused subscription.
  case message(String)
  case error(String)
  /// Order event of the account, JSON text.
  case order([UInt8])
  /// Something that has no meaning for us.
  case ignored
}

/// One protocol family: how to connect, what to say, how to read. Owned by one link, used on the feed loop only. A
/// call per frame goes through this interface; ticks do not.
public protocol FeedSession: AnyObject {
  /// Tokens that one connection may carry.
  var capacity: Int { get }
  func endpoint(_ credentials: FeedCredentials) throws(FeedEndpoint.Invalid) -> FeedEndpoint
  /// Text frames that bring about a difference, in sending order.
  func frames(for difference: SubscriptionPlan.Difference) -> [[UInt8]]
  func onBinary(_ frame: UnsafeRawBufferPointer, receivedNanos: Int64, _ sequencer: inout TickSequencer) -> FeedNotice
  func onText(_ frame: UnsafeRawBufferPointer) -> FeedNotice
}
