// A request rate as OpenAlgo writes it: "10 per second". Pure. Cold path, no owner thread.

/// So many requests in any second.
public struct Rate: Sendable, Equatable {
  /// Requests per second.
  public let count: Int

  static let countMax = 1_000_000

  /// Nil when the text is not `N per second`. Other windows are not taken: the limiter counts over a second.
  public init?(_ text: String) {
    let words = text.lowercased().split(separator: " ")
    guard words.count == 3, words[1] == "per", words[2] == "second" else { return nil }
    guard let count = Int(words[0]), (1...Self.countMax).contains(count) else { return nil }
    self.count = count
  }
}
