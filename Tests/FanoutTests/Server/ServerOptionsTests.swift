// What a subscribe request may ask for: rates and patterns. Snapshots have tests of their own.

import Fanout
import Glibc
import JSONText
import Market
import Testing

@Suite struct ServerOptionsTests {
  // MARK: Rates

  /// Updates per second that are slower than any test.
  private static let rare = #","max_rate":0.01"#

  @Test func `at a rate the last value comes, and no more values than it allows`() throws {
    let bench = try ServerBench()
    let client = try bench.client(named: "limited")
    try client.subscribe("TCS", .ltp, more: #","max_rate":20"#)
    let began = SystemClock.monotonicNanos()
    for number in 1...400 {
      bench.tick(1, .ltp, number: Int64(number))
      usleep(1000)
    }
    var numbers: [Int64] = []
    repeat { numbers.append(try client.market().number) } while numbers.last != 400
    // One at once, and one for each twentieth of a second that has passed since.
    let intervals = (SystemClock.monotonicNanos() - began) / 50_000_000
    #expect(numbers.count <= Int(intervals) + 1)
    #expect(numbers == numbers.sorted() && numbers.count > 2)
    let report = try bench.report("limited")
    #expect(!report.isHeld && report.delivered == UInt64(numbers.count))
    #expect(report.delivered + report.conflated == 400)
  }

  @Test func `a tick that stands alone comes at once, the next waits, and without the rate it comes`() throws {
    let bench = try ServerBench()
    let client = try bench.client(named: "limited")
    try client.subscribe("TCS", .ltp, more: Self.rare)
    bench.tick(1, .ltp, number: 1)
    #expect(try client.market().number == 1)
    bench.tick(1, .ltp, number: 2)
    bench.tick(1, .ltp, number: 3)
    #expect(try bench.wait(for: "limited") { $0.owed == 1 && $0.conflated == 1 })
    #expect(try client.marketsUntilPong().isEmpty)
    try client.subscribe("TCS", .ltp)
    #expect(try client.market().number == 3)
    for number in 4...9 { bench.tick(1, .ltp, number: Int64(number), flush: number == 9) }
    #expect(try client.markets(6).map(\.number) == Array(4...9))
    #expect(try client.marketsUntilPong().isEmpty)
  }

  @Test func `rates of one connection do not touch each other nor what has none`() throws {
    let bench = try ServerBench()
    let client = try bench.client(named: "limited")
    try client.subscribe("TCS", .ltp, more: Self.rare)
    try client.subscribe("RELIANCE", .ltp, more: #","max_rate":1000"#)
    try client.subscribe("M&M", .ltp)
    var seen: [String: [Int64]] = [:]
    for number in 1...60 {
      for id in 0..<3 { bench.tick(UInt32(id), .ltp, number: Int64(number), flush: id == 2) }
      usleep(500)
      // A message in between changes nothing for the others.
      if number % 20 == 0 {
        for market in try client.marketsUntilPong() { seen[market.symbol, default: []].append(market.number) }
      }
    }
    while seen["RELIANCE"]?.last != 60 {
      let market = try client.market()
      seen[market.symbol, default: []].append(market.number)
    }
    #expect(seen["M&M"] == Array(1...60))
    #expect(seen["TCS"] == [1])
    #expect(seen["RELIANCE"] == seen["RELIANCE"]?.sorted())
    #expect(try bench.report("limited").owed == 1)
  }

  @Test func `a fourth rate is refused until another one is no longer in use`() throws {
    let bench = try ServerBench()
    let client = try bench.client()
    for (symbol, rate) in [("TCS", 1), ("RELIANCE", 2), ("M&M", 3)] {
      try client.subscribe(symbol, .ltp, more: #","max_rate":\#(rate)"#)
    }
    try client.subscribe("TCS", .quote, more: #","max_rate":2"#)
    let fourth = #"{"action":"subscribe","symbol":"TCS","exchange":"NSE","mode":3,"max_rate":4}"#
    let refusal = try client.ask(fourth)
    #expect(refusal.contains(#""code":"INVALID_PARAMETERS""#) && refusal.contains("at most 3 different values"))
    #expect(bench.service.statistics().subscriptions == 4)
    #expect(try client.ask(#"{"action":"unsubscribe","symbol":"M&M","exchange":"NSE","mode":1}"#).contains("success"))
    #expect(try client.ask(fourth).contains(#""max_rate":4"#))
  }

  @Test(arguments: [
    (#""max_rate":0"#, false), (#""max_rate":-1"#, false), (#""max_rate":1000.5"#, false),
    (#""max_rate":0.001"#, false), (#""max_rate":"5""#, false), (#""max_rate":true"#, false),
    (#""max_rate":[1]"#, false), (#""max_rate":1e400"#, false), (#""max_rate":0.01"#, true),
    (#""max_rate":1000"#, true), (#""max_rate":null"#, true), (#""policy":"fast""#, false), (#""policy":1"#, false),
    (#""policy":"""#, false), (#""policy":null"#, true), (#""policy":"paced""#, true), (#""snapshot":1"#, true),
  ])
  func `options that cannot be used are refused, and nothing is subscribed`(option: String, isGood: Bool) {
    let bench = SessionBench.authenticated()
    let reply = bench.say(#"{"action":"subscribe","symbol":"TCS","exchange":"NSE",\#(option)}"#)
    #expect(reply.contains(#""status":"success""#) == isGood, "\(reply)")
    #expect(reply.contains("INVALID_") != isGood, "\(reply)")
    #expect(bench.subscriptions == (isGood ? ["1/2"] : []))
  }

  // MARK: Patterns

  private static let chain =
    ["NIFTY26NOV25000CE", "NIFTY26NOV25000PE", "NIFTY26NOV25100CE", "NIFTY26NOV25100PE", "BANKNIFTY26NOV55000CE"]
    .map { instrument(.nfo, $0) } + [instrument(.nse, "NIFTYBEES")]

  private static func message(_ symbol: String, action: String = "subscribe") -> String {
    #"{"action":"\#(action)","symbol":"\#(symbol)","exchange":"NFO","mode":1}"#
  }

  @Test func `a pattern stands for the names of its exchange that fit`() throws {
    let bench = try ServerBench(instruments: Self.chain)
    let client = try bench.client()
    #expect(try client.ask(Self.message("NIFTY*CE")).contains(#""status":"success","mode":"LTP""#))
    #expect(bench.wants.all == [Want(0, .ltp, delta: 1), Want(2, .ltp, delta: 1)])
    #expect(try client.ask(Self.message("*CE")).contains(#""matched":3"#))
    #expect(bench.service.statistics().subscriptions == 3)
    for id in 0..<5 { bench.tick(UInt32(id), .ltp, number: Int64(id)) }
    #expect(try client.markets(3).map(\.number) == [0, 2, 4])
    #expect(try client.ask(Self.message("NIFTY*", action: "unsubscribe")).contains(#""failed":[]"#))
    for id in 0..<5 { bench.tick(UInt32(id), .ltp, number: Int64(10 + id)) }
    #expect(try client.market().number == 14)
  }

  @Test func `a pattern that fits nothing, or is none, fails alone`() throws {
    let bench = try ServerBench(instruments: Self.chain)
    let client = try bench.client()
    let reply = try client.ask(
      #"{"action":"subscribe","mode":1,"symbols":[{"symbol":"FIN*","exchange":"NFO"},{"symbol":"N*E*S","exchange":"NSE"},"#
        + #"{"symbol":"N*","exchange":"MARS"},{"symbol":"\#(String(repeating: "*", count: 9))","exchange":"NSE"}]}"#)
    let entries = try #require(try JSONDocument(reply).root["subscriptions"]?.elements)
    #expect(entries.map { $0["matched"]?.integer } == [nil, 1, nil, nil])
    #expect(entries.map { $0["status"]?.string } == ["error", "success", "error", "error"])
    #expect(entries[0]["message"]?.string == "Symbol FIN* not found for exchange NFO")
    #expect(bench.wait { $0.subscriptions == 1 })
  }

  @Test func `a connection has a bounded number of patterns a second`() throws {
    let bench = try ServerBench(instruments: Self.chain)
    let client = try bench.client()
    let entry = #"{"symbol":"NIFTY*","exchange":"NFO"}"#
    let all = Array(repeating: entry, count: 17).joined(separator: ",")
    let reply = try client.ask(#"{"action":"subscribe","mode":1,"symbols":[\#(all)]}"#)
    let entries = try #require(try JSONDocument(reply).root["subscriptions"]?.elements)
    #expect(entries.prefix(16).allSatisfy { $0["matched"]?.integer == 4 })
    #expect(entries.last?["message"]?.string == "A connection may use 16 patterns a second")
  }

  @Test func `a pattern over the limit subscribes nothing`() throws {
    let bench = try ServerBench(instruments: Self.chain) { $0.subscriptionsPerClientMax = 4 }
    let client = try bench.client()
    #expect(try client.ask(Self.message("*")).contains("Maximum capacity reached: 4 subscriptions per client"))
    #expect(bench.wants.all.isEmpty)
    #expect(try client.ask(Self.message("BANK*")).contains(#""matched":1"#))
    // Four would be five with the one that is there.
    #expect(try client.ask(Self.message("NIFTY*")).contains("Maximum capacity reached"))
    #expect(try client.ask(Self.message("NIFTY*CE")).contains(#""matched":2"#))
    #expect(try client.ask(Self.message("*CE")).contains(#""matched":3"#))
    #expect(bench.wait { $0.subscriptions == 3 })
  }
}
