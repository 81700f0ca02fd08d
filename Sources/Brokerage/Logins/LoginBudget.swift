// How often the gateway logs in by itself: brokers lock accounts that are tried too often. A value; the time is handed
// in.

/// Limit of one broker's automatic logins.
struct LoginBudget: Sendable {
  enum Verdict: Sendable, Equatable {
    case allowed
    /// These secrets were refused: nothing but other secrets helps.
    case refusedBefore
    case wait(seconds: Int)
  }

  /// Refused secrets that are remembered.
  static let refusedMax = 16
  private static let hourNanos: Int64 = 3_600_000_000_000

  private let perHourMax: Int
  private let spacingNanos: Int64
  private var attempts: [Int64] = []
  private var refused: [BrokerSecrets] = []

  init(perHourMax: Int, spacingNanos: Int64) {
    self.perHourMax = perHourMax
    self.spacingNanos = spacingNanos
  }

  /// Asks for one login, and counts it when it is allowed.
  mutating func ask(with secrets: BrokerSecrets, nowNanos: Int64) -> Verdict {
    if refused.contains(secrets) { return .refusedBefore }
    // A clock that was set back must not lock the login for longer than from now.
    attempts = attempts.map { min($0, nowNanos) }.filter { nowNanos - $0 < Self.hourNanos }
    if perHourMax == 0 { return .wait(seconds: Int(Self.hourNanos / 1_000_000_000)) }
    if let last = attempts.last, nowNanos - last < spacingNanos { return wait(until: last + spacingNanos, nowNanos) }
    if attempts.count >= perHourMax {
      return wait(until: attempts[attempts.count - perHourMax] + Self.hourNanos, nowNanos)
    }
    attempts.append(nowNanos)
    return .allowed
  }

  /// The broker refused these secrets.
  mutating func refuse(_ secrets: BrokerSecrets) {
    if refused.count == Self.refusedMax { refused.removeFirst() }
    refused.append(secrets)
  }

  private func wait(until nanos: Int64, _ nowNanos: Int64) -> Verdict {
    .wait(seconds: Int((nanos - nowNanos + 999_999_999) / 1_000_000_000))
  }
}
