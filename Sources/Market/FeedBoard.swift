import Synchronization

/// Life of one broker feed (`ARCHITECTURE.md`, feed supervisor).
public enum FeedState: UInt8, Sendable {
  case connecting, authenticating, subscribing, live, quiet, stale, reconnecting, authFailed, closed

  /// Prices of this feed are current: orders may fill on them.
  public var isUsable: Bool { self == .live || self == .quiet }
}

/// State of every feed, written by the feed loop, read by anyone. A tick that was received before `liveSince` of its
/// feed comes from an earlier connection and must not fill an order.
public final class FeedBoard: Sendable {
  public static let capacity = 64

  private final class Row: Sendable {
    let state = Atomic<UInt8>(FeedState.closed.rawValue)
    let liveSince = Atomic<Int64>(.max)
    let lastPayload = Atomic<Int64>(0)
    let reconnects = Atomic<UInt64>(0)
  }

  /// Names of the feeds; the index is the `feed` of a tick.
  public let names: [String]
  private let rows: [Row]

  public init(names: [String]) {
    precondition(names.count <= Self.capacity, "at most \(Self.capacity) feeds")
    self.names = names
    rows = names.map { _ in Row() }
  }

  public func state(of feed: Int) -> FeedState {
    FeedState(rawValue: rows[feed].state.load(ordering: .acquiring)) ?? .closed
  }

  /// Nanoseconds since the epoch; `.max` while the feed is not up.
  public func liveSince(of feed: Int) -> Int64 { rows[feed].liveSince.load(ordering: .acquiring) }
  public func lastPayload(of feed: Int) -> Int64 { rows[feed].lastPayload.load(ordering: .relaxed) }
  public func reconnects(of feed: Int) -> UInt64 { rows[feed].reconnects.load(ordering: .relaxed) }

  /// Feed loop only.
  public func set(_ state: FeedState, of feed: Int, now: Int64) {
    let wasUsable = self.state(of: feed).isUsable
    if state.isUsable != wasUsable {
      rows[feed].liveSince.store(state.isUsable ? now : .max, ordering: .releasing)
    }
    if state == .reconnecting { rows[feed].reconnects.add(1, ordering: .relaxed) }
    rows[feed].state.store(state.rawValue, ordering: .releasing)
  }

  /// Feed loop only, once per batch of payload.
  public func touch(_ feed: Int, now: Int64) { rows[feed].lastPayload.store(now, ordering: .relaxed) }
}
