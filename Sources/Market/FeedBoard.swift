import Synchronization

/// Life of one broker feed (`ARCHITECTURE.md`, feed supervisor).
public enum FeedState: UInt8, Sendable, CaseIterable {
  case connecting, authenticating, subscribing, live, quiet, stale, reconnecting, authFailed, closed

  /// Prices of this feed are current: orders may fill on them.
  public var isUsable: Bool { self == .live || self == .quiet }

  /// As it stands in messages, e.g. `authFailed`.
  public var name: String {
    switch self {
    case .connecting: "connecting"
    case .authenticating: "authenticating"
    case .subscribing: "subscribing"
    case .live: "live"
    case .quiet: "quiet"
    case .stale: "stale"
    case .reconnecting: "reconnecting"
    case .authFailed: "authFailed"
    case .closed: "closed"
    }
  }
}

/// Why a feed is not live.
public enum FeedReason: UInt8, Sendable, CaseIterable {
  case none, stall, network, auth, serverClose, limit

  /// As it stands in messages; empty for none.
  public var name: String {
    switch self {
    case .none: ""
    case .stall: "stall"
    case .network: "network"
    case .auth: "auth"
    case .serverClose: "serverClose"
    case .limit: "limit"
    }
  }
}

/// What everyone may know of one feed.
public struct FeedStatus: Sendable, Equatable {
  public var name: String
  public var state: FeedState
  public var reason: FeedReason
  /// Nanoseconds since the epoch: since when the state is what it is.
  public var since: Int64
  /// Of the last market data; 0 for none yet.
  public var lastPayload: Int64
  public var reconnects: UInt64
  /// Instruments subscribed upstream, and how many the broker allows over all sockets.
  public var used: UInt32
  public var limit: UInt32
  public var sockets: UInt32
  /// Subscribed instruments that have been silent for unusually long.
  public var silent: UInt32
  /// When the token in use was obtained; 0 when unknown.
  public var tokenObtained: Int64
  public var rejections: FeedRejections
  /// Where two feeds race: ticks that came first here, ticks that another had brought before, how much later these
  /// came together, and ticks that were too old.
  public var race: FeedRace
}

/// What arbitration between feeds has seen of one feed.
public struct FeedRace: Sendable, Equatable {
  /// Ticks that passed.
  public var led: UInt64 = 0
  /// Ticks that were the same as one of another feed before.
  public var lagged: UInt64 = 0
  /// How much later these came, together.
  public var lagNanos: Int64 = 0
  /// Dropped because something newer had passed.
  public var old: UInt64 = 0

  public init() {}
}

/// State of every feed, written by the feed loop, read by anyone. A tick that was received before `liveSince` of its
/// feed comes from an earlier connection and must not fill an order.
public final class FeedBoard: Sendable {
  public static let capacity = 64

  private final class Row: Sendable {
    let state = Atomic<UInt8>(FeedState.closed.rawValue)
    let reason = Atomic<UInt8>(FeedReason.none.rawValue)
    let since = Atomic<Int64>(0)
    let liveSince = Atomic<Int64>(.max)
    let lastPayload = Atomic<Int64>(0)
    let reconnects = Atomic<UInt64>(0)
    let used = Atomic<UInt32>(0)
    let limit = Atomic<UInt32>(0)
    let sockets = Atomic<UInt32>(0)
    let silent = Atomic<UInt32>(0)
    let tokenObtained = Atomic<Int64>(0)
    let rejections = Mutex(FeedRejections())
    let silentInstruments = Mutex<[UInt32]>([])
    let led = Atomic<UInt64>(0)
    let lagged = Atomic<UInt64>(0)
    let lagNanos = Atomic<Int64>(0)
    let old = Atomic<UInt64>(0)
  }

  /// Names of the feeds; the index is the `feed` of a tick.
  public let names: [String]
  /// Feeds that are closed while nobody needs them: no news then.
  private let onDemand: Set<Int>
  private let rows: [Row]
  private let changes = Atomic<UInt64>(0)

  public init(names: [String], onDemand: Set<Int> = []) {
    precondition(names.count <= Self.capacity, "at most \(Self.capacity) feeds")
    self.names = names
    self.onDemand = onDemand
    rows = names.map { _ in Row() }
  }

