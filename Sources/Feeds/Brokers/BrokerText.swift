import JSONText

/// The broker's own words, as far as they go into a log line.
enum BrokerText {
  /// Longest text that is passed on.
  static let bytesMax = 300

  static func of(_ value: JSONValue?) -> String {
    guard let value else { return "" }
    return String((value.string ?? String(decoding: value.raw, as: UTF8.self)).prefix(bytesMax))
  }
}
