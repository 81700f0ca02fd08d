// What a feed is called: one state made of those of its sockets. An order may fill only while every socket that was up
// is up; a socket more that is being opened changes nothing.

import Market

extension FeedSupervisor {
  public var state: FeedState {
    guard isRunning else { return .closed }
    guard authFailedSince == .max else { return planner.socketsWanted > 0 ? .authFailed : .closed }
    var worst: FeedState?
    var upCount = 0
    var quietCount = 0
    for shard in shards where shard.phase != .idle {
      let state = shard.state
      if state.isUsable {
        upCount += 1
        if state == .quiet { quietCount += 1 }
      } else if shard.wasUp {
        worst = worst.map { max($0.severity, state.severity) == $0.severity ? $0 : state } ?? state
      }
    }
    if let worst { return worst }
    if upCount > 0 { return quietCount == upCount ? .quiet : .live }
    // Nothing has been up yet: the one that is furthest says where the feed is; one that is not needed is closed.
    let opening = shards.lazy.filter { $0.phase != .idle }.map(\.state)
    return opening.max { $0.severity > $1.severity } ?? .closed
  }

  public var reason: FeedReason {
    switch state {
    case .live, .quiet, .closed: return .none
    case .authFailed: return .auth
    default:
      let worst = state
      return shards.first { $0.phase != .idle && $0.state == worst && $0.reason != .none }?.reason
        ?? shards.first { $0.reason != .none }?.reason ?? .none
    }
  }

  /// Sockets that are open, or on their way.
  public var socketsInUse: Int { shards.lazy.filter { $0.phase != .idle }.count }

  /// How many may be.
  public mutating func allow(sockets: Int) { planner.allow(sockets: sockets) }

  /// Whether it has a socket more than what is wanted needs, whatever the modes.
  public var canSpareSocket: Bool {
    let limits = capability.limits
    let room = min(limits.total, limits.alone.min() ?? 0, limits.mixed.min() ?? 0)
    return socketsInUse > 1 && planner.wantedCount <= (socketsInUse - 1) * room
  }

  /// Sockets that are open.
  public var openCount: Int { shards.lazy.filter { $0.phase == .subscribing || $0.phase == .up }.count }
}

extension FeedSupervisor.Shard {
  var state: FeedState {
    switch phase {
    case .idle: .closed
    case .waiting: .reconnecting
    case .asking, .connecting: .connecting
    case .authenticating: .authenticating
    case .subscribing: mustSpeak ? .stale : .subscribing
    case .up: staleSince != .max ? .stale : isQuiet ? .quiet : .live
    }
  }
}

extension FeedState {
  /// How far from live, for the worst of several sockets.
  fileprivate var severity: Int {
    switch self {
    case .live: 0
    case .quiet: 1
    case .subscribing: 2
    case .authenticating: 3
    case .connecting: 4
    case .stale: 5
    case .reconnecting: 6
    case .authFailed: 7
    case .closed: 8
    }
  }
}
