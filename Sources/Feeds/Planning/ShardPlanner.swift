// Which instruments are on which socket of a feed, and what has to be told to the broker to make it so. A value without
// I/O or clock: wants and sockets go in, messages within the broker's limits come out. Nothing is queued: a message is
// decided when the pace allows it, so that what has changed meanwhile is in it.
// The steps from one subscription to another are in ShardPlanner+Messages.swift.

import Market

public struct ShardPlanner: Sendable {
  public enum Verb: UInt8, Sendable, CaseIterable {
    // In order of urgency: what ends makes room.
    case unsubscribe, subscribe, change
  }

  /// One message to the broker: the same verb and mode for all its instruments.
  public struct Message: Sendable, Equatable {
    public var shard: Int
    public var verb: Verb
    /// The mode that begins, or that ends.
    public var mode: Mode
    public var instruments: [UInt32]

    public init(shard: Int, verb: Verb, mode: Mode, instruments: [UInt32]) {
      self.shard = shard
      self.verb = verb
      self.mode = mode
      self.instruments = instruments
    }
  }

  struct Entry: Sendable {
    /// As the broker is asked, nil for nothing.
    var wanted: Mode?
    /// What the broker has been told.
    var sent: Mode?
    /// A mode on its way out beside `sent`.
    var extra: Mode?
    /// What it counts as on its shard.
    var reserved: Mode?
    var shard = -1
    /// When an unwanted subscription ends.
    var releaseAt: Int64 = .max
    var isDirty = false
    var isUnplaced = false
  }

  struct Shard: Sendable {
    var isOpen = false
    /// Reserved subscriptions by `Mode.index`.
    var counts = [0, 0, 0]
    var instruments: Set<UInt32> = []
    var dirty: [UInt32] = []
    var bucket: TokenBucket
    /// `.max` while it carries something.
    var emptySince: Int64 = .max
  }

  /// How long changes are gathered, so that they share messages.
  public static let windowNanos: Int64 = 50_000_000

  public let capability: FeedCapability
  /// How long an unwanted subscription is kept, for the consumer that comes back.
  public let lingerNanos: Int64
  var entries: [UInt32: Entry] = [:]
  var shards: [Shard]
  /// Wanted, but on no socket.
  var unplaced: [UInt32] = []
  /// How many of them no open socket had room for when they were last looked at.
  var homelessCount = 0
  /// Wanted in another mode that finds no room; looked at again when something has ended.
  var stuck: Set<UInt32> = []
  /// Something has ended or changed its mode since the unplaced were looked at.
  var hasMadeRoom = false
  var lingering: Set<UInt32> = []
  var nextReleaseAt: Int64 = .max
  /// When the gathered changes are due.
  var windowAt: Int64 = .max
  /// Instruments whose upstream state may have changed, for `takeTouched`.
  var touched: [UInt32] = []
  public private(set) var wantedCount = 0
  /// Sockets that may be open, at most those of the capability.
  public private(set) var socketsAllowed: Int

  public init(capability: FeedCapability, lingerNanos: Int64) {
    self.capability = capability
    self.lingerNanos = lingerNanos
    socketsAllowed = capability.socketsMax
    let shard = Shard(bucket: TokenBucket(perSecond: capability.messagesPerSecond, now: 0))
    shards = Array(repeating: shard, count: capability.socketsMax)
  }

  // MARK: Wants

  /// - Parameters:
  ///   - mode: the highest that anyone wants, nil for none.
  ///   - isIndex: whether the instrument is an index, which some brokers do not serve in full.
  public mutating func want(_ instrument: UInt32, _ mode: Mode?, isIndex: Bool = false, now: Int64) {
    var asked = mode.map { capability.modeOnWire[$0.index] }
    if isIndex, let some = asked { asked = min(some, capability.indexModeMax) }
    var entry = entries[instrument] ?? Entry()
    guard entry.wanted != asked else { return }
    if entry.wanted == nil { wantedCount += 1 } else if asked == nil { wantedCount -= 1 }
    entry.wanted = asked
    lingering.remove(instrument)
    entry.releaseAt = .max
    if asked == nil {
      guard entry.shard >= 0 else { return remove(instrument, entry) }
      if entry.sent == nil {
        entry.releaseAt = now
      } else {
        entry.releaseAt = now + lingerNanos
        nextReleaseAt = min(nextReleaseAt, entry.releaseAt)
        lingering.insert(instrument)
      }
    }
    entries[instrument] = entry
    if entry.shard < 0 { unplace(instrument) } else { mark(instrument) }
    open(window: now + Self.windowNanos)
  }

