// The trading day of one simulated instrument: a flat record of 128 bytes, prices in units of the wire.

/// Everything that packets of an instrument are made of.
public struct PriceState: BitwiseCopyable {
  var random: SeededGenerator
  /// Price times quantity of all trades of the day, in wire units.
  var turnover: UInt64 = 0
  /// Decides the quantities and orders of the book; new with every step.
  var bookBits: UInt64 = 0
  /// Instrument token.
  public internal(set) var token: UInt32 = 0

  // Prices in wire units, all on the tick grid but the average.
  public internal(set) var last: Int32 = 0
  public internal(set) var open: Int32 = 0
  public internal(set) var high: Int32 = 0
  public internal(set) var low: Int32 = 0
  /// Close of the previous day.
  public internal(set) var close: Int32 = 0
  public internal(set) var tick: Int32 = 1
  public internal(set) var lowerCircuit: Int32 = 0
  public internal(set) var upperCircuit: Int32 = 0
  /// Best bid of the book; always below the best ask, with the last price between or at them.
  public internal(set) var bid: Int32 = 0
  public internal(set) var ask: Int32 = 0
  /// Largest move of one step in ticks.
  public internal(set) var stride: Int32 = 1

  public internal(set) var lastQuantity: UInt32 = 0
  public internal(set) var volume: UInt32 = 0
  public internal(set) var totalBuy: UInt32 = 0
  public internal(set) var totalSell: UInt32 = 0
  public internal(set) var openInterest: UInt32 = 0
  public internal(set) var openInterestHigh: UInt32 = 0
  public internal(set) var openInterestLow: UInt32 = 0
  /// Quantities are multiples of it.
  public internal(set) var lot: UInt32 = 1
  /// Epoch seconds.
  public internal(set) var tradeSeconds: UInt32 = 0
  public internal(set) var exchangeSeconds: UInt32 = 0
  public internal(set) var isIndex = false

  /// Volume-weighted; between low and high, because every trade is.
  @inline(__always) public var average: Int32 {
    volume == 0 ? last : Int32(truncatingIfNeeded: turnover / UInt64(volume))
  }

  /// Quantity and orders of a level, 0 for the best: more further away.
  @inline(__always) public func level(_ index: Int, isBid: Bool) -> (quantity: UInt32, orders: UInt16) {
    let slice = UInt32(truncatingIfNeeded: bookBits &>> UInt64(index &* 6 &+ (isBid ? 0 : 30))) & 63
    let lots = 1 &+ slice &* UInt32(index &+ 1)
    return (lots &* lot, UInt16(truncatingIfNeeded: 1 &+ (slice &>> 1)))
  }

  /// The same beyond the fifth level.
  @inline(__always) func deepLevel(_ index: Int, isBid: Bool) -> (quantity: UInt32, orders: UInt16) {
    if index < 5 { return level(index, isBid: isBid) }
    let mixed = (bookBits ^ UInt64(truncatingIfNeeded: index &* 2 &+ (isBid ? 0 : 1))) &* 0x9E37_79B9_7F4A_7C15
    let lots = 1 &+ UInt32(truncatingIfNeeded: mixed &>> 40) & 0xFF
    return (lots &* lot, UInt16(truncatingIfNeeded: 1 &+ (lots &>> 3)))
  }

  /// Price of a level; levels are a tick apart. Not above 0 where the book has ended.
  @inline(__always) func price(ofLevel index: Int, isBid: Bool) -> Int32 {
    let distance = Int32(truncatingIfNeeded: index) &* tick
    return isBid ? bid &- distance : ask &+ distance
  }
}
