// When a list is due: once a day at a minute in India, sooner again after a failure. A value without clock.

import Market

/// Time table of one broker's list.
public struct RefreshSchedule: Sendable {
  private static let retryNanosMin: Int64 = 5 * 60 * 1_000_000_000
  private static let retryNanosMax: Int64 = 60 * 60 * 1_000_000_000

  private let minuteOfDay: Int
  private var lastGood: Int64?
  private var failure: (at: Int64, count: Int)?

  /// - Parameters:
  ///   - minuteOfDay: IST, 0..<1440.
  ///   - lastGoodNanos: when the list was last good; nil when it never was. Nanoseconds since the epoch.
  public init(minuteOfDay: Int, lastGoodNanos: Int64?) {
    precondition((0..<1440).contains(minuteOfDay))
    self.minuteOfDay = minuteOfDay
    lastGood = lastGoodNanos
  }

  /// Whether a list from the last time it was due is still missing.
  public func isDue(now: Int64) -> Bool { dueNanos(now: now) <= now }

  /// When to fetch next, in nanoseconds since the epoch: a time that has passed means at once.
  public func dueNanos(now: Int64) -> Int64 {
    let latest = latestSlot(now: now)
    guard let lastGood, lastGood >= latest else {
      guard let failure, failure.at >= latest else { return latest }
      let doublings = min(failure.count - 1, 10)
      return failure.at + min(Self.retryNanosMin << doublings, Self.retryNanosMax)
    }
    return ISTTime.epochNanos(day: ISTTime(epochNanos: latest).day + 1, minuteOfDay: minuteOfDay)
  }

  public mutating func onSuccess(now: Int64) {
    lastGood = now
    failure = nil
  }

  public mutating func onFailure(now: Int64) {
    let isSameSlot = failure.map { $0.at >= latestSlot(now: now) } ?? false
    failure = (at: now, count: isSameSlot ? (failure?.count ?? 0) + 1 : 1)
  }

  /// The last time before or at `now` at which the list was due.
  private func latestSlot(now: Int64) -> Int64 {
    let day = ISTTime(epochNanos: now).day
    let today = ISTTime.epochNanos(day: day, minuteOfDay: minuteOfDay)
    return today <= now ? today : ISTTime.epochNanos(day: day - 1, minuteOfDay: minuteOfDay)
  }
}
