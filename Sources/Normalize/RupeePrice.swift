// Prices that come as binary fractions of a rupee, into the fixed-point numbers of `Price`. Pure leaf, no allocation.

import Market

/// `Double` rupees to 1e-8 units.
enum RupeePrice {
  /// Below this magnitude one multiplication and one addition round correctly: the product is below 2^51, where
  /// doubles have at least two binary places.
  @inline(__always) private static var quickMax: Double { 22_000_000 }
  /// 1.5 * 2^52: adding it leaves no place for a fraction.
  @inline(__always) private static var rounder: Double { 6_755_399_441_055_744 }

  /// The nearest multiple of 1e-8, ties to even; nil for NaN, infinities and what does not fit.
  @inline(__always)
  static func fixed8(_ rupees: Double) -> Int64? {
    if rupees.magnitude < quickMax {
      let product = rupees * Double(Price.scale)
      let whole = (product + rounder) - rounder
      // A product on a tie may have been rounded onto it; every other one is on the right side of it.
      if (product - whole).magnitude != 0.5 { return Int64(whole) }
    }
    return exact(rupees)
  }

  @inline(never)
  private static func exact(_ rupees: Double) -> Int64? {
    guard rupees.isFinite else { return nil }
    guard rupees != 0 else { return 0 }
    // The number is significand * 2^exponent; 53 and 27 bits leave room in 128.
    let exponent = Int(rupees.exponent) - Double.significandBitCount
    // Half a unit of 1e-8 is above 2^-28, so with 53 significant bits this is nothing; beyond 2^11 it is too much.
    guard exponent >= -90 else { return 0 }
    guard exponent <= 11 else { return nil }
    let scaled = Int128(rupees.magnitude.significandInteger) * Int128(Price.scale)
    var magnitude = exponent >= 0 ? scaled << Int128(exponent) : scaled >> Int128(-exponent)
    if exponent < 0 {
      let half = Int128(1) << Int128(-exponent - 1)
      let rest = scaled - magnitude << Int128(-exponent)
      if rest > half || rest == half && magnitude & 1 == 1 { magnitude += 1 }
    }
    return Int64(exactly: rupees < 0 ? -magnitude : magnitude)
  }
}

extension Double {
  /// The significand of a normal number as an integer of 53 bits.
  fileprivate var significandInteger: UInt64 { significandBitPattern | 1 << UInt64(Double.significandBitCount) }
}
