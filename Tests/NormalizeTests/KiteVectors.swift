// Reads frames with their expected ticks from Tests/Fixtures/feeds and compares them with what a decoder made.

import Foundation
import Market
import Normalize
import Testing

/// One frame and the ticks in it.
struct KiteVector: Sendable, CustomTestStringConvertible {
  var id: String
  var frame: [UInt8]
  var expected: [ExpectedTick]
  var isRejected: Bool
  var testDescription: String { id }

  static let fixtures = load(fixture("feeds/zerodha.json")) + load(fixture("feeds/zerodha-examples.json"))

  /// Captured frames outside the repository, where there are some.
  static var captured: [KiteVector] { sharedData("kite/expected.json").map(load) ?? [] }

  static func load(_ url: URL) -> [KiteVector] {
    guard let data = try? Data(contentsOf: url),
      let file = try? JSONSerialization.jsonObject(with: data) as? [String: Any],
      let rows = file["vectors"] as? [[String: Any]]
    else { return [] }
    return rows.map { row in
      KiteVector(
        id: row["id"] as? String ?? "?",
        frame: bytes(hex: row["frame_hex"] as? String ?? ""),
        expected: (row["expect"] as? [[String: Any]] ?? []).map(ExpectedTick.init(json:)),
        isRejected: row["reject"] != nil)
    }
  }
}

func fixture(_ path: String) -> URL {
  URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Fixtures").appendingPathComponent(path)
}

/// A file of the folder that TICKGATE_SHARED_DATA names; nil without it.
func sharedData(_ path: String) -> URL? {
  guard let folder = ProcessInfo.processInfo.environment["TICKGATE_SHARED_DATA"] else { return nil }
  let url = URL(fileURLWithPath: folder).appendingPathComponent(path)
  return FileManager.default.fileExists(atPath: url.path) ? url : nil
}

func bytes(hex: String) -> [UInt8] {
  let digits = Array(hex.utf8)
  return stride(from: 0, to: digits.count - 1, by: 2).map { index in
    UInt8(String(decoding: digits[index...index + 1], as: UTF8.self), radix: 16) ?? 0
  }
}

/// What a tick should hold; nil means that its presence bit must be clear.
struct ExpectedTick: Sendable {
  var token: UInt32
  var mode: Mode
  var prices: [String: Int64]
  var numbers: [String: Int64]
  var bids: [DepthLevel]?
  var asks: [DepthLevel]?

  init(json: [String: Any]) {
    let kind = json["kind"] as? String ?? ""
    token = UInt32(json["token"] as? String ?? "") ?? 0
    mode = kind.hasSuffix("full") ? .depth : kind.hasSuffix("quote") ? .quote : .ltp
    prices = [:]
    for name in ["ltp", "open", "high", "low", "close", "atp"] {
      if let value = json[name] as? NSNumber { prices[name] = Self.price(value) }
    }
    numbers = [:]
    let names = ["ltq", "volume", "total_buy_qty", "total_sell_qty", "oi", "oi_high", "oi_low", "ltt_ms", "exch_ts_ms"]
    for name in names {
      if let value = json[name] as? NSNumber { numbers[name] = value.int64Value }
    }
    // The exchange's time of an index stands for its last trade as well.
    if kind == "index_full" { numbers["ltt_ms"] = numbers["exch_ts_ms"] }
    let depth = json["depth"] as? [String: [[String: NSNumber]]]
    bids = depth?["buy"].map { $0.map(Self.level) }
    asks = depth?["sell"].map { $0.map(Self.level) }
  }

  /// Through decimal text, so that the comparison is exact.
  private static func price(_ value: NSNumber) -> Int64? {
    Price.parse(String(format: "%.8f", value.doubleValue))
  }

  private static func level(_ json: [String: NSNumber]) -> DepthLevel {
    DepthLevel(
      price: json["price"].flatMap(price) ?? 0, quantity: json["quantity"]?.uint32Value ?? 0,
      orders: json["orders"]?.uint32Value ?? 0)
  }

