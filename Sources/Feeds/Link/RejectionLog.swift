// What a feed says about bad input: counts by reason, a line now and then. A value without clock.

import Market
import Normalize

extension FeedRejections {
  /// Adds what a decoder has seen.
  mutating func add(_ counters: DecodeCounters) {
    malformed &+= counters.malformed
    badPrices &+= counters.badPrices
    badCounts &+= counters.badCounts
    unknownTokens &+= counters.unknownTokens
    unknownKinds &+= counters.unknownKinds &+ counters.unknownLengths
    badNumbers &+= counters.badNumbers
  }
}

/// Keeps a broker, or who damages what it sends, from filling the log.
struct RejectionLog {
  static let intervalNanos: Int64 = 60_000_000_000
  /// Texts of the broker that are logged in an interval.
  static let textsMax = 10

  private var told = FeedRejections()
  private var nextAt: Int64 = 0
  private var textsUntil: Int64 = 0
  private var texts = 0

  /// What to say of bad input, nil for nothing: at once when it begins, then once per interval what has come since.
  mutating func line(_ counts: FeedRejections, now: Int64) -> String? {
    let new = counts.since(told)
    guard new.total > 0, now >= nextAt else { return nil }
    told = counts
    nextAt = now + Self.intervalNanos
    let reasons = new.reasons.filter { $0.count > 0 }.map { "\($0.count) \($0.name)" }
    return "\(new.total) frames or packets without a tick: \(reasons.joined(separator: ", "))"
  }

  enum Text { case say, sayLast, skip }

  /// Whether a text of the broker may be logged.
  mutating func text(now: Int64) -> Text {
    if now >= textsUntil {
      textsUntil = now + Self.intervalNanos
      texts = 0
    }
    texts += 1
    return texts < Self.textsMax ? .say : texts == Self.textsMax ? .sayLast : .skip
  }
}
