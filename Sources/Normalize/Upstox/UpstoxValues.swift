// Numbers of the feed into numbers of a tick, with a note when one of them cannot be. Leaves on the tick path: no
// allocation.

import Market

/// Converts the numbers of one entry and remembers whether all of them were sound.
struct UpstoxValues {
  private(set) var hasBadPrice = false
  private(set) var hasBadNumber = false

  @inline(__always) private static var nanosPerMilli: Int64 { 1_000_000 }
  /// 2^63: the first `Double` that is no `Int64`.
  @inline(__always) private static var wholeMax: Double { 9_223_372_036_854_775_808 }

  /// Rupees in 1e-8 units. NaN, infinities, what is below zero and what does not fit are bad.
  @inline(__always)
  mutating func price(_ rupees: Double) -> Int64 {
    if let price = RupeePrice.fixed8(rupees), price >= 0 { return price }
    hasBadPrice = true
    return 0
  }

  @inline(__always)
  mutating func quantity(_ quantity: Int64) -> Int64 {
    if quantity < 0 { hasBadNumber = true }
    return quantity
  }

  /// A count that comes as a binary fraction: the whole part.
  @inline(__always)
  mutating func quantity(_ quantity: Double) -> Int64 {
    if quantity >= 0, quantity < Self.wholeMax { return Int64(quantity) }
    hasBadNumber = true
    return 0
  }

  /// Milliseconds since the epoch in nanoseconds.
  @inline(__always)
  mutating func nanos(_ millis: Int64) -> Int64 {
    if millis < 0 || millis > Int64.max / Self.nanosPerMilli { hasBadNumber = true }
    return millis &* Self.nanosPerMilli
  }

  /// Lays one level of both sides over `bid` and `ask`. Quantities beyond 32 bits saturate; the feed has no orders.
  @inline(__always)
  mutating func quote(_ message: UnsafeRawBufferPointer, _ bid: inout DepthLevel, _ ask: inout DepthLevel) {
    var fields = ProtobufReader(message)
    while fields.next() == .field {
      switch fields.tag {
      case UpstoxTag.Quote.bidQuantity: bid.quantity = UInt32(clamping: quantity(fields.signed))
      case UpstoxTag.Quote.bidPrice: bid.price = price(fields.double)
      case UpstoxTag.Quote.askQuantity: ask.quantity = UInt32(clamping: quantity(fields.signed))
      case UpstoxTag.Quote.askPrice: ask.price = price(fields.double)
      default: break
      }
    }
  }
}