  /// First difference as text; nil when the tick is as expected.
  func difference(from tick: Tick) -> String? {
    func optional(_ value: Int64, _ bit: Presence) -> Int64? { tick.has(bit) ? value : nil }
    let milli: Int64 = 1_000_000
    // A time of zero on the wire is absent.
    let tradeTime = numbers["ltt_ms"].flatMap { $0 == 0 ? nil : $0 * milli }
    let exchangeTime = numbers["exch_ts_ms"].flatMap { $0 == 0 ? nil : $0 * milli }
    let pairs: [(String, Int64?, Int64?)] = [
      ("mode", Int64(tick.mode), Int64(mode.rawValue)),
      ("ltp", optional(tick.ltp, .ltp), prices["ltp"]),
      ("open", optional(tick.open, .ohlc), prices["open"]),
      ("high", optional(tick.high, .ohlc), prices["high"]),
      ("low", optional(tick.low, .ohlc), prices["low"]),
      ("close", optional(tick.close, .ohlc), prices["close"]),
      ("average", optional(tick.averagePrice, .averagePrice), prices["atp"]),
      ("ltq", optional(tick.lastTradeQuantity, .lastTradeQuantity), numbers["ltq"]),
      ("volume", optional(tick.volume, .volume), numbers["volume"]),
      ("buy", optional(tick.totalBuyQuantity, .totals), numbers["total_buy_qty"]),
      ("sell", optional(tick.totalSellQuantity, .totals), numbers["total_sell_qty"]),
      ("oi", optional(tick.openInterest, .openInterest), numbers["oi"]),
      ("oi high", optional(tick.openInterestHigh, .openInterestRange), numbers["oi_high"]),
      ("oi low", optional(tick.openInterestLow, .openInterestRange), numbers["oi_low"]),
      ("trade time", optional(tick.lastTradeTime, .lastTradeTime), tradeTime),
      ("exchange time", optional(tick.exchangeTime, .exchangeTime), exchangeTime),
      ("best bid", optional(tick.bidPrice, .bestBid), best(bids)?.price),
      ("best ask", optional(tick.askPrice, .bestAsk), best(asks)?.price),
      ("best bid quantity", optional(Int64(tick.bidQuantity), .bestBid), best(bids).map { Int64($0.quantity) }),
      ("best ask quantity", optional(Int64(tick.askQuantity), .bestAsk), best(asks).map { Int64($0.quantity) }),
      ("bid levels", Int64(tick.bidLevels), filled(bids)),
      ("ask levels", Int64(tick.askLevels), filled(asks)),
    ]
    for (name, actual, wanted) in pairs where actual != wanted {
      return "\(name): \(actual.map(String.init) ?? "absent"), expected \(wanted.map(String.init) ?? "absent")"
    }
    if tick.has(.circuits) { return "circuits: Kite does not send them" }
    guard tick.has(.depth) == (bids != nil) else { return "depth presence" }
    for level in 0..<Tick.depthLevels where bids != nil {
      if tick.bids[level] != bids?[level] { return "bid \(level): \(tick.bids[level])" }
      if tick.asks[level] != asks?[level] { return "ask \(level): \(tick.asks[level])" }
    }
    return nil
  }

  private func best(_ side: [DepthLevel]?) -> DepthLevel? { side?.first.flatMap { $0.price > 0 ? $0 : nil } }

  private func filled(_ side: [DepthLevel]?) -> Int64 {
    Int64((side?.lastIndex { $0 != DepthLevel() }).map { $0 + 1 } ?? 0)
  }
}

/// Runs whole frames through a decoder.
struct KiteRun {
  var ticks: [Tick] = []
  var last = DecodeStep.end
  var counters = DecodeCounters()

  static let receivedNanos: Int64 = 1_700_000_000_123_456_789

  /// Every token of `tokens` is the instrument of its index. The frame is copied to memory of exactly its size, so
  /// that a sanitizer sees reads beyond it.
  init(_ frame: some Collection<UInt8>, tokens: [UInt32]) {
    let entries = tokens.enumerated().map { TokenMap.Entry(token: UInt64($1), instrument: UInt32($0)) }
    var decoder = KiteDecoder(tokens: TokenMap(entries), feed: 7)
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: frame.count, alignment: 1)
    defer { copy.deallocate() }
    copy.copyBytes(from: frame)
    decoder.begin(UnsafeRawBufferPointer(copy), receivedNanos: Self.receivedNanos)
    var tick = Tick()
    last = decoder.next(into: &tick)
    while last == .tick {
      ticks.append(tick)
      last = decoder.next(into: &tick)
    }
    counters = decoder.counters
  }
}
