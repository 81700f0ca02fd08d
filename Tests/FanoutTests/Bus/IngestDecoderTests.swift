// Foreign bus messages as values: what is believed, what is not, and that nothing foreign breaks the reader.

import Fanout
import Market
import TestSupport
import Testing

@Suite struct IngestDecoderTests {
  private static let registry = InstrumentRegistry([
    instrument(.nse, "INFY"), instrument(.nseIndex, "NIFTY", kind: .index), instrument(.crypto, "SOL_INR"),
  ])
  private static let now: Int64 = 1_795_399_041_000_000_000
  private static let full =
    #"{"symbol":"INFY","exchange":"NSE","mode":3,"ltp":1511.4,"ltt":1795399040640,"timestamp":1795399040661,"#
    + #""open":1502.0,"high":1516.8,"low":1498.1,"close":1500.25,"volume":4410233,"last_quantity":12,"#
    + #""average_price":1508.77,"total_buy_quantity":311200,"total_sell_quantity":402150,"oi":5,"#
    + #""upper_circuit":1650.3,"lower_circuit":1350.2,"bid_price":1511.35,"bid_size":240,"ask_price":1511.4,"#
    + #""ask_size":95,"depth":{"buy":[{"price":1511.35,"quantity":240,"orders":6},{"price":0,"quantity":0,"orders":0}],"#
    + #""sell":[{"price":1511.4,"quantity":95,"orders":3},{"price":1511.45,"quantity":7,"orders":1}]}}"#

  private func decode(_ topic: [UInt8], _ payload: [UInt8]) -> (message: IngestMessage, tick: Tick) {
    var tick = Tick()
    let decoder = IngestDecoder(registry: Self.registry, feed: 9)
    let message = topic.withUnsafeBytes { topic in
      payload.withUnsafeBytes { decoder.decode(topic: topic, payload: $0, nowNanos: Self.now, into: &tick) }
    }
    return (message, tick)
  }

  private func tick(_ topic: String, _ payload: String) -> Tick? {
    let result = decode(Array(topic.utf8), Array(payload.utf8))
    guard case .tick = result.message else { return nil }
    return result.tick
  }

  private func drop(_ topic: String, _ payload: String) -> IngestDrop? {
    guard case .dropped(let reason) = decode(Array(topic.utf8), Array(payload.utf8)).message else { return nil }
    return reason
  }

  @Test func `a full payload becomes the tick that it was made from`() throws {
    let tick = try #require(self.tick("NSE_INFY_DEPTH", Self.full))
    var expected = exampleTick(0, .depth, presence: everyPresence.subtracting([.exchangeTime, .openInterestRange]))
    expected.feed = 9
    expected.receivedTime = 1_795_399_040_661_000_000
    expected.openInterest = 5
    #expect(withUnsafeBytes(of: tick) { Array($0) } == withUnsafeBytes(of: expected) { Array($0) })
  }

  @Test func `the topic decides how much is taken`() throws {
    let quote = try #require(self.tick("NSE_INFY_QUOTE", Self.full))
    #expect(quote.mode == 2 && quote.has(.ohlc) && !quote.has(.depth) && quote.bids[0].price == 0)
    let ltp = try #require(self.tick("NSE_INFY_ltp", Self.full))
    #expect(ltp.mode == 1 && ltp.presence == Presence([.ltp, .lastTradeTime]).rawValue)
  }

  @Test func `the payload names the instrument, the topic only where the payload does not`() throws {
    #expect(tick("NSE_ZZZ_LTP", #"{"symbol":"NIFTY","exchange":"NSE_INDEX","ltp":1}"#)?.instrument == 1)
    #expect(tick("CRYPTO_SOL_INR_LTP", #"{"ltp":1}"#)?.instrument == 2)
    #expect(drop("NSE_INFY_LTP", #"{"symbol":"ZZZ","exchange":"NSE","ltp":1}"#) == .unknownInstrument)
    #expect(drop("NSE_INFY_LTP", #"{"symbol":"INFY","exchange":"NYSE","ltp":1}"#) == .unknownInstrument)
    #expect(drop("NSE_ZZZ_LTP", #"{"ltp":1}"#) == .unknownInstrument)
  }

