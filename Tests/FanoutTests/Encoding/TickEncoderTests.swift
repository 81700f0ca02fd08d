// What clients read, field by field. Expected texts are written out by hand from the contract.

import Fanout
import JSONText
import Market
import Testing

@Suite struct TickEncoderTests {
  private static let registry = InstrumentRegistry([
    instrument(.nse, "INFY"), instrument(.nseIndex, "NIFTY", kind: .index), instrument(.nse, "M&M"),
    instrument(.cds, "USDINR29DEC26FUT", kind: .future), instrument(.nse, "A\"B\\C\u{1}\n€"),
  ])

  private func message(_ tick: Tick, _ mode: Mode) -> String {
    var encoder = TickEncoder(registry: Self.registry, feedNames: ["dhan", "zer\"odha"])
    let result = encoded(&encoder, tick, mode)
    #expect(result.guardsAreIntact)
    return result.text + "}"
  }

  private func data(_ tick: Tick, _ mode: Mode) throws -> JSONValue {
    try #require(JSONDocument(message(tick, mode)).root["data"])
  }

  @Test func `an LTP message is exactly the contract's example`() {
    var tick = exampleTick(1, .ltp)
    tick.ltp = 2_451_035_000_000
    #expect(
      message(tick, .ltp)
        == #"{"type":"market_data","symbol":"NIFTY","exchange":"NSE_INDEX","mode":1,"data":{"symbol":"NIFTY","#
        + #""exchange":"NSE_INDEX","mode":1,"ltp":24510.35,"ltt":1795399040640,"timestamp":1795399040661},"#
        + #""broker":"dhan"}"#)
  }

  @Test func `a quote message has the contract's fields in its order`() {
    let tick = exampleTick(0, .quote, presence: everyPresence.subtracting([.circuits, .bestBid, .bestAsk]))
    #expect(
      message(tick, .quote)
        == #"{"type":"market_data","symbol":"INFY","exchange":"NSE","mode":2,"data":{"symbol":"INFY","exchange":"NSE","#
        + #""mode":2,"ltp":1511.4,"ltt":1795399040640,"timestamp":1795399040661,"open":1502.0,"high":1516.8,"#
        + #""low":1498.1,"close":1500.25,"volume":4410233,"last_trade_quantity":12,"last_quantity":12,"#
        + #""average_price":1508.77,"avg_trade_price":1508.77,"total_buy_quantity":311200,"#
        + #""total_sell_quantity":402150,"change":11.15,"change_percent":0.74,"oi":0},"broker":"dhan"}"#)
  }

