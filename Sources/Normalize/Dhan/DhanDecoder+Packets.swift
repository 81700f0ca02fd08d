// The packet layouts of Dhan's market feed. Leaves: the length is checked, every offset is fixed, every write goes in
// place through the pointer.

import Market

extension DhanDecoder {
  /// Fills in what a packet says. Its kind is one of the five that carry market data. False for an impossible price; the
  /// tick then holds nothing.
  @inline(__always)
  static func fill(_ tick: UnsafeMutablePointer<Tick>, from packet: UnsafeRawPointer, code: UInt8) -> Bool {
    var prices = PriceReading()
    tick.pointee.bidLevels = 0
    tick.pointee.askLevels = 0
    switch code {
    case Code.ticker:
      tick.pointee.ltp = prices.float32(packet.little32(8))
      tick.pointee.mode = Mode.ltp.rawValue
      tick.pointee.presence = Presence.ltp.rawValue | fillTradeTime(tick, packet.little32(12))
    case Code.quote:
      tick.pointee.mode = Mode.quote.rawValue
      tick.pointee.presence = fillQuote(tick, from: packet, dayPrices: 34, &prices)
    case Code.full:
      tick.pointee.mode = Mode.depth.rawValue
      tick.pointee.presence = fillQuote(tick, from: packet, dayPrices: 46, &prices) | fillFull(tick, packet, &prices)
    case Code.openInterest:
      tick.pointee.openInterest = Int64(packet.little32(8))
      tick.pointee.mode = Mode.quote.rawValue
      tick.pointee.presence = Presence.openInterest.rawValue
    default:
      // The open interest of the previous day, at 12, has no place in a tick.
      tick.pointee.close = prices.float32(packet.little32(8))
      tick.pointee.mode = Mode.quote.rawValue
      tick.pointee.presence = Presence.close.rawValue
    }
    return !prices.isBad
  }

  // Computed, not stored: these become constants in the code instead of lazily made globals.
  @inline(__always) private static var quoteBits: UInt32 {
    Presence([.ltp, .ohlc, .volume, .lastTradeQuantity, .averagePrice, .totals]).rawValue
  }
  @inline(__always) private static var fullBits: UInt32 {
    Presence([.openInterest, .openInterestRange, .depth]).rawValue
  }

  /// Bytes 8..<34 and the four day prices of a quote or full packet. Sell comes before buy, close before high. The
  /// close may be 0, which means that packet 6 has it.
  @inline(__always)
  private static func fillQuote(
    _ tick: UnsafeMutablePointer<Tick>, from packet: UnsafeRawPointer, dayPrices: Int, _ prices: inout PriceReading
  ) -> UInt32 {
    tick.pointee.ltp = prices.float32(packet.little32(8))
    tick.pointee.lastTradeQuantity = Int64(packet.little16(12))
    tick.pointee.averagePrice = prices.float32(packet.little32(18))
    tick.pointee.volume = Int64(packet.little32(22))
    tick.pointee.totalSellQuantity = Int64(packet.little32(26))
    tick.pointee.totalBuyQuantity = Int64(packet.little32(30))
    tick.pointee.open = prices.float32(packet.little32(dayPrices))
    tick.pointee.close = prices.float32(packet.little32(dayPrices &+ 4))
    tick.pointee.high = prices.float32(packet.little32(dayPrices &+ 8))
    tick.pointee.low = prices.float32(packet.little32(dayPrices &+ 12))
    return quoteBits | fillTradeTime(tick, packet.little32(14))
  }

  /// Bytes 34..<46 and 62..<162 of a full packet.
  @inline(__always)
  private static func fillFull(
    _ tick: UnsafeMutablePointer<Tick>, _ packet: UnsafeRawPointer, _ prices: inout PriceReading
  ) -> UInt32 {
    tick.pointee.openInterest = Int64(packet.little32(34))
    tick.pointee.openInterestHigh = Int64(packet.little32(38))
    tick.pointee.openInterestLow = Int64(packet.little32(42))
    for level in 0..<Tick.depthLevels {
      // Both quantities, both counts of orders, both prices.
      let bytes = packet + (62 &+ level &* 20)
      let bid = DepthLevel(
        price: prices.float32(bytes.little32(12)), quantity: bytes.little32(0), orders: UInt32(bytes.little16(8)))
      let ask = DepthLevel(
        price: prices.float32(bytes.little32(16)), quantity: bytes.little32(4), orders: UInt32(bytes.little16(10)))
      tick.pointee.bids[level] = bid
      tick.pointee.asks[level] = ask
      if isFilled(bid) { tick.pointee.bidLevels = UInt8(truncatingIfNeeded: level &+ 1) }
      if isFilled(ask) { tick.pointee.askLevels = UInt8(truncatingIfNeeded: level &+ 1) }
    }
    let bid = tick.pointee.bids[0]
    let ask = tick.pointee.asks[0]
    tick.pointee.bidPrice = bid.price
    tick.pointee.askPrice = ask.price
    tick.pointee.bidQuantity = bid.quantity
    tick.pointee.askQuantity = ask.quantity
    return fullBits | bit(.bestBid, when: bid.price > 0) | bit(.bestAsk, when: ask.price > 0)
  }

  /// The time of the last trade is the clock on an Indian wall, written as if it were UTC. 0 is never.
  @inline(__always)
  private static func fillTradeTime(_ tick: UnsafeMutablePointer<Tick>, _ wallSeconds: UInt32) -> UInt32 {
    let nanos = Int64(wallSeconds) &* 1_000_000_000 &- ISTTime.offsetNanos
    tick.pointee.lastTradeTime = nanos
    return bit(.lastTradeTime, when: nanos > 0)
  }

  @inline(__always) static func isFilled(_ level: DepthLevel) -> Bool {
    level.price != 0 || level.quantity | level.orders != 0
  }

  @inline(__always) private static func bit(_ presence: Presence, when isSet: Bool) -> UInt32 {
    isSet ? presence.rawValue : 0
  }
}
