// Judges one connection by the market data that it brings: silence against its own rhythm, and the rate against its own
// moving baseline. A value; no clock.

public struct PayloadMonitor: Sendable {
  public enum Verdict: Sendable, Equatable { case fine, quiet, stale, collapsed }

  /// Silence of this many usual gaps is none that happens by chance.
  static let gapsMax: Int64 = 40
  /// Frames that make a rhythm.
  static let rhythmFrames = 20
  /// Windows that make a baseline, and low ones in a row that make a collapse.
  static let baselineWindows = 6
  static let lowWindows = 3
  /// Share of the baseline below which a window is low, in percent, and ticks per window that a baseline must have.
  static let lowPercent = 15
  static let baselineTicksMin = 50.0
  /// Weight of a new gap and of a new window.
  private static let gapWeight = 0.05
  private static let windowWeight = 0.1

  private let timeouts: FeedTimeouts
  /// Usual gap between two frames with data, of all connections so far.
  private var gapNanos = 0.0
  private var frames = 0
  private var lastPayload: Int64
  private var windowStart: Int64
  private var windowTicks = 0
  private var windows = 0
  /// Ticks per window and subscribed instrument.
  private var baseline = 0.0
  private var low = 0
  /// Connections in a row that were given up as stale and brought nothing but snapshots.
  private var barren = 0
  private var hasPayload = false
  /// What comes until then answers a subscription: snapshots say nothing of the market.
  private var settledAt: Int64 = 0

  /// How long the snapshots of a subscription may take.
  static let settleNanos: Int64 = 2_000_000_000

  public init(timeouts: FeedTimeouts, now: Int64) {
    self.timeouts = timeouts
    lastPayload = now
    windowStart = now
  }

  /// A new connection. What was learned of the rhythm stays.
  public mutating func restart(now: Int64) {
    hasPayload = false
    settledAt = now &+ Self.settleNanos
    lastPayload = now
    windowStart = now
    windowTicks = 0
    low = 0
  }

  /// The broker has been asked for something.
  public mutating func asked(now: Int64) { settledAt = now &+ Self.settleNanos }

  @inline(__always)
  public mutating func note(ticks: Int, now: Int64) {
    let gap = Double(now &- lastPayload)
    if hasPayload, now >= settledAt {
      barren = 0
      gapNanos = frames == 0 ? gap : gapNanos + (gap - gapNanos) * Self.gapWeight
      if frames < Self.rhythmFrames { frames &+= 1 }
    }
    hasPayload = true
    lastPayload = now
    windowTicks &+= ticks
  }

  /// How much silence is too much.
  public var staleAfterNanos: Int64 {
    guard frames >= Self.rhythmFrames else {
      // Nothing was ever seen: an unknown holiday must not become a storm.
      let wait = min(timeouts.staleNanos * 3, timeouts.staleMaxNanos)
      return min(wait << Int64(min(barren, 6)), max(timeouts.staleMaxNanos * 5, wait))
    }
    let usual = Int64(gapNanos) * Self.gapsMax
    let wait = min(max(timeouts.staleNanos, usual), timeouts.staleMaxNanos)
    return min(wait << Int64(min(barren, 6)), max(timeouts.staleMaxNanos * 5, wait))
  }

  /// - Parameters:
  ///   - subscribed: instruments on the connection.
  ///   - isInSession: whether any of them could trade now.
  public mutating func judge(subscribed: Int, isInSession: Bool, now: Int64) -> Verdict {
    guard subscribed > 0, isInSession else {
      // Silence is what is expected; the clock starts when it no longer is.
      if lastPayload < now { lastPayload = max(lastPayload, now - timeouts.quietNanos) }
      windowStart = now
      windowTicks = 0
      return now - lastPayload >= timeouts.quietNanos ? .quiet : .fine
    }
    if hasCollapsed(subscribed, now) { return .collapsed }
    let silence = now - lastPayload
    if silence >= staleAfterNanos {
      barren += 1
      return .stale
    }
    return silence >= timeouts.quietNanos ? .quiet : .fine
  }

  private mutating func hasCollapsed(_ subscribed: Int, _ now: Int64) -> Bool {
    guard now - windowStart >= timeouts.rateWindowNanos else { return false }
    let rate = Double(windowTicks) / Double(subscribed)
    windowStart = now
    windowTicks = 0
    let isJudged = windows >= Self.baselineWindows && baseline * Double(subscribed) >= Self.baselineTicksMin
    guard isJudged, rate * 100 < baseline * Double(Self.lowPercent) else {
      baseline = windows == 0 ? rate : baseline + (rate - baseline) * Self.windowWeight
      windows += 1
      low = 0
      return false
    }
    low += 1
    guard low >= Self.lowWindows else { return false }
    // If a new connection is as slow, this is how it is now.
    low = 0
    windows = 0
    return true
  }
}
