// Reads frames with their expected updates from Tests/Fixtures/feeds, for the decoders of any broker, and compares what
// a decoder made of them with what should be in it.

import Foundation
import Market
import Normalize
import Testing

/// One frame and the updates in it.
struct FeedVector: Sendable, CustomTestStringConvertible {
  var id: String
  var frame: [UInt8]
  var expected: [ExpectedUpdate]
  var isRejected: Bool
  /// Code of the disconnect that the frame is.
  var disconnectCode: UInt16?
  /// `market`, `depth20`, `depth200` where the broker has more than one kind of socket.
  var connection: String
  var testDescription: String { id }

  static func fixtures(_ broker: String) -> [FeedVector] {
    load(fixture("feeds/\(broker).json")) + load(fixture("feeds/\(broker)-examples.json"))
  }

  private static func load(_ url: URL) -> [FeedVector] {
    guard let data = try? Data(contentsOf: url),
      let file = try? JSONSerialization.jsonObject(with: data) as? [String: Any],
      let rows = file["vectors"] as? [[String: Any]]
    else { return [] }
    return rows.map { row in
      let expected = row["expect"] as? [[String: Any]] ?? []
      return FeedVector(
        id: row["id"] as? String ?? "?",
        frame: bytes(hex: row["frame_hex"] as? String ?? ""),
        expected: expected.map { json in
          let isCurrency = [3, 7].contains((json["seg"] as? NSNumber)?.intValue)
          return ExpectedUpdate(json: json, tolerance: isCurrency ? row["price_tol"] as? Double ?? 0 : 0)
        },
        isRejected: row["reject"] != nil,
        disconnectCode: (row["event"] as? [String: Any]).flatMap { $0["code"] as? NSNumber }?.uint16Value,
        connection: (row["context"] as? [String: String])?["connection"] ?? "market")
    }
  }
}

/// What a decoder answered for one packet: copies, made after each step.
struct Update: Sendable {
  var step: DecodeStep
  var tick: Tick
  var bids: [DepthLevel] = []
  var asks: [DepthLevel] = []
  var book: BookHead
  var event: DhanEvent
  var packet: [UInt8]

  /// A deep book without its levels.
  struct BookHead: Sendable, Equatable {
    var instrument: UInt32
    var feed: UInt8
    var sides: BookSides
    var capacity: UInt16
    var receivedTime: Int64
    var exchangeTime: Int64
  }

  init(
    _ step: DecodeStep, _ tick: Tick, _ book: UnsafePointer<DeepBook>, _ packet: UnsafeRawBufferPointer,
    event: DhanEvent = .none
  ) {
    self.step = step
    self.tick = tick
    self.event = event
    self.packet = Array(packet)
    let head = book.pointee
    self.book = BookHead(
      instrument: head.instrument, feed: head.feed, sides: BookSides(rawValue: head.sides), capacity: head.capacity,
      receivedTime: head.receivedTime, exchangeTime: head.exchangeTime)
    if step == .book {
      bids = (0..<Int(head.bidLevels)).map { head.bids[$0] }
      asks = (0..<Int(head.askLevels)).map { head.asks[$0] }
    }
  }
}

/// What an update should hold; what is not named must be absent.
struct ExpectedUpdate: Sendable {
  var token: String
  var segment: UInt8
  var kind: String
  /// Allowed difference of prices, 1e-8 units: Dhan's vectors have those of currency rounded to two decimals.
  private let tolerance: Int64
  private var prices: [String: Int64] = [:]
  private var numbers: [String: Int64] = [:]
  private var bids: [DepthLevel]?
  private var asks: [DepthLevel]?

  init(json: [String: Any], tolerance: Double) {
    self.tolerance = Int64(tolerance * Double(Price.scale))
    token = json["token"] as? String ?? ""
    segment = (json["seg"] as? NSNumber)?.uint8Value ?? 0
    kind = json["kind"] as? String ?? ""
    for name in ["ltp", "open", "high", "low", "close", "atp", "upper_circuit", "lower_circuit"] {
      if let value = json[name] as? NSNumber { prices[name] = Self.price(value) }
    }
    let names = ["ltq", "volume", "total_buy_qty", "total_sell_qty", "oi", "oi_high", "oi_low"]
    for name in names + ["ltt_ms", "exch_ts_ms", "recv_ts_ms"] {
      if let value = json[name] as? NSNumber { numbers[name] = value.int64Value }
    }
    let depth = json["depth"] as? [String: [[String: NSNumber]]]
    bids = depth?["buy"].map { $0.map(Self.level) }
    asks = depth?["sell"].map { $0.map(Self.level) }
    let side = (json["levels"] as? [[String: NSNumber]])?.map(Self.level)
    if json["side"] as? String == "buy" { bids = side } else if side != nil { asks = side }
  }

  /// Through decimal text, so that the comparison is exact.
  private static func price(_ value: NSNumber) -> Int64? { Price.parse("\(value.doubleValue)") }

  private static func level(_ json: [String: NSNumber]) -> DepthLevel {
    DepthLevel(
      price: json["price"].flatMap(price) ?? 0, quantity: json["quantity"]?.uint32Value ?? 0,
      orders: json["orders"]?.uint32Value ?? 0)
  }