  @Test func `circuits and best prices follow when the feed sends them`() {
    #expect(
      message(exampleTick(0, .quote), .quote).hasSuffix(
        #""oi":0,"upper_circuit":1650.3,"lower_circuit":1350.2,"bid_price":1511.35,"ask_price":1511.4,"#
          + #""bid_size":240,"ask_size":95},"broker":"dhan"}"#))
    #expect(
      message(exampleTick(0, .quote, presence: [.ltp, .bestAsk]), .quote).hasSuffix(
        #""timestamp":1795399040661,"ask_price":1511.4,"ask_size":95},"broker":"dhan"}"#))
  }

  @Test func `a depth message pads the book to five levels with zeros`() {
    let zero = #"{"price":0.0,"quantity":0,"orders":0}"#
    #expect(
      message(exampleTick(0, .depth, presence: [.ltp, .volume, .depth, .bestBid]), .depth)
        == #"{"type":"market_data","symbol":"INFY","exchange":"NSE","mode":3,"data":{"symbol":"INFY","exchange":"NSE","#
        + #""mode":3,"ltp":1511.4,"timestamp":1795399040661,"volume":4410233,"depth":{"buy":["#
        + #"{"price":1511.35,"quantity":240,"orders":6},"# + [zero, zero, zero, zero].joined(separator: ",")
        + #"],"sell":[{"price":1511.4,"quantity":95,"orders":3},{"price":1511.45,"quantity":7,"orders":1},"#
        + [zero, zero, zero].joined(separator: ",") + #"]},"depth_level":5},"broker":"dhan"}"#)
  }

  @Test func `a depth tick without a book has no depth at all`() throws {
    let data = try data(exampleTick(0, .depth, presence: [.ltp, .ohlc]), .depth)
    #expect(data["depth"] == nil && data["depth_level"] == nil && data["close"] != nil)
  }

  @Test func `a subscriber of a lower mode gets the message of that mode`() {
    let full = exampleTick(0, .depth)
    var quote = full
    quote.mode = Mode.quote.rawValue
    var ltp = full
    ltp.mode = Mode.ltp.rawValue
    #expect(message(full, .quote) == message(quote, .quote))
    #expect(message(full, .ltp) == message(ltp, .ltp))
    #expect(!message(full, .quote).contains("depth") && !message(full, .ltp).contains("open"))
  }

  @Test func `what was not sent is left out, never null`() throws {
    let groups: [(Presence, [String])] = [
      (.ltp, ["ltp"]), (.lastTradeTime, ["ltt"]), (.dayRange, ["open", "high", "low"]), (.close, ["close"]),
      (.volume, ["volume"]),
      (.lastTradeQuantity, ["last_trade_quantity", "last_quantity"]),
      (.averagePrice, ["average_price", "avg_trade_price"]),
      (.totals, ["total_buy_quantity", "total_sell_quantity"]), (.openInterest, ["oi"]),
      (.circuits, ["upper_circuit", "lower_circuit"]), (.bestBid, ["bid_price", "bid_size"]),
      (.bestAsk, ["ask_price", "ask_size"]),
    ]
    for (bit, names) in groups {
      let without = try data(exampleTick(0, .quote, presence: everyPresence.subtracting(bit)), .quote)
      let only = try data(exampleTick(0, .quote, presence: bit), .quote)
      for name in names {
        #expect(without[name] == nil, "\(name)")
        #expect(only[name] != nil, "\(name)")
      }
      #expect(only.members.count == 4 + names.count, "\(names)")
    }
    let neither = try data(exampleTick(0, .quote, presence: [.ohlc]), .quote)
    #expect(neither["change"] == nil && neither["change_percent"] == nil)
  }

  @Test func `an index has volume zero, another instrument none`() throws {
    #expect(try data(exampleTick(1, .quote, presence: .ltp), .quote)["volume"]?.integer == 0)
    #expect(try data(exampleTick(0, .quote, presence: .ltp), .quote)["volume"] == nil)
  }

  @Test func `change is exact and its percentage is rounded to two decimals`() throws {
    let cases: [(ltp: Int64, close: Int64, change: String, percent: String)] = [
      (151_140_000_000, 150_025_000_000, "11.15", "0.74"), (100, 300, "-0.000002", "-66.67"),
      (9_999_500_000, 10_000_000_000, "-0.005", "-0.01"), (10_000_400_000, 10_000_000_000, "0.004", "0.0"),
      (-3_000_000_000, 1_000_000_000, "-40.0", "-400.0"), (500, 500, "0.0", "0.0"),
      (900_000_000_000_000_000, 100_000_000_000_000_000, "8000000000.0", "800.0"),
    ]
    for item in cases {
      var tick = exampleTick(0, .quote)
      tick.ltp = item.ltp
      tick.close = item.close
      let data = try data(tick, .quote)
      #expect(data["change"].map { String(decoding: $0.raw, as: UTF8.self) } == item.change)
      #expect(data["change_percent"].map { String(decoding: $0.raw, as: UTF8.self) } == item.percent)
    }
  }

  @Test func `a change that cannot be said is left out`() throws {
    var tick = exampleTick(0, .quote)
    tick.close = 0
    #expect(try data(tick, .quote)["change"] == nil)
    tick.close = 1
    tick.ltp = .max
    let huge = try data(tick, .quote)
    #expect(huge["change"] != nil && huge["change_percent"] == nil)
    tick.ltp = .min
    let overflowing = try data(tick, .quote)
    #expect(overflowing["change"] == nil && overflowing["ltp"] != nil)
  }

  @Test func `prices keep seven decimals and may be negative`() throws {
    var tick = exampleTick(3, .ltp)
    tick.ltp = 8_866_909_210
    #expect(message(tick, .ltp).contains(#""symbol":"USDINR29DEC26FUT","exchange":"CDS","mode":1,"ltp":88.6690921,"#))
    tick.ltp = -3_763_000_000
    #expect(try data(tick, .ltp)["ltp"]?.double == -37.63)
  }

  @Test func `symbols are escaped as JSON asks and no more`() throws {
    #expect(message(exampleTick(2, .ltp), .ltp).contains(#""symbol":"M&M""#))
    let text = message(exampleTick(4, .ltp), .ltp)
    #expect(text.utf8.allSatisfy { (0x20..<0x7F).contains($0) })
    let root = try JSONDocument(text).root
    #expect(root["symbol"]?.string == "A\"B\\C\u{1}\n€" && root["data"]?["symbol"]?.string == "A\"B\\C\u{1}\n€")
  }

  @Test func `the feed of the tick is the broker of the message`() throws {
    var tick = exampleTick(0, .ltp)
    tick.feed = 1
    #expect(try JSONDocument(message(tick, .ltp)).root["broker"]?.string == "zer\"odha")
    tick.feed = 255
    #expect(try JSONDocument(message(tick, .ltp)).root["broker"]?.string == "unknown")
  }

  @Test func `the tail ends the message with or without a sequence`() throws {
    var encoder = TickEncoder(registry: Self.registry, feedNames: ["dhan"])
    let tail = withUnsafeTemporaryAllocation(byteCount: TickEncoder.tailBytesMax + 8, alignment: 8) { buffer in
      let count = TickEncoder.writeTail(sequence: .max, epoch: 7, into: buffer.baseAddress!)
      return String(decoding: buffer[..<count], as: UTF8.self)
    }
    #expect(tail == #","seq":18446744073709551615,"epoch":7}"#)
    let root = try JSONDocument(encoded(&encoder, exampleTick(0, .depth), .depth).text + tail).root
    #expect(root["epoch"]?.integer == 7 && root["broker"]?.string == "dhan")
  }

  @Test func `the bus payload is the data object of the message`() {
    var encoder = TickEncoder(registry: Self.registry, feedNames: ["dhan"])
    for mode in Mode.allCases {
      let tick = exampleTick(0, .depth)
      let whole = encoded(&encoder, tick, mode).text
      let payload = encoded(&encoder, tick, mode, dataOnly: true)
      #expect(whole.hasSuffix(#","data":"# + payload.text + #","broker":"dhan""#) && payload.guardsAreIntact)
    }
  }
}
