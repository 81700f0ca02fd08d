// The fields that quote and depth messages have beyond those of an LTP message, and the book. Pure functions of the
// tick, called on the tick path by `TickEncoder`; no allocation.

import Market

enum QuoteFields {
  /// What 32-bit clients can read of a count.
  static let countMax = Int64(Int32.max)

  @inline(never)
  static func write(_ tick: UnsafePointer<Tick>, isIndex: Bool, to cursor: inout TextCursor) {
    if tick.pointee.has(.dayRange) {
      cursor.text(",\"open\":")
      cursor.price(tick.pointee.open)
      cursor.text(",\"high\":")
      cursor.price(tick.pointee.high)
      cursor.text(",\"low\":")
      cursor.price(tick.pointee.low)
    }
    if tick.pointee.has(.close) {
      cursor.text(",\"close\":")
      cursor.price(tick.pointee.close)
    }
    if tick.pointee.has(.volume) {
      cursor.text(",\"volume\":")
      cursor.integer(tick.pointee.volume)
    } else if isIndex {
      cursor.text(",\"volume\":0")
    }
    writeTrade(tick, to: &cursor)
    if tick.pointee.has(.totals) {
      cursor.text(",\"total_buy_quantity\":")
      cursor.integer(tick.pointee.totalBuyQuantity)
      cursor.text(",\"total_sell_quantity\":")
      cursor.integer(tick.pointee.totalSellQuantity)
    }
    if tick.pointee.has([.ltp, .close]), tick.pointee.close > 0 { writeChange(tick, to: &cursor) }
    if tick.pointee.has(.openInterest) {
      cursor.text(",\"oi\":")
      cursor.integer(tick.pointee.openInterest)
    }
    if tick.pointee.has(.circuits) {
      cursor.text(",\"upper_circuit\":")
      cursor.price(tick.pointee.upperCircuit)
      cursor.text(",\"lower_circuit\":")
      cursor.price(tick.pointee.lowerCircuit)
    }
  }

  /// Last quantity and average price go out under both names that adapters have used.
  @inline(__always)
  private static func writeTrade(_ tick: UnsafePointer<Tick>, to cursor: inout TextCursor) {
    if tick.pointee.has(.lastTradeQuantity) {
      let quantity = min(tick.pointee.lastTradeQuantity, countMax)
      cursor.text(",\"last_trade_quantity\":")
      cursor.integer(quantity)
      cursor.text(",\"last_quantity\":")
      cursor.integer(quantity)
    }
    if tick.pointee.has(.averagePrice) {
      cursor.text(",\"average_price\":")
      cursor.price(tick.pointee.averagePrice)
      cursor.text(",\"avg_trade_price\":")
      cursor.price(tick.pointee.averagePrice)
    }
  }

  /// Left out where the difference does not fit the price type.
  @inline(__always)
  private static func writeChange(_ tick: UnsafePointer<Tick>, to cursor: inout TextCursor) {
    let (change, overflow) = tick.pointee.ltp.subtractingReportingOverflow(tick.pointee.close)
    if overflow { return }
    cursor.text(",\"change\":")
    cursor.price(change)
    if let percent = percent(change, of: tick.pointee.close) {
      cursor.text(",\"change_percent\":")
      cursor.price(percent)
    }
  }

  /// `change` in percent of `close` > 0, rounded to two decimals, halves away from zero; in 1e-8 units. Nil when it
  /// does not fit.
  @inline(__always)
  static func percent(_ change: Int64, of close: Int64) -> Int64? {
    let hundredthsPerUnit: Int64 = 10_000
    let unitsPerHundredth: Int64 = 1_000_000
    let magnitude = change.magnitude
    // Below 4e14 (four million rupees) nothing here can overflow 64 bits: a price unit is at least 1.
    if magnitude < 400_000_000_000_000, close > 1_000_000 {
      let rounded = (magnitude &* UInt64(hundredthsPerUnit) &+ UInt64(close) / 2) / UInt64(close)
      // rounded < 4e18 / 1e6 + 1, so the product stays below 4e18.
      let units = Int64(rounded) &* unitsPerHundredth
      return change < 0 ? -units : units
    }
    let rounded = (Int128(magnitude) * Int128(hundredthsPerUnit) + Int128(close / 2)) / Int128(close)
    guard let units = Int64(exactly: rounded * Int128(unitsPerHundredth)) else { return nil }
    return change < 0 ? -units : units
  }

