// The fields of a foreign market-data payload as a tick. Pure. Adapters differ in names, units and care, so a field that
// is absent, null, of another type or beyond all reason counts as not sent; only the last price is required. The bounds
// keep later arithmetic of any consumer far from overflow.

import JSONText
import Market

enum IngestFields {
  private static let nanosPerMilli: Int64 = 1_000_000
  /// Older than this, a receive time is in another unit or wrong.
  private static let receivedAgeMaxMillis: Int64 = 86_400_000
  /// Trade times that are believed: from 2001 to 2100, in seconds or in milliseconds. The ranges do not meet.
  private static let tradeTimeSeconds: Range<Int64> = 1_000_000_000..<4_102_444_800
  private static let tradeTimeMillis: Range<Int64> = 1_000_000_000_000..<4_102_444_800_000

  /// False when there is no last price.
  static func fill(
    _ tick: UnsafeMutablePointer<Tick>, from root: JSONValue, mode: Mode, nowNanos: Int64
  ) -> Bool {
    let fields = Fields(root)
    guard let ltp = fields.price("ltp") else { return false }
    var presence: Presence = []
    tick.pointee.ltp = ltp
    // Adapters send 0 before the first trade.
    if ltp != 0 { presence.insert(.ltp) }
    tick.pointee.receivedTime = receivedNanos(fields.integer("timestamp"), nowNanos: nowNanos)
    if let time = tradeTimeNanos(fields.integer("ltt")) {
      tick.pointee.lastTradeTime = time
      presence.insert(.lastTradeTime)
    }
    if mode >= .quote { presence.formUnion(fillQuote(tick, fields)) }
    if mode == .depth { presence.formUnion(fillDepth(tick, root)) }
    tick.pointee.presence = presence.rawValue
    return true
  }

  /// When the other process received the tick, if that is believable: a tick that waited there must not look fresh.
  private static func receivedNanos(_ millis: Int64?, nowNanos: Int64) -> Int64 {
    let nowMillis = nowNanos / nanosPerMilli
    guard let millis, millis <= nowMillis, millis >= nowMillis - receivedAgeMaxMillis else { return nowNanos }
    return millis * nanosPerMilli
  }

  private static func tradeTimeNanos(_ value: Int64?) -> Int64? {
    guard let value else { return nil }
    if tradeTimeMillis.contains(value) { return value * nanosPerMilli }
    return tradeTimeSeconds.contains(value) ? value * 1000 * nanosPerMilli : nil
  }

  private static func fillQuote(_ tick: UnsafeMutablePointer<Tick>, _ fields: Fields) -> Presence {
    var presence: Presence = []
    if let open = fields.price("open"), let high = fields.price("high"), let low = fields.price("low"),
      let close = fields.price("close")
    {
      (tick.pointee.open, tick.pointee.high, tick.pointee.low, tick.pointee.close) = (open, high, low, close)
      presence.insert(.ohlc)
    }
    if let volume = fields.quantity("volume") {
      tick.pointee.volume = volume
      presence.insert(.volume)
    }
    let quantity = fields.quantity("last_trade_quantity") ?? fields.quantity("last_quantity") ?? fields.quantity("ltq")
    if let quantity {
      tick.pointee.lastTradeQuantity = quantity
      presence.insert(.lastTradeQuantity)
    }
    if let average = fields.price("average_price") ?? fields.price("avg_trade_price") {
      tick.pointee.averagePrice = average
      presence.insert(.averagePrice)
    }
    if let buy = fields.quantity("total_buy_quantity"), let sell = fields.quantity("total_sell_quantity") {
      (tick.pointee.totalBuyQuantity, tick.pointee.totalSellQuantity) = (buy, sell)
      presence.insert(.totals)
    }
    if let openInterest = fields.quantity("oi") {
      tick.pointee.openInterest = openInterest
      presence.insert(.openInterest)
    }
    if let upper = fields.price("upper_circuit"), let lower = fields.price("lower_circuit") {
      (tick.pointee.upperCircuit, tick.pointee.lowerCircuit) = (upper, lower)
      presence.insert(.circuits)
    }
    return presence.union(fillBest(tick, fields))
  }

  private static func fillBest(_ tick: UnsafeMutablePointer<Tick>, _ fields: Fields) -> Presence {
    var presence: Presence = []
    if let price = fields.price("bid_price"), let size = fields.quantity("bid_size") {
      tick.pointee.bidPrice = price
      tick.pointee.bidQuantity = UInt32(clamping: size)
      presence.insert(.bestBid)
    }
    if let price = fields.price("ask_price"), let size = fields.quantity("ask_size") {
      tick.pointee.askPrice = price
      tick.pointee.askQuantity = UInt32(clamping: size)
      presence.insert(.bestAsk)
    }
    return presence
  }

  /// Both sides or none. Levels beyond the fifth do not travel in a tick; padding with zeros is not counted.
  private static func fillDepth(_ tick: UnsafeMutablePointer<Tick>, _ root: JSONValue) -> Presence {
    guard let depth = root["depth"], let buy = depth["buy"], let sell = depth["sell"],
      buy.kind == .array, sell.kind == .array
    else { return [] }
    for (index, value) in buy.elements.prefix(Tick.depthLevels).enumerated() {
      let level = level(value)
      tick.pointee.bids[index] = level
      if level != DepthLevel() { tick.pointee.bidLevels = UInt8(index + 1) }
    }
    for (index, value) in sell.elements.prefix(Tick.depthLevels).enumerated() {
      let level = level(value)
      tick.pointee.asks[index] = level
      if level != DepthLevel() { tick.pointee.askLevels = UInt8(index + 1) }
    }
    return .depth
  }

  private static func level(_ value: JSONValue) -> DepthLevel {
    let fields = Fields(value)
    return DepthLevel(
      price: fields.price("price") ?? 0, quantity: UInt32(clamping: fields.quantity("quantity") ?? 0),
      orders: UInt32(clamping: fields.quantity("orders") ?? 0))
  }
}

/// Members of an object as numbers.
private struct Fields {
  /// A billion rupees, in 1e-8 units.
  private static let priceMax: Int64 = 100_000_000_000_000_000
  private static let quantityMax: Int64 = 1_000_000_000_000_000

  private var values: [String: JSONValue] = [:]

  init(_ object: JSONValue) {
    for (key, value) in object.members { values[key] = value }
  }

  /// In 1e-8 units. Exact for what can be said in them; binary noise beyond the eighth decimal, as in
  /// 1511.3999999999999, is rounded away.
  func price(_ name: String) -> Int64? {
    guard let value = values[name], value.kind == .integer || value.kind == .real else { return nil }
    let exact = Price.parse(String(decoding: value.raw, as: UTF8.self))
    let price = exact ?? value.double.flatMap { Int64(exactly: ($0 * Double(Price.scale)).rounded()) }
    return price.flatMap { $0.magnitude <= Self.priceMax.magnitude ? $0 : nil }
  }

  /// A count of something.
  func quantity(_ name: String) -> Int64? {
    integer(name).flatMap { (0...Self.quantityMax).contains($0) ? $0 : nil }
  }

  /// Also of a number that is written with a fraction of zero, as some tools do.
  func integer(_ name: String) -> Int64? {
    guard let value = values[name] else { return nil }
    if let integer = value.integer { return integer }
    return value.kind == .real ? value.double.flatMap { Int64(exactly: $0) } : nil
  }
}
