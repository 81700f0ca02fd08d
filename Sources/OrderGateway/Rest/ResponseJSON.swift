import Market

// Response bodies, written front to back. Numbers that stand for prices and money have at least two decimals and are
// exact: no value passes through binary floating point.

/// Writes one JSON object.
struct ResponseJSON: Sendable {
  /// Decimals of amounts of money and of percentages.
  private static let moneyDecimals = 4
  /// Decimals that are written even when they are zero.
  private static let decimalsMin = 2

  private(set) var bytes: [UInt8] = []
  private var isFirst = true

  private init() {}

  static func object(_ body: (inout ResponseJSON) -> Void) -> ResponseJSON {
    var json = ResponseJSON()
    json.bytes.reserveCapacity(256)
    json.braces(UInt8(ascii: "{"), UInt8(ascii: "}"), body)
    return json
  }

  // MARK: Members of an object

  mutating func text(_ key: String, _ value: String) {
    begin(key)
    string(value)
  }

  mutating func bool(_ key: String, _ value: Bool) {
    begin(key)
    bytes += (value ? "true" : "false").utf8
  }

  mutating func integer(_ key: String, _ value: Int64) {
    begin(key)
    bytes += "\(value)".utf8
  }

  mutating func integer(_ key: String, _ value: Int) { integer(key, Int64(value)) }

  /// - Parameter units: 1e-8.
  mutating func price(_ key: String, _ units: Int64) {
    begin(key)
    decimal(units, decimals: Price.decimals)
  }

  /// - Parameter units: 1e-4 rupee or percent.
  mutating func money(_ key: String, _ units: Int64) {
    begin(key)
    decimal(units, decimals: Self.moneyDecimals)
  }

  mutating func object(_ key: String, _ body: (inout ResponseJSON) -> Void) {
    begin(key)
    braces(UInt8(ascii: "{"), UInt8(ascii: "}"), body)
  }

  mutating func array<Element>(
    _ key: String, _ elements: [Element], _ body: (inout ResponseJSON, Element) -> Void
  ) {
    begin(key)
    braces(UInt8(ascii: "["), UInt8(ascii: "]")) { json in
      for element in elements {
        json.separate()
        json.braces(UInt8(ascii: "{"), UInt8(ascii: "}")) { body(&$0, element) }
      }
    }
  }

  mutating func texts(_ key: String, _ values: [String]) {
    begin(key)
    braces(UInt8(ascii: "["), UInt8(ascii: "]")) { json in
      for value in values {
        json.separate()
        json.string(value)
      }
    }
  }

  // MARK: Helpers

  private mutating func begin(_ key: String) {
    separate()
    string(key)
    bytes.append(UInt8(ascii: ":"))
  }

  private mutating func separate() {
    if !isFirst { bytes.append(UInt8(ascii: ",")) }
    isFirst = false
  }

  private mutating func braces(_ open: UInt8, _ close: UInt8, _ body: (inout ResponseJSON) -> Void) {
    bytes.append(open)
    isFirst = true
    body(&self)
    isFirst = false
    bytes.append(close)
  }

  private mutating func decimal(_ units: Int64, decimals: Int) {
    var digits = Array("\(units.magnitude)".utf8)
    if digits.count <= decimals {
      digits.insert(contentsOf: [UInt8](repeating: UInt8(ascii: "0"), count: decimals + 1 - digits.count), at: 0)
    }
    var fraction = digits.suffix(decimals)
    while fraction.count > Self.decimalsMin, fraction.last == UInt8(ascii: "0") { fraction.removeLast() }
    if units < 0 { bytes.append(UInt8(ascii: "-")) }
    bytes += digits.dropLast(decimals)
    bytes.append(UInt8(ascii: "."))
    bytes += fraction
  }

  /// Escapes what must be escaped; other text goes out as UTF-8.
  private mutating func string(_ text: String) {
    let hex = Array("0123456789abcdef".utf8)
    bytes.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
      case 0..<0x20, 0x7F: bytes += Array("\\u00".utf8) + [hex[Int(byte >> 4)], hex[Int(byte & 15)]]
      default: bytes.append(byte)
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }
}
