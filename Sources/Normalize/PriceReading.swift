// Prices of the wire in units of 1e-8, without a String in between. Leaves of the decoders: no allocation, no throw; a
// packet reads all its prices and asks once whether one of them was impossible.

import Market

/// Reads the prices of one packet.
struct PriceReading: BitwiseCopyable {
  /// Whether a price was no number, or beyond what 64 bits of 1e-8 units hold.
  private(set) var isBad = false

  @inline(__always) init() {}

  /// An integer price. `unit` is what one of it is worth in 1e-8 units.
  @inline(__always) mutating func integer(_ value: Int64, unit: Int64) -> Int64 {
    let (price, overflow) = value.multipliedReportingOverflow(by: unit)
    isBad = isBad || overflow
    return price
  }

  /// A price in rupees as float32: two decimals where they make the same float32, and they then are the shortest text
  /// of it as long as its 24 bits hold two decimals (below 131,072); else the shortest decimal that is the same
  /// float32. Not a number, infinite, below zero or above `rupeesMax` is bad.
  @inline(__always) mutating func float32(_ bits: UInt32) -> Int64 {
    // One comparison of integers: not-a-numbers and negative values have larger bits than any good price.
    guard bits <= Float(Self.rupeesMax).bitPattern else {
      isBad = isBad || bits != Float(-0.0).bitPattern
      return 0
    }
    let value = Float(bitPattern: bits)
    let hundredths = Int64(Double(value) * 100 + 0.5)
    guard Float(Double(hundredths) / 100) == value else { return Self.shortest(value) }
    return hundredths &* (Price.scale / 100)
  }

  /// A price in rupees as float64. It has digits to spare, so it is rounded: to all 8 decimals where a float64 has
  /// them, to 4 above.
  @inline(__always) mutating func float64(_ bits: UInt64) -> Int64 {
    guard bits <= Double(Self.rupeesMax).bitPattern else {
      isBad = isBad || bits != (-0.0).bitPattern
      return 0
    }
    let value = Double(bitPattern: bits)
    return value < 8_388_608 ? Int64(value * 100_000_000 + 0.5) : Int64(value * 10_000 + 0.5) &* 10_000
  }

  /// Some way below the 92.2 billion that 64 bits hold.
  private static var rupeesMax: Int64 { 92_000_000_000 }

  /// Prices of more than two decimals: currency. Far below 2^24, where a float32 has none.
  @inline(never) private static func shortest(_ value: Float) -> Int64 {
    var power = 1_000.0
    var unit = Price.scale / 1_000
    while true {
      // Exact: 24 bits times at most 10^8.
      let digits = Int64((Double(value) * power).rounded(.toNearestOrEven))
      // More decimals than a price has are rounded away.
      if unit == 1 || Float(Double(digits) / power) == value { return digits &* unit }
      power *= 10
      unit /= 10
    }
  }
}
