// The five packet layouts of the Kite ticker. Leaves: the length is checked, every offset is fixed, every write goes
// in place through the pointer.

import Market

extension KiteDecoder {
  /// Fills prices, quantities, times, mode and presence from a packet of a known length.
  @inline(__always)
  static func fill(_ tick: UnsafeMutablePointer<Tick>, from packet: UnsafeRawPointer, length: Int, unit: Int64) {
    tick.pointee.ltp = packet.signed32(4) &* unit
    tick.pointee.bidLevels = 0
    tick.pointee.askLevels = 0
    switch length {
    case PacketBytes.ltp:
      tick.pointee.mode = Mode.ltp.rawValue
      tick.pointee.presence = Presence.ltp.rawValue
    case PacketBytes.quote:
      fillQuote(tick, from: packet, unit: unit)
      tick.pointee.mode = Mode.quote.rawValue
      tick.pointee.presence = quoteBits
    case PacketBytes.full:
      fillQuote(tick, from: packet, unit: unit)
      fillFull(tick, from: packet, unit: unit)
    default:
      fillIndex(tick, from: packet, length: length, unit: unit)
    }
  }

  // Computed, not stored: these become constants in the code instead of lazily made globals.
  @inline(__always) private static var quoteBits: UInt32 {
    Presence([.ltp, .ohlc, .volume, .lastTradeQuantity, .averagePrice, .totals]).rawValue
  }
  @inline(__always) private static var fullBits: UInt32 {
    quoteBits | Presence([.openInterest, .openInterestRange, .depth]).rawValue
  }
  @inline(__always) private static var nanosPerSecond: Int64 { 1_000_000_000 }

  /// Bytes 8..<44 of a tradable packet.
  @inline(__always)
  private static func fillQuote(_ tick: UnsafeMutablePointer<Tick>, from packet: UnsafeRawPointer, unit: Int64) {
    tick.pointee.lastTradeQuantity = Int64(packet.bigEndian32(8))
    tick.pointee.averagePrice = packet.signed32(12) &* unit
    tick.pointee.volume = Int64(packet.bigEndian32(16))
    tick.pointee.totalBuyQuantity = Int64(packet.bigEndian32(20))
    tick.pointee.totalSellQuantity = Int64(packet.bigEndian32(24))
    tick.pointee.open = packet.signed32(28) &* unit
    tick.pointee.high = packet.signed32(32) &* unit
    tick.pointee.low = packet.signed32(36) &* unit
    tick.pointee.close = packet.signed32(40) &* unit
  }

  /// Bytes 44..<184 of a full packet.
  @inline(__always)
  private static func fillFull(_ tick: UnsafeMutablePointer<Tick>, from packet: UnsafeRawPointer, unit: Int64) {
    let tradeSeconds = packet.bigEndian32(44)
    let exchangeSeconds = packet.bigEndian32(60)
    tick.pointee.lastTradeTime = Int64(tradeSeconds) &* nanosPerSecond
    tick.pointee.exchangeTime = Int64(exchangeSeconds) &* nanosPerSecond
    tick.pointee.openInterest = Int64(packet.bigEndian32(48))
    tick.pointee.openInterestHigh = Int64(packet.bigEndian32(52))
    tick.pointee.openInterestLow = Int64(packet.bigEndian32(56))
    let bidLevels = fillSide(&tick.pointee.bids, from: packet + 64, unit: unit)
    let askLevels = fillSide(&tick.pointee.asks, from: packet + 124, unit: unit)
    tick.pointee.mode = Mode.depth.rawValue
    tick.pointee.bidLevels = bidLevels
    tick.pointee.askLevels = askLevels
    let bid = tick.pointee.bids[0]
    let ask = tick.pointee.asks[0]
    tick.pointee.bidPrice = bid.price
    tick.pointee.askPrice = ask.price
    tick.pointee.bidQuantity = bid.quantity
    tick.pointee.askQuantity = ask.quantity
    tick.pointee.presence =
      fullBits | bit(.lastTradeTime, when: tradeSeconds != 0) | bit(.exchangeTime, when: exchangeSeconds != 0)
      | bit(.bestBid, when: bid.price > 0) | bit(.bestAsk, when: ask.price > 0)
  }

  /// Five entries of 12 bytes: quantity, price, orders, two bytes of padding that are not always zero. Answers how
  /// many levels there are up to the last that is not empty.
  @inline(__always)
  private static func fillSide(
    _ side: inout InlineArray<5, DepthLevel>, from bytes: UnsafeRawPointer, unit: Int64
  ) -> UInt8 {
    var filled: UInt8 = 0
    for level in 0..<Tick.depthLevels {
      let quantityAndPrice = bytes.bigEndian64(level &* 12)
      let orders = UInt32(bytes.bigEndian16(level &* 12 &+ 8))
      let price = Int64(Int32(truncatingIfNeeded: quantityAndPrice)) &* unit
      side[level] = DepthLevel(
        price: price, quantity: UInt32(truncatingIfNeeded: quantityAndPrice &>> 32), orders: orders)
      if quantityAndPrice | UInt64(orders) != 0 { filled = UInt8(truncatingIfNeeded: level &+ 1) }
    }
    return filled
  }

  /// Index packets carry prices only, in another order than tradable ones: high, low, open, close. The exchange's
  /// time of the long form also stands for the last trade, since nothing trades.
  @inline(__always)
  private static func fillIndex(
    _ tick: UnsafeMutablePointer<Tick>, from packet: UnsafeRawPointer, length: Int, unit: Int64
  ) {
    tick.pointee.high = packet.signed32(8) &* unit
    tick.pointee.low = packet.signed32(12) &* unit
    tick.pointee.open = packet.signed32(16) &* unit
    tick.pointee.close = packet.signed32(20) &* unit
    var presence = Presence([.ltp, .ohlc]).rawValue
    var mode = Mode.quote
    if length == PacketBytes.indexFull {
      mode = .depth
      let seconds = packet.bigEndian32(28)
      tick.pointee.exchangeTime = Int64(seconds) &* nanosPerSecond
      tick.pointee.lastTradeTime = Int64(seconds) &* nanosPerSecond
      presence |= bit([.exchangeTime, .lastTradeTime], when: seconds != 0)
    }
    tick.pointee.mode = mode.rawValue
    tick.pointee.presence = presence
  }

  @inline(__always) private static func bit(_ presence: Presence, when isSet: Bool) -> UInt32 {
    isSet ? presence.rawValue : 0
  }
}
