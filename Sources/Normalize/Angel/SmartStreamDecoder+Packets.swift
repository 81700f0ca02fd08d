// The four packet layouts of SmartStream. Leaves: the length is checked, every offset is fixed, every write goes in
// place through the pointer.

import Market

extension SmartStreamDecoder {
  /// Fills prices, quantities, times, mode and presence from a packet of mode 1, 2 or 3. False for an impossible price;
  /// the tick then holds nothing.
  @inline(__always)
  static func fill(
    _ tick: UnsafeMutablePointer<Tick>, from packet: UnsafeRawPointer, length: Int, unit: Int64
  ) -> Bool {
    var prices = PriceReading()
    let exchangeTime = nanos(packet.littleSigned64(35), nanosPerUnit: 1_000_000)
    tick.pointee.exchangeTime = exchangeTime
    tick.pointee.ltp = prices.integer(packet.littleSigned64(43), unit: unit)
    tick.pointee.bidLevels = 0
    tick.pointee.askLevels = 0
    tick.pointee.mode = Mode.ltp.rawValue
    var presence = Presence.ltp.rawValue | bit(.exchangeTime, when: exchangeTime != 0)
    if length >= PacketBytes.quote {
      tick.pointee.mode = Mode.quote.rawValue
      presence |= fillQuote(tick, from: packet, unit: unit, &prices)
    }
    if length == PacketBytes.snapQuote {
      tick.pointee.mode = Mode.depth.rawValue
      presence |= fillSnapQuote(tick, from: packet, unit: unit, &prices)
    }
    tick.pointee.presence = presence
    return !prices.isBad
  }

  /// Bytes 51..<123. Answers what they carry.
  @inline(__always)
  private static func fillQuote(
    _ tick: UnsafeMutablePointer<Tick>, from packet: UnsafeRawPointer, unit: Int64, _ prices: inout PriceReading
  ) -> UInt32 {
    let lastTradeQuantity = packet.littleSigned64(51)
    let volume = packet.littleSigned64(67)
    let totalBuyQuantity = quantity(ofFloat64: packet.little64(75))
    let totalSellQuantity = quantity(ofFloat64: packet.little64(83))
    tick.pointee.lastTradeQuantity = lastTradeQuantity
    tick.pointee.averagePrice = prices.integer(packet.littleSigned64(59), unit: unit)
    tick.pointee.volume = volume
    tick.pointee.totalBuyQuantity = totalBuyQuantity
    tick.pointee.totalSellQuantity = totalSellQuantity
    tick.pointee.open = prices.integer(packet.littleSigned64(91), unit: unit)
    tick.pointee.high = prices.integer(packet.littleSigned64(99), unit: unit)
    tick.pointee.low = prices.integer(packet.littleSigned64(107), unit: unit)
    tick.pointee.close = prices.integer(packet.littleSigned64(115), unit: unit)
    return Presence([.ohlc, .averagePrice]).rawValue
      | bit(.lastTradeQuantity, when: lastTradeQuantity >= 0) | bit(.volume, when: volume >= 0)
      | bit(.totals, when: totalBuyQuantity >= 0 && totalSellQuantity >= 0)
  }

  /// Bytes 123..<379. The change of open interest at 139 is known to be garbage; the prices of 52 weeks have no place
  /// in a tick.
  @inline(__always)
  private static func fillSnapQuote(
    _ tick: UnsafeMutablePointer<Tick>, from packet: UnsafeRawPointer, unit: Int64, _ prices: inout PriceReading
  ) -> UInt32 {
    let lastTradeTime = nanos(packet.littleSigned64(123), nanosPerUnit: 1_000_000_000)
    let openInterest = packet.littleSigned64(131)
    tick.pointee.lastTradeTime = lastTradeTime
    tick.pointee.openInterest = openInterest
    tick.pointee.upperCircuit = prices.integer(packet.littleSigned64(347), unit: unit)
    tick.pointee.lowerCircuit = prices.integer(packet.littleSigned64(355), unit: unit)
    fillBook(tick, from: packet + 147, unit: unit, &prices)
    let bid = tick.pointee.bids[0]
    let ask = tick.pointee.asks[0]
    tick.pointee.bidPrice = bid.price
    tick.pointee.askPrice = ask.price
    tick.pointee.bidQuantity = bid.quantity
    tick.pointee.askQuantity = ask.quantity
    return Presence([.circuits, .depth]).rawValue | bit(.lastTradeTime, when: lastTradeTime != 0)
      | bit(.openInterest, when: openInterest >= 0) | bit(.bestBid, when: bid.price > 0)
      | bit(.bestAsk, when: ask.price > 0)
  }

