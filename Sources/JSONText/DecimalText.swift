// Numbers as decimal text, straight into raw memory: the inner loop of every tick encoder. No allocation, no table
// (eight digits are split by multiplication in one register), no branch per digit.
// Callers guarantee room: an integer takes at most 20 bytes, a fixed-point number at most 22.

public enum DecimalText {
  /// Most bytes that any function here writes.
  public static let bytesMax = 24

  /// Eight decimal digits of `value` < 1e8 as bytes 0...9, most significant digit in the lowest byte.
  @inlinable @inline(__always)
  static func eightDigits(_ value: UInt64) -> UInt64 {
    let high = value / 10_000
    let merged = high | ((value &- high &* 10_000) << 32)
    let top = ((merged &* 10_486) >> 20) & 0x7F_0000_007F
    let pairs = ((merged &- 100 &* top) << 16) &+ top
    let tens = ((pairs &* 103) >> 10) & 0x000F_000F_000F_000F
    return tens &+ ((pairs &- 10 &* tens) << 8)
  }

  /// Writes `value` without leading zeros; returns the bytes written. Eight bytes are stored at a time, so up to seven
  /// bytes after the result are overwritten.
  @inlinable @inline(__always)
  public static func write(_ value: UInt64, to out: UnsafeMutableRawPointer) -> Int {
    if value < 100_000_000 {
      let digits = eightDigits(value)
      // The last digit always stays, so that zero is written as 0.
      let skipped = min((digits.trailingZeroBitCount) >> 3, 7)
      out.storeBytes(of: (digits | ascii0) >> UInt64(skipped &* 8), as: UInt64.self)
      return 8 &- skipped
    }
    return writeLong(value, to: out)
  }

  /// 0x30 in every byte, as a value the optimiser folds.
  @inlinable @inline(__always) static var ascii0: UInt64 { 0x3030_3030_3030_3030 }

  @inlinable @inline(never)
  static func writeLong(_ value: UInt64, to out: UnsafeMutableRawPointer) -> Int {
    let high = value / 100_000_000
    var count: Int
    if high < 100_000_000 {
      count = write(high, to: out)
    } else {
      let top = high / 100_000_000
      count = write(top, to: out)
      (out + count).storeBytes(of: eightDigits(high % 100_000_000) | ascii0, as: UInt64.self)
      count &+= 8
    }
    (out + count).storeBytes(of: eightDigits(value % 100_000_000) | ascii0, as: UInt64.self)
    return count &+ 8
  }

  @inlinable @inline(__always)
  public static func write(_ value: Int64, to out: UnsafeMutableRawPointer) -> Int {
    if value >= 0 { return write(UInt64(bitPattern: value), to: out) }
    out.storeBytes(of: UInt8(ascii: "-"), as: UInt8.self)
    return write(value.magnitude, to: out + 1) &+ 1
  }

  /// Writes a number in units of 1e-8 as the shortest decimal with at least one decimal place: `1511.4`, `24510.0`,
  /// `78.6690921`. Never loses a digit.
  @inlinable @inline(__always)
  public static func writeFixed8(_ value: Int64, to out: UnsafeMutableRawPointer) -> Int {
    var start = out
    if value < 0 {
      start.storeBytes(of: UInt8(ascii: "-"), as: UInt8.self)
      start += 1
    }
    let magnitude = value.magnitude
    let whole = magnitude / 100_000_000
    let fraction = eightDigits(magnitude &- whole &* 100_000_000)
    let point = start + write(whole, to: start)
    point.storeBytes(of: UInt8(ascii: "."), as: UInt8.self)
    (point + 1).storeBytes(of: fraction | ascii0, as: UInt64.self)
    let trailingZeros = min(fraction.leadingZeroBitCount >> 3, 7)
    return (point + 1) - out &+ (8 &- trailingZeros)
  }
}
