/// A rate with a small burst, as a value: in no second are there more than `perSecond`, wherever that second begins.
struct TokenBucket: Sendable {
  private let intervalNanos: Int64
  private let burst: Int64
  private var level: Int64
  private var filledAt: Int64

  /// Starts full.
  init(perSecond: Int, now: Int64) {
    let rate = Int64(max(perSecond, 1))
    burst = max(1, rate / 4)
    intervalNanos = 1_000_000_000 / max(rate - burst, 1)
    level = burst
    filledAt = now
  }

  mutating func take(now: Int64) -> Bool {
    fill(now)
    guard level > 0 else { return false }
    // The time towards the next one begins when one was taken, not before.
    if level == burst { filledAt = now }
    level -= 1
    return true
  }

  /// When there is something to take.
  mutating func readyAt(now: Int64) -> Int64 {
    fill(now)
    return level > 0 ? now : filledAt + intervalNanos
  }

  private mutating func fill(_ now: Int64) {
    let gained = max(0, now - filledAt) / intervalNanos
    guard gained > 0 else { return }
    level = min(burst, level + gained)
    filledAt += gained * intervalNanos
  }
}