  /// Best bid and ask of a quote message, where the feed sends them.
  @inline(__always)
  static func writeBest(_ tick: UnsafePointer<Tick>, to cursor: inout TextCursor) {
    let hasBid = tick.pointee.has(.bestBid)
    let hasAsk = tick.pointee.has(.bestAsk)
    guard hasBid || hasAsk else { return }
    if hasBid {
      cursor.text(",\"bid_price\":")
      cursor.price(tick.pointee.bidPrice)
    }
    if hasAsk {
      cursor.text(",\"ask_price\":")
      cursor.price(tick.pointee.askPrice)
    }
    if hasBid {
      cursor.text(",\"bid_size\":")
      cursor.integer(min(Int64(tick.pointee.bidQuantity), countMax))
    }
    if hasAsk {
      cursor.text(",\"ask_size\":")
      cursor.integer(min(Int64(tick.pointee.askQuantity), countMax))
    }
  }
}

/// The book of a depth message: always five levels a side, empty ones zero; nothing where the feed sent no book. A book
/// beyond five levels has as many as its name says, filled up in the same way.
enum DepthFields {
  @inline(never)
  static func write(_ book: UnsafePointer<DeepBook>, levelsMax: Int, to cursor: inout TextCursor) {
    let count = max(Tick.depthLevels, min(Int(book.pointee.capacity), levelsMax))
    cursor.text(",\"depth\":{\"buy\":[")
    for index in 0..<count {
      write(index < Int(book.pointee.bidLevels) ? book.pointee.bids[index] : DepthLevel(), to: &cursor)
    }
    cursor.drop(1)
    cursor.text("],\"sell\":[")
    for index in 0..<count {
      write(index < Int(book.pointee.askLevels) ? book.pointee.asks[index] : DepthLevel(), to: &cursor)
    }
    cursor.drop(1)
    cursor.text("]},\"depth_level\":")
    cursor.integer(Int64(count))
  }

  @inline(never)
  static func write(_ tick: UnsafePointer<Tick>, to cursor: inout TextCursor) {
    guard tick.pointee.has(.depth) else { return }
    cursor.text(",\"depth\":{\"buy\":[")
    writeSide(tick.pointee.bids, levels: Int(tick.pointee.bidLevels), to: &cursor)
    cursor.text("],\"sell\":[")
    writeSide(tick.pointee.asks, levels: Int(tick.pointee.askLevels), to: &cursor)
    cursor.text("]},\"depth_level\":5")
  }

  @inline(__always)
  private static func writeSide(
    _ side: InlineArray<5, DepthLevel>, levels: Int, to cursor: inout TextCursor
  ) {
    var index = 0
    while index < Tick.depthLevels {
      write(index < levels ? side[index] : DepthLevel(), to: &cursor)
      index &+= 1
    }
    cursor.drop(1)
  }

  @inline(__always)
  private static func write(_ level: DepthLevel, to cursor: inout TextCursor) {
    if level == DepthLevel() { return cursor.text("{\"price\":0.0,\"quantity\":0,\"orders\":0},") }
    cursor.text("{\"price\":")
    cursor.price(level.price)
    cursor.text(",\"quantity\":")
    cursor.integer(min(Int64(level.quantity), QuoteFields.countMax))
    cursor.text(",\"orders\":")
    cursor.integer(min(Int64(level.orders), QuoteFields.countMax))
    cursor.text("},")
  }
}
