import JSONText

/// The broker's own words, as far as they go into a log line.
enum BrokerText {
  /// Longest text that is passed on.
  static let bytesMax = 300

  static func of(_ value: JSONValue?) -> String {
    guard let value else { return "" }
    return clipped(value.string ?? String(decoding: value.raw, as: UTF8.self))
  }

  /// The beginning of a text. Counted in bytes: what a reader sees as one letter may have a megabyte.
  static func clipped(_ text: String, bytesMax: Int = bytesMax) -> String {
    text.utf8.count <= bytesMax ? text : String(decoding: text.utf8.prefix(bytesMax), as: UTF8.self)
  }
}
