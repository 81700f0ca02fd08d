import Market

// Integer arithmetic of the ledger. Money is Int64 in 1e-4 rupee, prices Int64 in 1e-8 rupee, quantities are units.
// Products are formed in 128 bits and rounded once, half away from zero, where a rule says so. Pure; never allocates.

/// Functions on amounts of money in 1e-4 rupee.
public enum Money {
  /// Units per rupee.
  public static let scale: Int64 = 10_000
  /// Units per paisa, the precision of margins and of everything reported.
  public static let paisa: Int64 = 100

  /// Price units per money unit.
  static let priceUnits = Int128(Price.scale / scale)

  /// `quantity` x `price`, unbounded, so that the caller decides what is too much.
  static func value(quantity: Int64, price: Int64) -> Int128 {
    divide(Int128(quantity) * Int128(price), by: priceUnits)
  }

  /// `quantity` x `price` / `leverage`, rounded to the paisa.
  static func margin(quantity: Int64, price: Int64, leverage: Int64) -> Int128 {
    assert(leverage > 0)
    let product = Int128(quantity) * Int128(price)
    return divide(product, by: priceUnits * Int128(paisa) * Int128(leverage)) * Int128(paisa)
  }

  /// The part of `total` that belongs to `part` of `whole` units. What remains is never rounded away: subtract.
  static func share(of total: Int64, part: Int64, whole: Int64) -> Int64 {
    precondition(part >= 0 && part <= whole && whole > 0, "a share of nothing")
    return Int64(divide(Int128(total) * Int128(part), by: Int128(whole)))
  }

  /// Average price in 1e-8 units of `quantity` units that cost `cost`; 0 for no units.
  static func averagePrice(cost: Int64, quantity: Int64) -> Int64 {
    guard quantity != 0 else { return 0 }
    return Int64(clamping: divide(Int128(cost) * priceUnits, by: Int128(quantity.magnitude)))
  }

  /// Profit of a position that is not closed, at `ltp`.
  static func unrealized(quantity: Int64, cost: Int64, ltp: Int64) -> Int64 {
    let value = value(quantity: Int64(quantity.magnitude), price: ltp)
    return Int64(clamping: quantity >= 0 ? value - Int128(cost) : Int128(cost) - value)
  }

  /// For totals of reports: stops at the end of the range instead of trapping.
  static func sum(_ a: Int64, _ b: Int64) -> Int64 { Int64(clamping: Int128(a) + Int128(b)) }

  /// As reported: to the paisa.
  static func reported(_ amount: Int64) -> Int64 {
    Int64(clamping: divide(Int128(amount), by: Int128(paisa)) * Int128(paisa))
  }

  /// `part` of `whole` in percent, in units of 1e-4 and rounded to 2 decimals; 0 for a whole of 0.
  static func percent(_ part: Int64, of whole: Int64) -> Int64 {
    guard whole != 0 else { return 0 }
    let sign: Int128 = whole < 0 ? -1 : 1
    let hundredths = divide(Int128(part) * sign * 10_000, by: Int128(whole.magnitude))
    return Int64(clamping: hundredths * Int128(paisa))
  }

  /// A price as reported: rounded to 2 decimals, on currency exchanges to 4.
  static func reportedPrice(_ price: Int64, on exchange: Exchange) -> Int64 {
    let unit: Int128 = exchange == .cds || exchange == .bcd ? 10_000 : 1_000_000
    return Int64(clamping: divide(Int128(price), by: unit) * unit)
  }

  /// Rupees with two decimals, for messages.
  public static func text(_ amount: Int64) -> String {
    let paise = reported(amount) / paisa
    let fraction = paise.magnitude % 100
    return "\(paise < 0 ? "-" : "")\(paise.magnitude / 100).\(fraction < 10 ? "0" : "")\(fraction)"
  }

  /// Half away from zero; the divisor is positive.
  private static func divide(_ value: Int128, by divisor: Int128) -> Int128 {
    let half = divisor / 2
    return (value >= 0 ? value + half : value - half) / divisor
  }
}
