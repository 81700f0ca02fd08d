// When ticks are due: in bursts on a fixed grid, however late anybody is. Tick n belongs to burst n / size, and burst b
// is due at the start plus b periods, so that whoever knows a tick's number knows its time. A value without a clock.

struct BurstSchedule: Sendable {
  /// Ticks of a burst.
  let size: Int
  let periodNanos: Int64
  /// Time of burst 0; `.max` while nothing runs.
  var startNanos: Int64 = .max
  /// Bursts handed out so far.
  private(set) var taken: Int64 = 0

  static let pulseNanos: Int64 = 250_000_000

  /// Even bursts at a rate.
  init(ticksPerSecond: Int, burst: Int) {
    size = burst
    periodNanos = Int64(burst) * 1_000_000_000 / Int64(ticksPerSecond)
  }

  /// A burst every 250 ms, as a real Kite feed sends them.
  init(pulseOf size: Int) {
    self.size = size
    periodNanos = Self.pulseNanos
  }

  /// When the next burst is due; `.max` while nothing runs.
  var nextNanos: Int64 { startNanos == .max ? .max : startNanos + taken * periodNanos }

  /// Number of the next tick.
  var nextTick: Int64 { taken * Int64(size) }

  /// Bursts that became due since the last call; the caller sends them all.
  mutating func take(nowNanos: Int64) -> Int64 {
    guard nowNanos >= startNanos else { return 0 }
    let due = (nowNanos - startNanos) / periodNanos + 1 - taken
    if due <= 0 { return 0 }
    taken += due
    return due
  }

  func burst(ofTick number: Int64) -> Int64 { number / Int64(size) }
  func dueNanos(ofBurst burst: Int64) -> Int64 { startNanos + burst * periodNanos }
}
