// Books beyond five levels: `TCS:20` is a name like any other, whose depth messages have twenty levels.

import Fanout
import JSONText
import Market
import Testing

@Suite struct ServerDeepBookTests {
  private static let offers = [
    DeepOffer(levels: 20, exchanges: [.nse]), DeepOffer(levels: 200, exchanges: [.nse]),
  ]
  private static let clock = StandingClock(nanos: 1_795_399_042_161_999_999)

  private func book(levels: Int, bids: Int, asks: Int, price: Int64 = 1000) -> DeepBook {
    var book = DeepBook()
    book.sides = BookSides([.bids, .asks]).rawValue
    book.capacity = UInt16(levels)
    book.receivedTime = 1_795_399_040_661_000_000
    book.bidLevels = UInt16(bids)
    book.askLevels = UInt16(asks)
    for level in 0..<bids {
      book.bids[level] = DepthLevel(
        price: (price - Int64(level)) * Price.scale, quantity: UInt32(level + 1), orders: UInt32.max)
    }
    for level in 0..<asks {
      book.asks[level] = DepthLevel(
        price: (price + 1 + Int64(level)) * Price.scale, quantity: UInt32.max, orders: UInt32(level))
    }
    return book
  }

  @Test func `the acknowledgement says how many levels there are`() {
    let bench = SessionBench(offers: Self.offers)
    _ = bench.say(#"{"action":"authenticate","api_key":"key-asha"}"#)
    let reply = bench.say(
      #"{"action":"subscribe","symbols":[{"symbol":"TCS:20","exchange":"NSE"},{"symbol":"TCS","exchange":"NSE"}],"#
        + #""mode":3,"depth":20}"#)
    #expect(
      reply.contains(
        #"{"symbol":"TCS:20","exchange":"NSE","status":"success","mode":"Depth","depth":20,"broker":"zerodha"},"#
          + #"{"symbol":"TCS","exchange":"NSE","status":"success","mode":"Depth","depth":5,"broker":"zerodha"}"#))
    let names = ["TCS:50", "TCS:", "TCS:020", "TCS:2000", "TCS:-20", "NOPE:20", ":20", "TCS:20:20"]
    for name in names {
      let reply = bench.say(#"{"action":"subscribe","symbol":"\#(name)","exchange":"NSE","mode":3}"#)
      #expect(reply.contains("Symbol \(name) not found for exchange NSE"), "\(name)")
    }
    #expect(
      bench.say(#"{"action":"subscribe","symbol":"RELIANCE:20","exchange":"BSE","mode":3}"#).contains("not found"))
    #expect(bench.subscriptions == ["1/3", "\(serverInstruments.count)/3"])
    let ended = bench.say(#"{"action":"unsubscribe","symbol":"TCS:20","exchange":"NSE","mode":3}"#)
    #expect(ended.contains(#""successful":[{"symbol":"TCS:20""#) && bench.subscriptions == ["1/3"])
    _ = bench.say(#"{"action":"subscribe","symbol":"TCS:20","exchange":"NSE","mode":3}"#)
    #expect(bench.say(#"{"action":"unsubscribe_all"}"#).contains(#"{"symbol":"TCS:20","exchange":"NSE","status""#))
  }

  @Test func `only who subscribes gives a book its id, and patterns leave books alone`() {
    var configuration = FanoutConfiguration()
    configuration.subscriptionsPerClientMax = 2
    let bench = SessionBench(offers: Self.offers, configuration: configuration)
    _ = bench.say(#"{"action":"authenticate","api_key":"key-asha"}"#)
    _ = bench.say(#"{"action":"unsubscribe","symbol":"TCS:200","exchange":"NSE","mode":3}"#)
    #expect(bench.context.registry.streamID(exchange: .nse, symbol: "TCS:200", makes: false) == nil)
    for name in ["TCS:20", "TCS"] {
      #expect(bench.say(#"{"action":"subscribe","symbol":"\#(name)","exchange":"NSE","mode":3}"#).contains("success"))
    }
    _ = bench.say(#"{"action":"subscribe","symbol":"TCS:200","exchange":"NSE","mode":3}"#)
    #expect(bench.context.registry.streamID(exchange: .nse, symbol: "TCS:200", makes: false) == nil)
    _ = bench.say(#"{"action":"unsubscribe","symbol":"TCS*","exchange":"NSE","mode":3}"#)
    #expect(bench.subscriptions == ["\(serverInstruments.count)/3"])
  }

  @Test func `without an offer there is no such name`() {
    let bench = SessionBench.authenticated()
    #expect(bench.say(#"{"action":"subscribe","symbol":"TCS:20","exchange":"NSE","mode":3}"#).contains("not found"))
  }

  @Test func `a message has the levels of the name, the prices of the instrument and the wants of a book`() throws {
    let bench = try ServerBench(offers: Self.offers, clock: Self.clock)
    let client = try bench.client()
    try client.subscribe("TCS:20", .depth, more: #","seq":true"#)
    bench.tick(1, .depth, number: 7)
    var update = book(levels: 20, bids: 20, asks: 3)
    try bench.book("TCS:20", &update)
    let text = try client.text()
    let root = try JSONDocument(text).root
    let data = try #require(root["data"])
    #expect(root["symbol"]?.string == "TCS:20" && data["symbol"]?.string == "TCS:20" && data["mode"]?.integer == 3)
    #expect(data["ltp"]?.double == 7 && data["depth_level"]?.integer == 20 && root["seq"]?.integer == 1)
    #expect(data["timestamp"]?.integer == 1_795_399_040_661 && root["broker"]?.string == "zerodha")
    let buy = try #require(data["depth"]?["buy"]?.elements)
    let sell = try #require(data["depth"]?["sell"]?.elements)
    #expect(buy.count == 20 && sell.count == 20)
    #expect(buy[19]["price"]?.double == 981 && buy[19]["quantity"]?.integer == 20)
    #expect(buy[0]["orders"]?.integer == Int64(Int32.max) && sell[0]["quantity"]?.integer == Int64(Int32.max))
    #expect(sell[2]["price"]?.double == 1003 && sell[3]["price"]?.double == 0 && sell[19]["quantity"]?.integer == 0)
    let id = try #require(bench.registry.streamID(exchange: .nse, symbol: "TCS:20"))
    #expect(bench.wants.all == [Want(id, .depth, delta: 1)])
    // The instrument itself was not subscribed to, and its own depth stays one of five levels.
    try client.subscribe("TCS", .depth)
    bench.tick(1, .depth, number: 8)
    #expect(try JSONDocument(client.text()).root["data"]?["depth_level"]?.integer == 5)
  }

  @Test func `two hundred full levels are one message`() throws {
    let bench = try ServerBench(offers: Self.offers)
    let client = try bench.client()
    try client.subscribe("TCS:200", .depth)
    var update = book(levels: 200, bids: 200, asks: 200, price: 90_000_000)
    try bench.book("TCS:200", &update)
    let data = try #require(try JSONDocument(client.text()).root["data"])
    #expect(data["depth"]?["buy"]?.elements.count == 200 && data["depth"]?["sell"]?.elements.count == 200)
    #expect(data["depth"]?["sell"]?.elements[199]["price"]?.double == 90_000_200)
    #expect(data["depth_level"]?.integer == 200 && data["ltp"] == nil)
  }

  @Test func `the last book comes as a snapshot`() throws {
    let bench = try ServerBench(offers: Self.offers, clock: Self.clock)
    var update = book(levels: 20, bids: 9, asks: 9)
    try bench.book("TCS:20", &update)
    let client = try bench.client()
    try client.subscribe("TCS:20", .depth, more: #","snapshot":true"#)
    let root = try JSONDocument(client.text()).root
    #expect(root["snapshot"]?.bool == true && root["age_ms"]?.integer == 1500)
    #expect(root["data"]?["depth"]?["buy"]?.elements[8]["price"]?.double == 992)
  }

  @Test(arguments: [false, true])
  func `a binary client gets records of their own`(isSnapshot: Bool) throws {
    let bench = try ServerBench(offers: Self.offers, clock: Self.clock)
    let client = try bench.client(nil, fields: "Sec-WebSocket-Protocol: tickgate.v1\r\n")
    _ = try client.records()
    try client.authenticate()
    var update = book(levels: 200, bids: 150, asks: 2)
    if isSnapshot { try bench.book("TCS:200", &update) }
    try client.subscribe("TCS:200", .depth, more: isSnapshot ? #","snapshot":true"# : "")
    let definition = try #require(try client.records().first)
    #expect(String(decoding: definition.bytes, as: UTF8.self).contains("NSETCS:200"))
    if !isSnapshot { try bench.book("TCS:200", &update) }
    let record = try #require(try client.records().first)
    #expect(record.u8(2) == 4 && record.u8(3) == (isSnapshot ? 1 : 0))
    #expect(record.u32(4) == definition.u32(4) && record.u64(8) == 1)
    #expect(record.u8(192) == 150 && record.u8(193) == 2 && record.u16(194) == 200)
    #expect(record.bytes.count == 200 + 16 * 152 + (isSnapshot ? 8 : 0))
    #expect(record.i64(200 + 16 * 149) == 851 * Price.scale && record.u32(200 + 16 * 149 + 8) == 150)
    #expect(record.i64(200 + 16 * 151) == 1002 * Price.scale)
    if isSnapshot { #expect(record.u64(200 + 16 * 152) == 1500) }
  }
}
