// Which feeds are down for long enough that others should speak for their instruments, and which have been back for
// long enough to be trusted again. A value; time comes in.

struct Failover: Sendable {
  enum Change: Sendable, Equatable {
    case failed(Int)
    case returned(Int)
  }

  private struct Row: Sendable {
    var isOut = false
    /// Since when it is usable while out, or not usable while in; `.max` otherwise.
    var since: Int64 = .max
  }

  private let failNanos: Int64
  private let returnNanos: Int64
  private var rows: [Row]

  init(feeds: Int, failNanos: Int64, returnNanos: Int64) {
    self.failNanos = failNanos
    self.returnNanos = returnNanos
    rows = Array(repeating: Row(), count: feeds)
  }

  func isOut(_ feed: Int) -> Bool { rows[feed].isOut }

  mutating func look(_ feed: Int, isUsable: Bool, now: Int64) -> Change? {
    guard isUsable == rows[feed].isOut else {
      rows[feed].since = .max
      return nil
    }
    if rows[feed].since == .max { rows[feed].since = now }
    guard now - rows[feed].since >= (isUsable ? returnNanos : failNanos) else { return nil }
    rows[feed] = Row(isOut: !isUsable)
    return isUsable ? .returned(feed) : .failed(feed)
  }
}