  public func state(of feed: Int) -> FeedState {
    FeedState(rawValue: rows[feed].state.load(ordering: .acquiring)) ?? .closed
  }

  /// Whether a feed is closed because nobody needs it.
  public func isUnneeded(_ feed: Int) -> Bool { onDemand.contains(feed) && state(of: feed) == .closed }

  /// Nanoseconds since the epoch; `.max` while the feed is not up.
  public func liveSince(of feed: Int) -> Int64 { rows[feed].liveSince.load(ordering: .acquiring) }
  public func lastPayload(of feed: Int) -> Int64 { rows[feed].lastPayload.load(ordering: .relaxed) }
  public func reconnects(of feed: Int) -> UInt64 { rows[feed].reconnects.load(ordering: .relaxed) }

  /// Goes up with every change of a state or reason: whoever passes states on looks at it now and then.
  public var version: UInt64 { changes.load(ordering: .acquiring) }

  public func status(of feed: Int) -> FeedStatus {
    let row = rows[feed]
    var race = FeedRace()
    race.led = row.led.load(ordering: .relaxed)
    race.lagged = row.lagged.load(ordering: .relaxed)
    race.lagNanos = row.lagNanos.load(ordering: .relaxed)
    race.old = row.old.load(ordering: .relaxed)
    return FeedStatus(
      name: names[feed], state: state(of: feed),
      reason: FeedReason(rawValue: row.reason.load(ordering: .relaxed)) ?? .none,
      since: row.since.load(ordering: .relaxed), lastPayload: row.lastPayload.load(ordering: .relaxed),
      reconnects: row.reconnects.load(ordering: .relaxed), used: row.used.load(ordering: .relaxed),
      limit: row.limit.load(ordering: .relaxed), sockets: row.sockets.load(ordering: .relaxed),
      silent: row.silent.load(ordering: .relaxed), tokenObtained: row.tokenObtained.load(ordering: .relaxed),
      rejections: row.rejections.withLock { $0 }, race: race)
  }

  /// Some of the instruments that `silent` counts.
  public func silentInstruments(of feed: Int) -> [UInt32] { rows[feed].silentInstruments.withLock { $0 } }

  // MARK: Feed loop only

  public func set(_ state: FeedState, reason: FeedReason = .none, of feed: Int, now: Int64) {
    let row = rows[feed]
    let wasUsable = self.state(of: feed).isUsable
    if state.isUsable != wasUsable { row.liveSince.store(state.isUsable ? now : .max, ordering: .releasing) }
    row.since.store(now, ordering: .relaxed)
    row.reason.store(reason.rawValue, ordering: .relaxed)
    row.state.store(state.rawValue, ordering: .releasing)
    changes.add(1, ordering: .releasing)
  }

  public func setReconnects(_ feed: Int, _ count: UInt64) { rows[feed].reconnects.store(count, ordering: .relaxed) }

  /// Once per batch of payload.
  public func touch(_ feed: Int, now: Int64) { rows[feed].lastPayload.store(now, ordering: .relaxed) }

  public func setUse(_ feed: Int, used: Int, limit: Int, sockets: Int) {
    rows[feed].used.store(UInt32(clamping: used), ordering: .relaxed)
    rows[feed].limit.store(UInt32(clamping: limit), ordering: .relaxed)
    rows[feed].sockets.store(UInt32(clamping: sockets), ordering: .relaxed)
  }

  /// - Parameter instruments: some of them.
  public func setSilent(_ feed: Int, _ count: Int, _ instruments: [UInt32] = []) {
    rows[feed].silent.store(UInt32(clamping: count), ordering: .relaxed)
    rows[feed].silentInstruments.withLock { $0 = instruments }
  }

  public func setToken(_ feed: Int, obtained: Int64) { rows[feed].tokenObtained.store(obtained, ordering: .relaxed) }
  public func setRace(_ feed: Int, _ race: FeedRace) {
    rows[feed].led.store(race.led, ordering: .relaxed)
    rows[feed].lagged.store(race.lagged, ordering: .relaxed)
    rows[feed].lagNanos.store(race.lagNanos, ordering: .relaxed)
    rows[feed].old.store(race.old, ordering: .relaxed)
  }

  public func setRejections(_ feed: Int, _ counts: FeedRejections) {
    rows[feed].rejections.withLock { $0 = counts }
  }
}
