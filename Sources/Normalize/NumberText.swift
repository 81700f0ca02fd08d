// Numbers and dates in foreign text, read from bytes without making a String. Nil is the only error.

import Market

enum NumberText {
  /// Digits only, at most `max`; nil for anything else.
  static func unsigned(_ bytes: UnsafeRawBufferPointer, max: UInt64) -> UInt64? {
    guard !bytes.isEmpty, bytes.count <= 20 else { return nil }
    var value: UInt64 = 0
    for byte in bytes {
      guard let digit = digit(byte) else { return nil }
      let (product, tooBig) = value.multipliedReportingOverflow(by: 10)
      let (sum, overflow) = product.addingReportingOverflow(digit)
      if tooBig || overflow { return nil }
      value = sum
    }
    return value <= max ? value : nil
  }

  /// `digits[.digits]` in 1e-8 units; nil for signs, exponents, more than 8 decimals that count, and overflow.
  static func price(_ bytes: UnsafeRawBufferPointer) -> Int64? {
    bytes.contains { $0 | 0x20 == UInt8(ascii: "e") } ? nil : decimal(bytes, places: Price.decimals)
  }

  /// A whole number from 0 to `max`, also when it is written as a decimal: `75`, `75.0`, `1.7352e12`.
  static func whole(_ bytes: UnsafeRawBufferPointer, max: Int64) -> Int64? {
    guard let value = decimal(bytes, places: 0), value <= max else { return nil }
    return value
  }

  /// `digits[.digits][e[+-]digits]` times ten to the power of `places`; nil for a sign, for what is no whole number
  /// then, and for overflow.
  static func decimal(_ bytes: UnsafeRawBufferPointer, places: Int) -> Int64? {
    guard bytes.count <= decimalBytesMax else { return nil }
    var value: Int128 = 0
    var power = places
    var hasPoint = false
    var hasDigit = false
    var at = 0
    while at < bytes.count, bytes[at] | 0x20 != UInt8(ascii: "e") {
      if bytes[at] == UInt8(ascii: "."), !hasPoint {
        hasPoint = true
      } else {
        guard let digit = digit(bytes[at]) else { return nil }
        hasDigit = true
        // Cannot overflow: 36 digits fit.
        value = value * 10 + Int128(digit)
        if hasPoint { power -= 1 }
      }
      at += 1
    }
    guard hasDigit else { return nil }
    if at < bytes.count {
      guard let exponent = exponent(UnsafeRawBufferPointer(rebasing: bytes[(at + 1)...])) else { return nil }
      power += exponent
    }
    return scaled(value, power: power)
  }

  /// 36 digits and a point, or fewer digits and an exponent.
  private static let decimalBytesMax = 37

  private static func exponent(_ bytes: UnsafeRawBufferPointer) -> Int? {
    let isNegative = bytes.first == UInt8(ascii: "-")
    let hasSign = isNegative || bytes.first == UInt8(ascii: "+")
    let digits = UnsafeRawBufferPointer(rebasing: bytes[(hasSign ? 1 : 0)...])
    return unsigned(digits, max: 99).map { isNegative ? -Int($0) : Int($0) }
  }

  private static func scaled(_ value: Int128, power: Int) -> Int64? {
    if value == 0 { return 0 }
    var value = value
    for _ in 0..<max(power, 0) {
      value *= 10
      if value > Int128(Int64.max) { return nil }
    }
    for _ in 0..<max(-power, 0) {
      guard value % 10 == 0 else { return nil }
      value /= 10
    }
    return Int64(exactly: value)
  }

  /// `YYYY-MM-DD` as days since 1970-01-01; nil for anything else and for dates that do not exist.
  static func day(_ bytes: UnsafeRawBufferPointer) -> Int32? {
    guard bytes.count == 10, bytes[4] == UInt8(ascii: "-"), bytes[7] == UInt8(ascii: "-"),
      let year = unsigned(UnsafeRawBufferPointer(rebasing: bytes[0..<4]), max: 9999),
      let month = unsigned(UnsafeRawBufferPointer(rebasing: bytes[5..<7]), max: 12),
      let day = unsigned(UnsafeRawBufferPointer(rebasing: bytes[8..<10]), max: 31)
    else { return nil }
    return CivilDate(year: Int(year), month: Int(month), dayOfMonth: Int(day))?.day
  }

  /// `DDMMMYYYY` with the month in English as days since 1970-01-01; nil for anything else.
  static func dayMonthYear(_ bytes: UnsafeRawBufferPointer) -> Int32? {
    guard bytes.count == 9,
      let day = unsigned(UnsafeRawBufferPointer(rebasing: bytes[0..<2]), max: 31),
      let year = unsigned(UnsafeRawBufferPointer(rebasing: bytes[5..<9]), max: 9999),
      let month = ISTTime.months.firstIndex(where: { name in
        zip(name.utf8, bytes[2..<5]).allSatisfy { $0 == $1 & 0xDF }
      })
    else { return nil }
    return CivilDate(year: Int(year), month: month + 1, dayOfMonth: Int(day))?.day
  }

  private static func digit(_ byte: UInt8) -> UInt64? {
    byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") ? UInt64(byte - UInt8(ascii: "0")) : nil
  }
}
