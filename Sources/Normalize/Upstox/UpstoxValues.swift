// Numbers of the feed into numbers of a tick, with a note when one of them cannot be. Leaves on the tick path: no
// allocation.

import Market

/// Converts the numbers of one entry and remembers whether all of them were sound.
struct UpstoxValues: BitwiseCopyable {
  private var prices = PriceReading()
  /// A price that is no number, below zero or beyond the range: the entry gives no tick.
  @inline(__always) var hasBadPrice: Bool { prices.isBad }
  /// A quantity or a time that cannot be: the tick comes without it.
  private(set) var hasBadNumber = false

  @inline(__always) private static var nanosPerMilli: Int64 { 1_000_000 }
  /// 2^53: whole numbers above are not told apart by the wire.
  @inline(__always) private static var wholeMax: Double { 9_007_199_254_740_992 }

  @inline(__always) init() {}

  /// Rupees in 1e-8 units.
  @inline(__always) mutating func price(_ bits: UInt64) -> Int64 { prices.float64(bits) }

  /// Nil for a quantity below zero.
  @inline(__always)
  mutating func quantity(_ quantity: Int64) -> Int64? {
    if quantity >= 0 { return quantity }
    hasBadNumber = true
    return nil
  }

  /// The whole part of a quantity that comes as a binary fraction. Nil for what is no quantity.
  @inline(__always)
  mutating func quantity(_ quantity: Double) -> Int64? {
    if quantity >= 0, quantity < Self.wholeMax { return Int64(quantity) }
    hasBadNumber = true
    return nil
  }

  /// Milliseconds since the epoch in nanoseconds; nil for what is no time.
  @inline(__always)
  mutating func nanos(_ millis: Int64) -> Int64? {
    if millis >= 0, millis <= Int64.max / Self.nanosPerMilli { return millis &* Self.nanosPerMilli }
    hasBadNumber = true
    return nil
  }

  /// Lays one level of both sides over `bid` and `ask`. Quantities beyond 32 bits saturate; the feed has no orders.
  @inline(__always)
  mutating func quote(_ message: UnsafeRawBufferPointer, _ bid: inout DepthLevel, _ ask: inout DepthLevel) {
    var fields = ProtobufReader(message)
    while fields.next() == .field {
      switch fields.tag {
      case UpstoxTag.Quote.bidQuantity: bid.quantity = UInt32(clamping: quantity(fields.signed) ?? 0)
      case UpstoxTag.Quote.bidPrice: bid.price = price(fields.scalar)
      case UpstoxTag.Quote.askQuantity: ask.quantity = UInt32(clamping: quantity(fields.signed) ?? 0)
      case UpstoxTag.Quote.askPrice: ask.price = price(fields.scalar)
      default: break
      }
    }
  }
}
