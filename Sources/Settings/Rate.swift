// A request rate as OpenAlgo writes it: "10 per second". Pure. Cold path, no owner thread.

/// So many requests in a moving window.
public struct Rate: Sendable, Equatable {
  public let count: Int
  public let windowSeconds: Int

  static let countMax = 1_000_000

  /// Nil when the text is not `N per second|minute|hour|day`; several limits joined by `;` are not taken.
  public init?(_ text: String) {
    let words = text.lowercased().split(separator: " ")
    guard words.count == 3, words[1] == "per", let count = Int(words[0]), (1...Self.countMax).contains(count),
      let seconds = Self.units[String(words[2])]
    else { return nil }
    self.count = count
    windowSeconds = seconds
  }

  private static let units = ["second": 1, "minute": 60, "hour": 3600, "day": 86_400]
}
