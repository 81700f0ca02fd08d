// One object of the readable form: member after member, under the names of the vector layout. Cold path.

import JSONText
import Market

/// Writes the members of one tick or book.
struct InspectedTick {
  private var writer = JSONWriter()

  init() { writer.beginObject() }

  /// The object; nothing can be added afterwards.
  consuming func json() -> [UInt8] {
    writer.endObject()
    return writer.bytes
  }

  mutating func text(_ name: String, _ text: String) { writer.member(name, text) }
  mutating func integer(_ name: String, _ number: Int64) { writer.member(name, number) }

  /// A price in 1e-8 units.
  mutating func price(_ name: String, _ price: Int64) {
    writer.key(name)
    writer.fixed8(price)
  }

  /// Nanoseconds since the epoch as milliseconds; 0 when the tick has no such time.
  mutating func millis(_ name: String, _ nanos: Int64, of tick: Tick, _ bit: Presence) {
    writer.member(name, tick.has(bit) ? nanos / 1_000_000 : 0)
  }

  /// A field of a tick, unless it is absent.
  mutating func price(_ name: String, _ price: Int64, of tick: Tick, _ bit: Presence) {
    if tick.has(bit) { self.price(name, price) }
  }

  mutating func integer(_ name: String, _ number: Int64, of tick: Tick, _ bit: Presence) {
    if tick.has(bit) { integer(name, number) }
  }

  /// Open, high, low and close of the day before.
  mutating func dayPrices(_ tick: Tick) {
    price("open", tick.open, of: tick, .dayRange)
    price("high", tick.high, of: tick, .dayRange)
    price("low", tick.low, of: tick, .dayRange)
    price("close", tick.close, of: tick, .close)
  }

  /// What is counted or averaged over the day.
  mutating func dayTotals(_ tick: Tick) {
    integer("ltq", tick.lastTradeQuantity, of: tick, .lastTradeQuantity)
    price("atp", tick.averagePrice, of: tick, .averagePrice)
    integer("volume", tick.volume, of: tick, .volume)
    integer("total_buy_qty", tick.totalBuyQuantity, of: tick, .totals)
    integer("total_sell_qty", tick.totalSellQuantity, of: tick, .totals)
  }

  /// A level as it is shown: quantities may be larger than a tick's.
  struct Level {
    var price: Int64
    var quantity: Int64
    /// Nil where the feed has none.
    var orders: Int64?

    init(_ level: DepthLevel, hasOrders: Bool = true) {
      price = level.price
      quantity = Int64(level.quantity)
      orders = hasOrders ? Int64(level.orders) : nil
    }
  }

  mutating func depth(buy: [Level], sell: [Level]) {
    writer.key("depth")
    writer.beginObject()
    levels("buy", buy)
    levels("sell", sell)
    writer.endObject()
  }

  mutating func levels(_ name: String, _ levels: [Level]) {
    writer.key(name)
    writer.beginArray()
    for level in levels {
      writer.beginObject()
      writer.key("price")
      writer.fixed8(level.price)
      writer.member("quantity", level.quantity)
      if let orders = level.orders { writer.member("orders", orders) }
      writer.endObject()
    }
    writer.endArray()
  }

  /// The common name, where it is known.
  mutating func name(_ key: InstrumentKey?) {
    guard let key else { return }
    writer.member("exchange", key.exchange.code)
    writer.member("symbol", key.symbol)
  }
}

extension Tick {
  /// The five levels of both sides, empty ones included.
  var inspectedBids: [InspectedTick.Level] { (0..<Tick.depthLevels).map { InspectedTick.Level(bids[$0]) } }
  var inspectedAsks: [InspectedTick.Level] { (0..<Tick.depthLevels).map { InspectedTick.Level(asks[$0]) } }
}
