// Which feeds there is something to tell of: those whose state or reason is another than when it was last told, and all
// of them once per heartbeat. A value without clock, owned by one loop; what does not change costs one look at the
// board's version.

import Market

package struct FeedStatusWatch: Sendable {
  private struct Told: Equatable {
    var state: FeedState
    var reason: FeedReason

    init(_ status: FeedStatus) {
      state = status.state
      reason = status.reason
    }
  }

  /// A feed by its index, and what it is now.
  package struct News: Sendable, Equatable {
    package let feed: Int
    package let status: FeedStatus
  }

  private let board: FeedBoard
  private let heartbeatNanos: Int64
  private var version: UInt64
  private var told: [Told]
  private var heartbeatDueNanos: Int64

  /// What the board says now counts as told.
  /// - Parameter nowNanos: monotonic.
  package init(_ board: FeedBoard, heartbeatNanos: Int64, nowNanos: Int64) {
    self.board = board
    self.heartbeatNanos = heartbeatNanos
    // Before the states: a change in between is seen twice rather than not at all.
    version = board.version
    told = board.names.indices.map { Told(board.status(of: $0)) }
    heartbeatDueNanos = nowNanos + heartbeatNanos
  }

  /// What there is to tell; it counts as told. States between two calls are passed over.
  package mutating func due(nowNanos: Int64) -> [News] {
    let isHeartbeat = nowNanos >= heartbeatDueNanos
    let current = board.version
    if !isHeartbeat, current == version { return [] }
    if isHeartbeat { heartbeatDueNanos = nowNanos + heartbeatNanos }
    version = current
    return told.indices.compactMap { feed in
      let status = board.status(of: feed)
      let now = Told(status)
      defer { told[feed] = now }
      let isDue = isHeartbeat && !board.isUnneeded(feed)
      return isDue || told[feed] != now ? News(feed: feed, status: status) : nil
    }
  }
}
