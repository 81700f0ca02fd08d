/// Prices are `Int64` in units of 1e-8 of the quote currency everywhere between decoder and encoder: exact for every
/// divisor that a broker uses (100, 1e4, 1e7), and with room for 92 billion.
public enum Price {
  /// Units per rupee.
  public static let scale: Int64 = 100_000_000
  /// Decimal places of the scale.
  public static let decimals = 8

  /// Reads `[-]digits[.digits]`; nil for anything else, for more than 8 decimals that are not zero, and on overflow.
  public static func parse(_ text: some StringProtocol) -> Int64? {
    var negative = false
    var value: Int64 = 0
    var decimals = -1
    var digits = 0
    for (index, byte) in text.utf8.enumerated() {
      switch byte {
      case UInt8(ascii: "-") where index == 0: negative = true
      case UInt8(ascii: ".") where decimals < 0: decimals = 0
      case UInt8(ascii: "0")...UInt8(ascii: "9"):
        digits += 1
        if decimals >= Self.decimals {
          if byte != UInt8(ascii: "0") { return nil }
          continue
        }
        if decimals >= 0 { decimals += 1 }
        let (product, tooBig) = value.multipliedReportingOverflow(by: 10)
        let (sum, overflow) = product.addingReportingOverflow(Int64(byte - UInt8(ascii: "0")))
        if tooBig || overflow { return nil }
        value = sum
      default: return nil
      }
    }
    guard digits > 0 else { return nil }
    for _ in max(decimals, 0)..<Self.decimals {
      let (product, overflow) = value.multipliedReportingOverflow(by: 10)
      if overflow { return nil }
      value = product
    }
    return negative ? -value : value
  }

  /// Shortest decimal text, without a trailing `.0` (`292.5`, `24800`): the form of strikes in symbols.
  public static func text(_ value: Int64) -> String {
    let magnitude = value.magnitude
    let whole = magnitude / UInt64(scale)
    var fraction = magnitude % UInt64(scale)
    var text = value < 0 ? "-\(whole)" : "\(whole)"
    guard fraction != 0 else { return text }
    var places = decimals
    while fraction % 10 == 0 {
      fraction /= 10
      places -= 1
    }
    let digits = String(fraction)
    text += "." + String(repeating: "0", count: places - digits.count) + digits
    return text
  }

  /// For places that must speak floating point (JSON of the REST answers); never in arithmetic.
  public static func double(_ value: Int64) -> Double { Double(value) / Double(scale) }

  /// Decimal places that a tick size needs, at least two: 0.05 → 2, 0.0025 → 4.
  public static func displayDecimals(tickSize: Int64) -> UInt8 {
    var places = 2
    var unit = scale / 100
    while places < decimals, tickSize % unit != 0 {
      unit /= 10
      places += 1
    }
    return UInt8(places)
  }
}