  @Test(arguments: [
    ("1511.3999999999999", 151_140_000_000), ("1e2", 10_000_000_000), ("-37.63", -3_763_000_000),
    ("24510", 2_451_000_000_000),
    ("88.6690921", 8_866_909_210), ("0.1", 10_000_000),
  ])
  func `prices are exact decimals`(text: String, expected: Int64) throws {
    #expect(tick("NSE_INFY_LTP", #"{"ltp":\#(text)}"#)?.ltp == expected)
  }

  @Test(arguments: [
    "null", "\"1\"", "true", "[1]", "{}", "1e400", "99999999999999999999", "-1e30", "1000000000.00000001",
    "-92233720368.54775808",
  ])
  func `without a usable last price a message is nothing`(text: String) {
    #expect(drop("NSE_INFY_LTP", #"{"ltp":\#(text)}"#) == .missingField)
    #expect(drop("NSE_INFY_LTP", "{}") == .missingField)
  }

  @Test func `a field of a wrong type counts as not sent`() throws {
    let tick = try #require(
      self.tick(
        "NSE_INFY_DEPTH",
        #"{"ltp":0,"open":1,"high":"2","low":3,"close":4,"volume":null,"oi":7.0,"ltq":1.5,"depth":{"buy":[1,null,"x"],"#
          + #""sell":[{"price":"1","quantity":-5,"orders":99999999999},{},{},{},{},{"price":9}]},"timestamp":"x","ltt":{}}"#
      ))
    #expect(tick.presence == Presence([.openInterest, .depth]).rawValue && tick.openInterest == 7)
    #expect(tick.receivedTime == Self.now && tick.bidLevels == 0 && tick.askLevels == 1)
    #expect(tick.asks[0] == DepthLevel(price: 0, quantity: 0, orders: .max))
  }

  @Test func `counts that cannot be are not believed`() throws {
    func volume(_ text: String) -> Int64? {
      tick("NSE_INFY_QUOTE", #"{"ltp":1,"volume":\#(text)}"#).flatMap { $0.has(.volume) ? $0.volume : nil }
    }
    #expect(volume("0") == 0 && volume("1000000000000000") == 1_000_000_000_000_000)
    for wrong in ["-1", "1000000000000001", "9223372036854775807", "1e300", "0.5"] { #expect(volume(wrong) == nil) }
  }

  @Test func `times that cannot be are not believed`() throws {
    func received(_ millis: String) -> Int64? {
      tick("NSE_INFY_LTP", #"{"ltp":1,"timestamp":\#(millis)}"#)?.receivedTime
    }
    #expect(received("1795399040000") == 1_795_399_040_000_000_000)
    for wrong in ["1795399042000", "1795399040", "0", "-1", "9223372036854775807", "-9223372036854775808"] {
      #expect(received(wrong) == Self.now, "\(wrong)")
    }
    func trade(_ time: String) -> Int64? {
      tick("NSE_INFY_LTP", #"{"ltp":1,"ltt":\#(time)}"#).flatMap { $0.has(.lastTradeTime) ? $0.lastTradeTime : nil }
    }
    #expect(trade("1795399040") == 1_795_399_040_000_000_000 && trade("1795399040123") == 1_795_399_040_123_000_000)
    // Neither seconds nor milliseconds of this century.
    for wrong in [
      "99999999999", "10000000000", "4102444800", "4102444800000", "9223372036854775807", "999999999", "-1",
    ] {
      #expect(trade(wrong) == nil, "\(wrong)")
    }
  }

  @Test func `order updates are relayed as they came to the user that they name`() throws {
    let json = #"{ "user_id":"as_ha", "orderid":"1" }"#
    guard case .orderUpdate(let update) = decode(Array("ZERODHA_other_orders".utf8), Array(json.utf8)).message else {
      Issue.record("not an order update")
      return
    }
    #expect(update.userID == "as_ha" && update.topic == "ZERODHA_other_orders" && update.json == Array(json.utf8))
    #expect(drop("deltaexchange_orders", #"{"id":1}"#) == .missingField)
    #expect(
      drop("X_orders", #"{"user_id":""}"#) == .missingField && drop("X_orders", #"{"user_id":1}"#) == .missingField)
    #expect(drop("X_positions", "{}") == .accountEvent && drop("X_margins", "not json") == .accountEvent)
  }

  @Test func `an invalidation names its user in the payload and means everything unless it says less`() {
    func scope(_ payload: String) -> String {
      let message = decode(Array("CACHE_INVALIDATE_AUTH_other".utf8), Array(payload.utf8)).message
      guard case .invalidation(let user, let scope) = message else { return "\(message)" }
      return "\(user) \(scope.rawValue)"
    }
    #expect(scope(#"{"user_id":"asha","cache_type":"AUTH"}"#) == "asha AUTH")
    #expect(scope(#"{"user_id":"asha","cache_type":"feed"}"#) == "asha FEED")
    #expect(scope(#"{"user_id":"asha"}"#) == "asha ALL" && scope(#"{"user_id":"asha","cache_type":5}"#) == "asha ALL")
    #expect(drop("CACHE_INVALIDATE", #"{"cache_type":"ALL"}"#) == .missingField)
    #expect(drop("CACHE_INVALIDATE_ALL_x_orders", #"{"cache_type":"ALL"}"#) == .missingField)
  }

  @Test func `hostile messages are counted by reason`() {
    #expect(drop("DEBUG_MARKET_DATA", Self.full) == .unknownTopic && drop("", Self.full) == .unknownTopic)
    #expect(drop("NSE_LTP", Self.full) == .unknownTopic)
    for payload in ["", "[]", "1", "null", "{", "{}}", "\u{FEFF}{}", "{\"ltp\":NaN}"] {
      #expect(drop("NSE_INFY_LTP", payload) == .notJSONObject, "\(payload)")
    }
    #expect(drop("NSE_INFY_LTP", String(repeating: "[", count: 100_000)) == .notJSONObject)
    #expect(drop("NSE_INFY_LTP", "{\"a\":[" + String(repeating: "1,", count: 30_000) + "1]}") == .notJSONObject)
    let atBound = "{\"ltp\":1}" + String(repeating: " ", count: IngestDecoder.payloadBytesMax - 9)
    #expect(tick("NSE_INFY_LTP", atBound) != nil && drop("NSE_INFY_LTP", atBound + " ") == .oversized)
    #expect(drop(String(repeating: "x", count: IngestDecoder.topicBytesMax + 1), "{}") == .oversized)
    for (topic, payload, reason) in [
      ([0x4E, 0xFF], Array("{}".utf8), IngestDrop.topicNotUTF8),
      (Array("NSE_INFY_LTP".utf8), [0x7B, 0x22, 0xC3, 0x22, 0x3A, 0x31, 0x7D], .notJSONObject),
    ] {
      guard case .dropped(reason) = decode(topic, payload).message else {
        Issue.record("\(reason) expected")
        continue
      }
    }
  }

  @Test func `a payload cut at any byte is never a tick`() {
    let bytes = Array(Self.full.utf8)
    for count in 0..<bytes.count {
      guard case .dropped(.notJSONObject) = decode(Array("NSE_INFY_DEPTH".utf8), Array(bytes[..<count])).message else {
        Issue.record("cut at \(count)")
        continue
      }
    }
  }

  @Test func `random damage never makes an invalid tick`() {
    let seed = SeededGenerator.chosenSeed()
    var random = SeededGenerator(seed: seed)
    for round in 0..<3000 {
      var topic = Array(["NSE_INFY_DEPTH", "X_orders", "CACHE_INVALIDATE_ALL_x"].randomElement(using: &random)!.utf8)
      var payload = Array(Self.full.utf8)
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        payload[Int.random(in: 0..<payload.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
      if Bool.random(using: &random) {
        topic[Int.random(in: 0..<topic.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
      let result = decode(topic, payload)
      guard case .tick = result.message else { continue }
      let tick = result.tick
      #expect(tick.instrument < 3 && tick.feed == 9 && (1...3).contains(tick.mode), "seed \(seed) round \(round)")
      #expect(
        tick.bidLevels <= 5 && tick.askLevels <= 5 && tick.receivedTime <= Self.now, "seed \(seed) round \(round)")
    }
  }
}
