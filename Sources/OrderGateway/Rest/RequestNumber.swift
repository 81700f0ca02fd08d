import Market

// Numbers of requests: JSON numbers, and strings that hold one, since clients send every number of an order as text.
// Exact decimal arithmetic; pure.

/// A decimal number: `coefficient` x 10^`exponent`.
package struct RequestNumber: Sendable, Equatable {
  /// Significant digits that are kept; further ones cannot matter at the scale of prices.
  private static let digitsMax = 30
  /// Exponents beyond this are as good as infinite or zero at the scale of prices.
  private static let exponentMax = 1000

  private var coefficient: Int128 = 0
  private var exponent = 0

  /// Reads `[+-]digits[.digits][e[+-]digits]` with blanks around it; nil for anything else.
  package init?(_ text: String) {
    var rest = text.utf8[...]
    while let byte = rest.first, byte == 0x20 || (0x09...0x0D).contains(byte) { rest.removeFirst() }
    while let byte = rest.last, byte == 0x20 || (0x09...0x0D).contains(byte) { rest.removeLast() }
    let isNegative = rest.first == UInt8(ascii: "-")
    if isNegative || rest.first == UInt8(ascii: "+") { rest.removeFirst() }
    var digitCount = takeDigits(from: &rest, isFraction: false)
    if rest.first == UInt8(ascii: ".") {
      rest.removeFirst()
      digitCount += takeDigits(from: &rest, isFraction: true)
    }
    guard digitCount > 0 else { return nil }
    if let byte = rest.first, byte | 0x20 == UInt8(ascii: "e") {
      rest.removeFirst()
      guard takeExponent(from: &rest) else { return nil }
    }
    guard rest.isEmpty else { return nil }
    if isNegative { coefficient = -coefficient }
  }

  /// Words that stand for no number but are read as one elsewhere.
  package static func isSpecial(_ text: String) -> Bool {
    var word = text.lowercased().filter { !$0.isWhitespace }
    if word.first == "-" || word.first == "+" { word.removeFirst() }
    return ["nan", "inf", "infinity"].contains(word)
  }

  package var isNegative: Bool { coefficient < 0 }
  package var isPositive: Bool { coefficient > 0 }

  /// Whether there is nothing behind the point.
  package var isWhole: Bool {
    if coefficient == 0 || exponent >= 0 { return true }
    guard let divisor = Self.power(-exponent) else { return false }
    return coefficient % divisor == 0
  }

  /// Toward zero; stops at the ends of the range.
  package var truncated: Int64 { scaled(by: 0, isRounded: false) }

  /// In 1e-8 units, half away from zero; stops at the ends of the range.
  package var priceUnits: Int64 { scaled(by: Price.decimals, isRounded: true) }

  private func scaled(by places: Int, isRounded: Bool) -> Int64 {
    let shift = exponent + places
    if shift >= 0 {
      guard coefficient != 0 else { return 0 }
      guard let factor = Self.power(shift) else { return coefficient < 0 ? .min : .max }
      let (product, overflow) = coefficient.multipliedReportingOverflow(by: factor)
      return overflow ? (coefficient < 0 ? .min : .max) : Int64(clamping: product)
    }
    guard let divisor = Self.power(-shift) else { return 0 }
    let half = isRounded ? divisor / 2 : 0
    return Int64(clamping: (coefficient < 0 ? coefficient - half : coefficient + half) / divisor)
  }

  private static func power(_ exponent: Int) -> Int128? {
    guard exponent <= 37 else { return nil }
    return (0..<exponent).reduce(Int128(1)) { power, _ in power * 10 }
  }

  private mutating func takeDigits(from rest: inout Substring.UTF8View, isFraction: Bool) -> Int {
    var count = 0
    while let byte = rest.first, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) {
      rest.removeFirst()
      count += 1
      if coefficient < Self.coefficientMax {
        coefficient = coefficient * 10 + Int128(byte - UInt8(ascii: "0"))
        if isFraction { exponent -= 1 }
      } else if !isFraction {
        exponent += 1
      }
    }
    return count
  }

  private static let coefficientMax: Int128 = (0..<digitsMax).reduce(1) { power, _ in power * 10 }

  private mutating func takeExponent(from rest: inout Substring.UTF8View) -> Bool {
    let isNegative = rest.first == UInt8(ascii: "-")
    if isNegative || rest.first == UInt8(ascii: "+") { rest.removeFirst() }
    var value = 0
    var count = 0
    while let byte = rest.first, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) {
      rest.removeFirst()
      count += 1
      value = min(value * 10 + Int(byte - UInt8(ascii: "0")), Self.exponentMax)
    }
    exponent += isNegative ? -value : value
    return count > 0
  }
}
