/// How much of a tick a consumer wants. The raw value is the `mode` of the WebSocket contract.
public enum Mode: UInt8, Sendable, CaseIterable, Comparable, Hashable {
  case ltp = 1
  case quote = 2
  case depth = 3

  /// Label of subscribe acknowledgements.
  public var label: String {
    switch self {
    case .ltp: "LTP"
    case .quote: "Quote"
    case .depth: "Depth"
    }
  }

  /// Last part of a bus topic.
  public var topicSuffix: String {
    switch self {
    case .ltp: "LTP"
    case .quote: "QUOTE"
    case .depth: "DEPTH"
    }
  }

  /// 0, 1, 2: for tables with a column per mode.
  public var index: Int { Int(rawValue) - 1 }

  public static func < (a: Mode, b: Mode) -> Bool { a.rawValue < b.rawValue }
}
