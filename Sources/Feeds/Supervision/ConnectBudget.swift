/// How many connections an hour a feed may try, all its sockets together. A value; a ring of the times of the last ones.
public struct ConnectBudget: Sendable {
  public static let hourNanos: Int64 = 3_600_000_000_000

  private var times: [Int64]
  private var next = 0

  /// - Parameter perHour: at least 1.
  public init(perHour: Int) {
    times = Array(repeating: .min / 2, count: max(perHour, 1))
  }

  /// When the next connection may be tried.
  public var freeAt: Int64 { times[next] + Self.hourNanos }

  public mutating func spend(now: Int64) {
    times[next] = now
    next = (next + 1) % times.count
  }
}