  /// First difference as text; nil when the update is as expected.
  func difference(from update: Update) -> String? {
    if kind.hasPrefix("depth") { return difference(fromBook: update) }
    guard update.step == .tick else { return "step \(update.step)" }
    let tick = update.tick
    let modes: [String: Mode] = ["ltp": .ltp, "ticker": .ltp, "full": .depth, "snap_quote": .depth]
    if tick.mode != (modes[kind] ?? .quote).rawValue { return "mode \(tick.mode)" }
    for (name, value, bit) in Self.fields(of: tick) {
      let actual = tick.has(bit) ? value : nil
      let wanted = prices[name] ?? numbers[name].flatMap { Self.isTime(name) ? Self.nanos($0) : $0 }
      if let actual, let price = prices[name], abs(actual - price) <= tolerance { continue }
      if actual != wanted {
        return "\(name): \(actual.map(String.init) ?? "absent"), expected \(wanted.map(String.init) ?? "absent")"
      }
    }
    guard tick.has(.depth) == (bids != nil) else { return "depth presence" }
    guard let bids, let asks else { return tick.bidLevels | tick.askLevels == 0 ? nil : "levels without depth" }
    return difference("bid", tick.bids, count: tick.bidLevels, from: bids)
      ?? difference("ask", tick.asks, count: tick.askLevels, from: asks)
      ?? (tick.has(.bestBid) == (bids[0].price > 0) && tick.bidPrice == tick.bids[0].price ? nil : "best bid")
      ?? (tick.has(.bestAsk) == (asks[0].price > 0) && tick.askPrice == tick.asks[0].price ? nil : "best ask")
      ?? (tick.bidQuantity == bids[0].quantity && tick.askQuantity == asks[0].quantity ? nil : "best quantity")
  }

  private static func fields(of tick: Tick) -> [(String, Int64, Presence)] {
    [
      ("ltp", tick.ltp, .ltp), ("open", tick.open, .dayRange), ("high", tick.high, .dayRange),
      ("low", tick.low, .dayRange), ("close", tick.close, .close), ("atp", tick.averagePrice, .averagePrice),
      ("upper_circuit", tick.upperCircuit, .circuits), ("lower_circuit", tick.lowerCircuit, .circuits),
      ("ltq", tick.lastTradeQuantity, .lastTradeQuantity), ("volume", tick.volume, .volume),
      ("total_buy_qty", tick.totalBuyQuantity, .totals), ("total_sell_qty", tick.totalSellQuantity, .totals),
      ("oi", tick.openInterest, .openInterest), ("oi_high", tick.openInterestHigh, .openInterestRange),
      ("oi_low", tick.openInterestLow, .openInterestRange), ("ltt_ms", tick.lastTradeTime, .lastTradeTime),
      ("exch_ts_ms", tick.exchangeTime, .exchangeTime),
    ]
  }

  private static func isTime(_ name: String) -> Bool { name.hasSuffix("_ms") }

  /// A time of zero on the wire is absent.
  private static func nanos(_ millis: Int64) -> Int64? { millis == 0 ? nil : millis * 1_000_000 }

  private func difference(
    _ name: String, _ side: InlineArray<5, DepthLevel>, count: UInt8, from wanted: [DepthLevel]
  ) -> String? {
    let wantedCount = (wanted.lastIndex { $0 != DepthLevel() }).map { $0 + 1 } ?? 0
    if Int(count) != wantedCount { return "\(name) levels \(count)" }
    for (level, value) in wanted.enumerated() {
      var actual = side[level]
      if abs(actual.price - value.price) <= tolerance { actual.price = value.price }
      if actual != value { return "\(name) \(level): \(side[level])" }
    }
    return nil
  }

  private func difference(fromBook update: Update) -> String? {
    guard update.step == .book else { return "step \(update.step)" }
    var sides: BookSides = []
    if bids != nil { sides.insert(.bids) }
    if asks != nil { sides.insert(.asks) }
    if update.book.sides != sides { return "sides" }
    if update.bids != trimmed(bids) { return "bids \(update.bids)" }
    if update.asks != trimmed(asks) { return "asks \(update.asks)" }
    let capacity: UInt16 = kind == "depth20" ? 20 : 200
    if update.book.capacity != capacity { return "capacity \(update.book.capacity)" }
    let time = numbers["recv_ts_ms"].flatMap(Self.nanos) ?? 0
    return update.book.exchangeTime == time ? nil : "time \(update.book.exchangeTime)"
  }

  private func trimmed(_ side: [DepthLevel]?) -> [DepthLevel] {
    var side = side ?? []
    while side.last == DepthLevel() { side.removeLast() }
    return side
  }
}

/// Calls the body with a copy of the frame in memory of exactly its size, so that a sanitizer sees reads beyond it.
func withExactCopy<Answer>(_ frame: some Collection<UInt8>, _ body: (UnsafeRawBufferPointer) -> Answer) -> Answer {
  let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: frame.count, alignment: 1)
  defer { copy.deallocate() }
  copy.copyBytes(from: frame)
  return body(UnsafeRawBufferPointer(copy))
}