  private mutating func remove(_ instrument: UInt32, _ entry: Entry) {
    if entry.isUnplaced { unplaced.removeAll { $0 == instrument } }
    entries[instrument] = nil
    touched.append(instrument)
  }

  mutating func open(window at: Int64) { windowAt = min(windowAt, at) }

  mutating func unplace(_ instrument: UInt32) {
    touched.append(instrument)
    guard entries[instrument]?.isUnplaced == false else { return }
    entries[instrument]?.isUnplaced = true
    unplaced.append(instrument)
  }

  mutating func mark(_ instrument: UInt32) {
    guard let entry = entries[instrument], entry.shard >= 0, !entry.isDirty else { return }
    entries[instrument]?.isDirty = true
    shards[entry.shard].dirty.append(instrument)
  }

  // MARK: Sockets

  /// Another feed of the account takes or leaves sockets. Those that are open stay so until they are spare.
  public mutating func allow(sockets: Int) {
    let allowed = min(max(sockets, 0), capability.socketsMax)
    guard allowed != socketsAllowed else { return }
    socketsAllowed = allowed
    open(window: 0)
  }

  /// A socket is up; the broker knows of no subscription on it.
  public mutating func opened(_ shard: Int, now: Int64) {
    closed(shard, now: now)
    shards[shard].isOpen = true
    homelessCount = 0
    shards[shard].bucket = TokenBucket(perSecond: capability.messagesPerSecond, now: now)
    open(window: now)
  }

  /// A socket is gone: what was on it goes where there is room, or waits for it to come back.
  public mutating func closed(_ shard: Int, now: Int64) {
    shards[shard].isOpen = false
    for instrument in shards[shard].instruments.sorted() {
      guard var entry = entries[instrument] else { continue }
      lingering.remove(instrument)
      guard entry.wanted != nil else {
        remove(instrument, entry)
        continue
      }
      entry.sent = nil
      entry.extra = nil
      entry.reserved = nil
      entry.shard = -1
      entry.isDirty = false
      entries[instrument] = entry
      unplace(instrument)
    }
    shards[shard].instruments = []
    shards[shard].dirty = []
    shards[shard].counts = [0, 0, 0]
    shards[shard].emptySince = now
    open(window: now)
  }

  /// How many sockets it takes to carry what is wanted, as far as can be told.
  public var socketsWanted: Int {
    let byCount = (wantedCount + capability.limits.total - 1) / max(capability.limits.total, 1)
    let open = shards.lazy.filter(\.isOpen).count
    // Limits by mode may need more than the count says. What has only just been wanted has not been tried yet.
    let beyond = homelessCount > 0 && open >= byCount && open > 0 ? open + 1 : 0
    return min(socketsAllowed, max(byCount, beyond, capability.isOpenWhenIdle ? 1 : 0))
  }

  /// Since when an open socket carries nothing; nil while it does.
  public func emptySince(_ shard: Int) -> Int64? {
    shards[shard].isOpen && shards[shard].emptySince != .max ? shards[shard].emptySince : nil
  }

  // MARK: State

  public func state(of instrument: UInt32) -> UpstreamState {
    guard let entry = entries[instrument] else { return .none }
    if entry.sent != nil { return .active }
    guard entry.wanted != nil else { return .none }
    return entry.isUnplaced && isFull ? .rejected : .pending
  }

  /// Every socket that the broker allows is open, so that what found no place will not find one.
  var isFull: Bool { shards.lazy.filter(\.isOpen).count >= socketsAllowed && lingering.isEmpty && windowAt == .max }

  /// Subscriptions that the broker counts.
  public var usedCount: Int { shards.reduce(0) { $0 + $1.counts.reduce(0, +) } }
  /// Subscriptions that the sockets may carry in the modes that are in use.
  public var limit: Int {
    let modes = (0..<3).filter { mode in shards.contains { $0.counts[mode] > 0 } }
    let limits = capability.limits
    let perSocket =
      switch modes.count {
      case 0: limits.total
      case 1: min(limits.alone[modes[0]], limits.total)
      default: min(modes.reduce(0) { $0 + limits.mixed[$1] }, limits.total)
      }
    return perSocket * socketsAllowed
  }
  /// Wanted instruments without a place.
  public var unplacedCount: Int { unplaced.count }
  public func instruments(on shard: Int) -> Set<UInt32> { shards[shard].instruments }
  public func mode(sentOf instrument: UInt32) -> Mode? { entries[instrument]?.sent }

  /// Instruments whose state may have changed since the last call.
  public mutating func takeTouched() -> [UInt32] {
    defer { touched.removeAll(keepingCapacity: true) }
    return touched
  }
}