  /// Ten entries of 20 bytes: flag, quantity, price, orders. The flag names the side, not the place; the order within a
  /// side is that of the wire. Of more than five of one side the rest is left out, what a side lacks stays empty.
  @inline(__always)
  private static func fillBook(
    _ tick: UnsafeMutablePointer<Tick>, from bytes: UnsafeRawPointer, unit: Int64, _ prices: inout PriceReading
  ) {
    tick.pointee.bids = .init(repeating: DepthLevel())
    tick.pointee.asks = .init(repeating: DepthLevel())
    var bidEntries = 0
    var askEntries = 0
    for entry in 0..<10 {
      let bytes = bytes + entry &* 20
      let level = DepthLevel(
        price: prices.integer(bytes.littleSigned64(10), unit: unit),
        quantity: UInt32(clamping: bytes.littleSigned64(2)), orders: UInt32(bytes.little16(18)))
      let isFilled = level.price != 0 || level.quantity | level.orders != 0
      if bytes.little16(0) != 0 {
        guard bidEntries < Tick.depthLevels else { continue }
        tick.pointee.bids[bidEntries] = level
        bidEntries &+= 1
        if isFilled { tick.pointee.bidLevels = UInt8(truncatingIfNeeded: bidEntries) }
      } else {
        guard askEntries < Tick.depthLevels else { continue }
        tick.pointee.asks[askEntries] = level
        askEntries &+= 1
        if isFilled { tick.pointee.askLevels = UInt8(truncatingIfNeeded: askEntries) }
      }
    }
  }

  /// Mode 4: 20 levels a side of 10 bytes, quantity, price, orders. Its first time is of unknown meaning; the second,
  /// when the broker received the data, stands for the exchange's.
  @inline(__always)
  static func fill(_ book: UnsafeMutablePointer<DeepBook>, from packet: UnsafeRawPointer, unit: Int64) {
    book.pointee.sides = BookSides([.bids, .asks]).rawValue
    book.pointee.capacity = UInt16(bookLevels)
    book.pointee.exchangeTime = nanos(packet.littleSigned64(35), nanosPerUnit: 1_000_000)
    book.pointee.bidLevels = fillSide(&book.pointee.bids, from: packet + 43, unit: unit)
    book.pointee.askLevels = fillSide(&book.pointee.asks, from: packet + 243, unit: unit)
  }

  @inline(__always) private static var bookLevels: Int { 20 }

  @inline(__always)
  private static func fillSide(
    _ side: inout InlineArray<200, DepthLevel>, from bytes: UnsafeRawPointer, unit: Int64
  ) -> UInt16 {
    var filled = 0
    for level in 0..<bookLevels {
      let bytes = bytes + level &* 10
      // 32 bits times a unit of at most 10^6 cannot overflow.
      let price = Int64(Int32(bitPattern: bytes.little32(4))) &* unit
      let quantity = UInt32(clamping: Int32(bitPattern: bytes.little32(0)))
      let orders = UInt32(clamping: Int16(bitPattern: bytes.little16(8)))
      side[level] = DepthLevel(price: price, quantity: quantity, orders: orders)
      if price != 0 || quantity | orders != 0 { filled = level &+ 1 }
    }
    return UInt16(truncatingIfNeeded: filled)
  }

  /// Epoch nanoseconds of a count of longer units; 0, absent, for what is no time.
  @inline(__always) private static func nanos(_ value: Int64, nanosPerUnit: Int64) -> Int64 {
    value > 0 && value <= Int64.max / nanosPerUnit ? value &* nanosPerUnit : 0
  }

  /// A quantity as float64; -1 for what is none.
  @inline(__always) private static func quantity(ofFloat64 bits: UInt64) -> Int64 {
    let value = Double(bitPattern: bits)
    return value >= 0 && value < 9_007_199_254_740_992 ? Int64(value) : -1
  }

  @inline(__always) private static func bit(_ presence: Presence, when isSet: Bool) -> UInt32 {
    isSet ? presence.rawValue : 0
  }
}
