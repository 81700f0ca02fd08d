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
    var value: Int64 = 0
    var decimals = -1
    var hasDigit = false
    for byte in bytes {
      if byte == UInt8(ascii: "."), decimals < 0 {
        decimals = 0
        continue
      }
      guard let digit = digit(byte) else { return nil }
      hasDigit = true
      if decimals >= Price.decimals {
        if digit != 0 { return nil }
        continue
      }
      if decimals >= 0 { decimals += 1 }
      let (product, tooBig) = value.multipliedReportingOverflow(by: 10)
      let (sum, overflow) = product.addingReportingOverflow(Int64(digit))
      if tooBig || overflow { return nil }
      value = sum
    }
    guard hasDigit else { return nil }
    for _ in max(decimals, 0)..<Price.decimals {
      let (product, overflow) = value.multipliedReportingOverflow(by: 10)
      if overflow { return nil }
      value = product
    }
    return value
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

  private static func digit(_ byte: UInt8) -> UInt64? {
    byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") ? UInt64(byte - UInt8(ascii: "0")) : nil
  }
}
