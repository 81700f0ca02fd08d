// What one connection is subscribed to against what it should be, as a value. Wants go in, differences come out; a
// reconnect forgets what was subscribed, so that the next difference is everything.

import Market

public struct SubscriptionPlan: Sendable {
  /// What has to be told to the broker, each token once.
  public struct Difference: Sendable, Equatable {
    /// New to the broker, in the order they were asked for.
    public var subscribe: [UInt32] = []
    public var unsubscribe: [UInt32] = []
    /// Mode of new and changed tokens.
    public var modes: [Mode: [UInt32]] = [:]

    public init() {}

    public var isEmpty: Bool { subscribe.isEmpty && unsubscribe.isEmpty && modes.isEmpty }
  }

  private struct Entry {
    var wanted: Mode?
    var subscribed: Mode?
    /// Is in `changed`.
    var isChanged = false
    /// When an unwanted subscription ends.
    var releaseAt: Int64 = .max
  }

  /// Tokens that one connection may carry.
  public let capacity: Int
  /// How long an unwanted subscription is kept, for the consumer that comes back.
  public let lingerNanos: Int64
  private var entries: [UInt32: Entry] = [:]
  private var changed: [UInt32] = []
  private var lingering: Set<UInt32> = []
  /// When the first of them ends, or earlier: asked every turn, so it must not cost a walk.
  private var nextReleaseAt: Int64 = .max
  /// Tokens subscribed now.
  public private(set) var subscribedCount = 0
  /// Wanted tokens that found no room.
  public private(set) var waiting: Set<UInt32> = []

  public init(capacity: Int, lingerNanos: Int64) {
    self.capacity = capacity
    self.lingerNanos = lingerNanos
  }

  public mutating func want(_ token: UInt32, _ mode: Mode?, now: Int64) {
    var entry = entries[token] ?? Entry()
    entry.wanted = mode
    if mode == nil, entry.subscribed != nil {
      entry.releaseAt = now + lingerNanos
      nextReleaseAt = min(nextReleaseAt, entry.releaseAt)
      lingering.insert(token)
    } else {
      entry.releaseAt = .max
      lingering.remove(token)
    }
    if !entry.isChanged { changed.append(token) }
    entry.isChanged = true
    entries[token] = entry
  }

  /// The connection is new: nothing is subscribed, everything wanted is due again.
  public mutating func forget() {
    waiting = []
    lingering = []
    nextReleaseAt = .max
    subscribedCount = 0
    entries = entries.filter { $0.value.wanted != nil }
    for token in entries.keys {
      entries[token]?.subscribed = nil
      entries[token]?.releaseAt = .max
      entries[token]?.isChanged = true
    }
    changed = entries.keys.sorted()
  }

  /// Whether `difference` could give something.
  public func isDue(now: Int64) -> Bool { !changed.isEmpty || nextReleaseAt <= now }

  /// Takes what has to be sent now; the plan counts it as done.
  public mutating func difference(now: Int64) -> Difference {
    var difference = Difference()
    if nextReleaseAt <= now { difference.unsubscribe = release(now: now) }
    // Room that has come free goes to those that wait.
    let candidates = difference.unsubscribe.isEmpty ? changed : changed + waiting.sorted()
    changed = []
    for token in candidates {
      entries[token]?.isChanged = false
      guard let entry = entries[token] else { continue }
      guard let mode = entry.wanted else {
        if entry.subscribed == nil {
          entries[token] = nil
          waiting.remove(token)
        }
        continue
      }
      if entry.subscribed == mode { continue }
      if entry.subscribed == nil {
        if subscribedCount == capacity, let oldest = evict() { difference.unsubscribe.append(oldest) }
        guard subscribedCount < capacity else {
          waiting.insert(token)
          continue
        }
        waiting.remove(token)
        subscribedCount += 1
        difference.subscribe.append(token)
      }
      entries[token]!.subscribed = mode
      difference.modes[mode, default: []].append(token)
    }
    return difference
  }

  /// Ends the lingering subscription that would end first, to make room.
  private mutating func evict() -> UInt32? {
    guard let oldest = lingering.min(by: { (entries[$0]!.releaseAt, $0) < (entries[$1]!.releaseAt, $1) }) else {
      return nil
    }
    lingering.remove(oldest)
    entries[oldest] = nil
    subscribedCount -= 1
    return oldest
  }

  /// Ends what has lingered long enough.
  private mutating func release(now: Int64) -> [UInt32] {
    let ended = lingering.filter { entries[$0]!.releaseAt <= now }.sorted()
    for token in ended {
      lingering.remove(token)
      entries[token] = nil
    }
    subscribedCount -= ended.count
    nextReleaseAt = lingering.map { entries[$0]!.releaseAt }.min() ?? .max
    return ended
  }
}
