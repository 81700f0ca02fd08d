// `snapshot` on subscribe: the last value at once, flagged, once, and without effect on anything else.

import Fanout
import Glibc
import JSONText
import Market
import Testing

@Suite struct ServerSnapshotTests {
  private static let snapshot = #","snapshot":true"#
  /// One and a half seconds after the time of the example tick.
  private static let clock = StandingClock(nanos: 1_795_399_042_161_999_999)

  @Test func `the last value comes flagged and with its age behind the acknowledgement, with its sequence if wanted`()
    throws
  {
    let bench = try ServerBench(clock: Self.clock)
    bench.tick(1, .ltp, number: 4)
    bench.tick(1, .quote, number: 5)
    let client = try bench.client(named: "one")
    try client.subscribe("TCS", .ltp, more: Self.snapshot)
    let plain = try client.text()
    #expect(plain.hasPrefix(#"{"type":"market_data","symbol":"TCS","exchange":"NSE","mode":1,"data":{"symbol":"TCS""#))
    #expect(plain.hasSuffix(#"},"broker":"zerodha","snapshot":true,"age_ms":1500}"#))
    #expect(try MarketData(plain) == MarketData("TCS", 5, ageMillis: 1500))
    try client.subscribe("TCS", .quote, more: Self.snapshot + #","seq":true"#)
    let sequenced = try client.text()
    #expect(sequenced.hasSuffix(#","seq":1,"epoch":\#(ServerBench.epochMillis),"snapshot":true,"age_ms":1500}"#))
    #expect(try client.marketsUntilPong().isEmpty)
    bench.tick(1, .quote, number: 6)
    #expect(try client.markets(2) == [MarketData("TCS", 6), MarketData("TCS", 6, .quote, sequence: 2)])
    #expect(try !bench.report("one").isHeld && bench.service.statistics().snapshots == 2)
  }

  @Test func `there is none without a value, nor from a lower mode`() throws {
    let bench = try ServerBench(clock: Self.clock)
    bench.tick(1, .ltp, number: 1)
    let client = try bench.client(named: "one")
    try client.subscribe("TCS", .depth, more: Self.snapshot)
    try client.subscribe("RELIANCE", .ltp, more: Self.snapshot)
    #expect(try client.marketsUntilPong().isEmpty)
    #expect(try bench.wait(for: "one") { $0.owed == 0 && !$0.isHeld })
    bench.tick(1, .depth, number: 2)
    bench.tick(0, .ltp, number: 3)
    #expect(try client.markets(2) == [MarketData("TCS", 2, .depth), MarketData("RELIANCE", 3)])
    #expect(bench.service.statistics().snapshots == 0)
  }

  @Test func `it waits for no rate, and what changes after it does`() throws {
    let bench = try ServerBench(clock: Self.clock)
    let client = try bench.client(named: "one")
    let rare = #","max_rate":0.01"#
    bench.tick(0, .ltp, number: 1)
    bench.tick(1, .ltp, number: 2)
    // The round of the rate begins with the first value that goes, and the next is far away.
    try client.subscribe("TCS", .ltp, more: rare)
    bench.tick(1, .ltp, number: 3)
    #expect(try client.market() == MarketData("TCS", 3))
    bench.tick(1, .ltp, number: 4)
    #expect(try bench.wait(for: "one") { $0.owed == 1 })
    for _ in 0..<2 {
      try client.subscribe("RELIANCE", .ltp, more: rare + Self.snapshot)
      #expect(try client.market() == MarketData("RELIANCE", 1, ageMillis: 1500))
    }
    try client.subscribe("TCS", .ltp, more: rare + Self.snapshot)
    #expect(try client.market() == MarketData("TCS", 4, ageMillis: 1500))
    #expect(try bench.report("one").owed == 0)
    bench.tick(1, .ltp, number: 5)
    #expect(try bench.wait(for: "one") { $0.owed == 1 })
    #expect(try client.marketsUntilPong().isEmpty)
  }

  @Test func `who is subscribed already may ask again`() throws {
    let bench = try ServerBench(clock: Self.clock)
    let client = try bench.client()
    try client.subscribe("TCS", .ltp)
    bench.tick(1, .ltp, number: 1)
    #expect(try client.market() == MarketData("TCS", 1))
    try client.subscribe("TCS", .ltp, more: Self.snapshot)
    #expect(try client.market() == MarketData("TCS", 1, ageMillis: 1500))
    #expect(try client.ask(#"{"action":"unsubscribe","symbol":"TCS","exchange":"NSE","mode":1}"#).contains("success"))
    try client.subscribe("TCS", .ltp, more: Self.snapshot)
    #expect(try client.market() == MarketData("TCS", 1, ageMillis: 1500))
  }

  @Test func `a value that is known but not handed out yet comes once, flagged to who asked`() throws {
    let bench = try ServerBench(clock: Self.clock)
    let old = try bench.client(named: "old")
    let new = try bench.client(named: "new")
    try old.subscribe("TCS", .ltp)
    bench.tick(1, .ltp, number: 1)
    #expect(try old.market() == MarketData("TCS", 1))
    bench.tick(1, .ltp, number: 2, flush: false)
    try new.subscribe("TCS", .ltp, more: Self.snapshot)
    #expect(try new.marketsUntilPong().isEmpty)
    bench.flush()
    #expect(try old.market() == MarketData("TCS", 2))
    #expect(try new.market() == MarketData("TCS", 2, ageMillis: 1500))
    bench.tick(1, .ltp, number: 3)
    for client in [old, new] { #expect(try client.market() == MarketData("TCS", 3)) }
    #expect(try new.marketsUntilPong().isEmpty && bench.report("new").owed == 0)
  }

  @Test func `the ticks of other instruments are not conflated for it`() throws {
    // With time to collect, the request and the ticks are in the same turn.
    let bench = try ServerBench(clock: Self.clock) { $0.coalesceNanos = 400_000_000 }
    bench.tick(1, .ltp, number: 1)
    let client = try bench.client(named: "one")
    try client.subscribe("RELIANCE", .ltp)
    for round in 0..<3 {
      for step in 1...20 { bench.tick(0, .ltp, number: Int64(20 * round + step)) }
      try client.subscribe("TCS", .ltp, more: Self.snapshot)
      let seen = try client.markets(21)
      #expect(seen.filter { $0.symbol == "RELIANCE" }.map(\.number) == (1...20).map { Int64(20 * round + $0) })
      #expect(seen.filter { $0.symbol == "TCS" } == [MarketData("TCS", 1, ageMillis: 1500)])
    }
    #expect(try bench.report("one").conflated == 0)
  }

  @Test(arguments: ["every", "disconnect", "conflate"])
  func `the snapshot of many stays below the soft limit and brings each once`(policy: String) throws {
    let instruments = (0..<1500).map { instrument(.nse, "S\($0)") }
    let soft = 40_000
    let bench = try ServerBench(ringCapacity: 8192, instruments: instruments, clock: Self.clock) {
      $0.pendingBytesSoftMax = soft
    }
    for id in 0..<1500 { bench.tick(UInt32(id), .depth, number: Int64(id)) }
    let client = try bench.client(named: "bulk", receiveBuffer: 4096)
    let request =
      #"{"action":"subscribe","symbol":"S*","exchange":"NSE","mode":3,"policy":"\#(policy)","snapshot":true}"#
    #expect(try client.ask(request).contains(#""matched":1500"#))
    var seen: [String: Int64] = [:]
    var pendingBytesMost = 0
    while seen.count < 1500 {
      let market = try client.market()
      #expect(market.ageMillis == 1500 && seen[market.symbol] == nil)
      seen[market.symbol] = market.number
      // In between there is room for what is new.
      if seen.count == 700 { bench.tick(UInt32(seen.values.first ?? 0), .ltp, number: 1) }
      if seen.count % 50 == 0 { pendingBytesMost = max(pendingBytesMost, try bench.report("bulk").pendingBytes) }
    }
    #expect(seen.allSatisfy { $0.key == "S\($0.value)" })
    // Only of this policy the kernel takes so little at a time that something waits in the outbox.
    #expect(pendingBytesMost < soft && (pendingBytesMost > 0 || policy != "conflate"))
    #expect(try client.marketsUntilPong().isEmpty)
    #expect(try bench.report("bulk").subscriptions == 1500)
    #expect(bench.service.statistics().held == 0 && bench.service.statistics().snapshots == 1500)
  }
}
