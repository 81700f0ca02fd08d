// The delivery policies over loopback sockets: what healthy, slow and stalled clients get of a stream of ticks.

import Fanout
import Glibc
import JSONText
import Market
import Testing
import WebSocket

@Suite struct ServerDeliveryTests {
  private static let softBytes = 64 * 1024

  @Test func `what changed several times within a turn comes once to who wants it conflated, the newest`() throws {
    let bench = try ServerBench()
    let conflating = try bench.client(named: "conflating")
    let healthy = try bench.client(named: "healthy")
    for client in [conflating, healthy] {
      let more = client === conflating ? #","policy":"conflate""# : ""
      try client.subscribe("TCS", .ltp, more: more)
      try client.subscribe("RELIANCE", .ltp)
    }
    for round in 0..<20 {
      let first = Int64(10 * round)
      for step in 1...9 { bench.tick(UInt32(step % 2), .ltp, number: first + Int64(step), flush: false) }
      bench.flush()
      let newest = try conflating.markets(2).sorted { $0.number < $1.number }
      #expect(newest == [MarketData("RELIANCE", first + 8), MarketData("TCS", first + 9)])
      #expect(try healthy.markets(9).map(\.number) == (1...9).map { first + $0 })
    }
    #expect(try conflating.marketsUntilPong().isEmpty && healthy.marketsUntilPong().isEmpty)
    let report = try bench.report("conflating")
    #expect(report.policy == .conflate && report.isHeld && report.owed == 0)
    #expect(report.delivered == 40 && report.conflated == 140)
    let other = try bench.report("healthy")
    #expect(other.policy == .every && !other.isHeld && other.delivered == 180 && other.conflated == 0)
  }

  @Test func `a client goes back from conflating to every tick`() throws {
    let bench = try ServerBench()
    let client = try bench.client(named: "one")
    try client.subscribe("TCS", .ltp, more: #","policy":"conflate""#)
    try client.subscribe("TCS", .ltp, more: #","policy":"every""#)
    for number in 1...50 { bench.tick(1, .ltp, number: Int64(number), flush: number == 50) }
    #expect(try client.markets(50).map(\.number) == Array(1...50))
    let report = try bench.report("one")
    #expect(report.policy == .every && report.conflated == 0)
  }

  @Test func `over the soft limit of bytes a client is held to the newest, and gets every tick again afterwards`()
    throws
  {
    let bench = try ServerBench { $0.pendingBytesSoftMax = Self.softBytes }
    let slow = try bench.client(named: "slow", receiveBuffer: 4096)
    try slow.subscribe("TCS", .depth)
    var last = try bench.fill("slow") { $0.isHeld }
    for _ in 0..<500 {
      last += 1
      bench.tick(1, .depth, number: last)
    }
    #expect(try bench.wait(for: "slow") { $0.delivered + $0.conflated + UInt64($0.owed) == UInt64(last) })
    let report = try bench.report("slow")
    #expect(report.isHeld && report.conflated >= 499 && report.owed == 1)
    #expect(report.pendingBytes <= Self.softBytes + 4096)
    #expect(bench.service.statistics().held == 1)
    var newest: Int64 = 0
    while newest < last {
      let number = try slow.market().number
      #expect(number > newest)
      newest = number
    }
    #expect(try bench.wait(for: "slow") { !$0.isHeld && $0.owed == 0 })
    for number in 1...5 { bench.tick(1, .depth, number: last + Int64(number), flush: number == 5) }
    #expect(try slow.markets(5).map(\.number) == (1...5).map { last + $0 })
  }

  @Test func `no last value is lost when ticks go on while a slow client catches up`() throws {
    let instruments = (0..<400).map { instrument(.nse, "S\($0)") }
    let bench = try ServerBench(instruments: instruments) { $0.pendingBytesSoftMax = Self.softBytes }
    let slow = try bench.client(named: "slow", receiveBuffer: 4096)
    let ack = try slow.ask(#"{"action":"subscribe","symbol":"S*","exchange":"NSE","mode":3}"#)
    #expect(ack.contains(#""matched":400"#))
    var last = try bench.fill("slow") { $0.isHeld }
    var newest: [String: Int64] = ["S1": last]
    func tick(_ id: Int) {
      last += 1
      bench.tick(UInt32(id), .depth, number: last)
      newest["S\(id)"] = last
    }
    for id in 0..<400 { tick(id) }
    // More of some while the rest is being sent, then silence.
    var seen: [String: Int64] = [:]
    var reads = 0
    while seen != newest {
      let market = try slow.market()
      #expect(market.number > seen[market.symbol, default: 0], "out of order or twice")
      seen[market.symbol] = market.number
      reads += 1
      if reads > 200, reads % 4 == 0, reads < 8000 { tick(reads * 7 % 400) }
    }
    #expect(try bench.wait(for: "slow") { !$0.isHeld && $0.owed == 0 })
    #expect(try slow.marketsUntilPong().isEmpty)
  }

  @Test func `bytes that wait too long hold a client as well, however few they are`() throws {
    let bench = try ServerBench {
      $0.pendingAgeSoftNanos = 100_000_000
      $0.pendingAgeHardNanos = 600_000_000_000
    }
    let slow = try bench.client(named: "slow", receiveBuffer: 4096)
    try slow.subscribe("TCS", .depth)
    try slow.subscribe("RELIANCE", .ltp)
    var last = try bench.fill("slow", burst: 8) { $0.pendingBytes > 0 }
    #expect(try bench.wait(for: "slow") { $0.isHeld })
    let pending = try bench.report("slow").pendingBytes
    for _ in 0..<500 {
      last += 1
      bench.tick(1, .depth, number: last)
    }
    bench.tick(0, .ltp, number: last)
    #expect(try bench.wait(for: "slow") { $0.conflated == 499 })
    let report = try bench.report("slow")
    #expect(report.isHeld && report.owed == 2 && report.pendingBytes == pending && report.pendingAgeNanos > 100_000_000)
    var newest: [String: Int64] = [:]
    while newest != ["TCS": last, "RELIANCE": last] {
      let market = try slow.market()
      newest[market.symbol] = market.number
    }
    #expect(try bench.wait(for: "slow") { !$0.isHeld })
  }

  @Test func `bytes that wait far too long end the connection, and only that one`() throws {
    let bench = try ServerBench {
      $0.pendingAgeSoftNanos = 50_000_000
      $0.pendingAgeHardNanos = 300_000_000
    }
    let witness = try bench.client(named: "witness")
    let slow = try bench.client(named: "slow", receiveBuffer: 4096)
    try slow.subscribe("TCS", .depth)
    try witness.subscribe("RELIANCE", .ltp)
    _ = try bench.fill("slow") { $0.pendingBytes > 0 || $0.subscriptions == 0 }
    #expect(bench.wait { $0.slowClosed == 1 })
    #expect(slow.close() == .closed(code: 1008, reason: "slow consumer"))
    bench.tick(0, .ltp, number: 7)
    #expect(try witness.market() == MarketData("RELIANCE", 7))
    #expect(bench.wait { $0.subscriptions == 1 })
  }

  @Test func `a client that wants every tick or none is closed at the soft limit`() throws {
    let bench = try ServerBench { $0.pendingBytesSoftMax = Self.softBytes }
    let slow = try bench.client(named: "slow", receiveBuffer: 4096)
    try slow.subscribe("TCS", .depth, more: #","policy":"disconnect""#)
    var number: Int64 = 0
    while bench.service.statistics().slowClosed == 0, number < 50_000 {
      number += 1
      bench.tick(1, .depth, number: number)
      if number % 64 == 0 { usleep(1000) }
    }
    // All that it gets until then is complete.
    var next: Int64 = 1
    var end = slow.next()
    while case .text(let text) = end {
      #expect(try MarketData(text).number == next)
      next += 1
      end = slow.next()
    }
    #expect(end == .closed(code: 1008, reason: "slow consumer") && next > 1)
    let statistics = bench.service.statistics()
    #expect(statistics.conflated == 0 && statistics.held == 0 && statistics.slowClosed == 1)
  }

  @Test func `an idle client is not slow, whatever it wants done about slowness`() throws {
    let bench = try ServerBench {
      $0.pingIntervalNanos = 200_000_000
      $0.pendingAgeSoftNanos = 20_000_000
      $0.pendingAgeHardNanos = 60_000_000
    }
    let clients = try ["every", "disconnect"].map { policy in
      let client = try bench.client(named: policy)
      try client.subscribe("TCS", .ltp, more: #","policy":"\#(policy)""#)
      return client
    }
    for client in clients {
      for _ in 0..<4 {
        #expect(client.next() == .ping)
        client.write(client.frame(.pong, []))
      }
    }
    bench.tick(1, .ltp, number: 3)
    for client in clients { #expect(try client.market() == MarketData("TCS", 3)) }
    let statistics = bench.service.statistics()
    #expect(statistics.held == 0 && statistics.slowClosed == 0 && statistics.conflated == 0)
  }

  @Test func `replies to a client that is held are neither dropped nor reordered`() throws {
    let bench = try ServerBench { $0.pendingBytesSoftMax = Self.softBytes }
    let slow = try bench.client(named: "slow", receiveBuffer: 4096)
    try slow.subscribe("TCS", .depth)
    var last = try bench.fill("slow") { $0.isHeld }
    for ping in 0..<300 {
      slow.say(#"{"action":"ping","_pingId":\#(ping)}"#)
      last += 1
      bench.tick(1, .depth, number: last)
    }
    var pings: [Int64] = []
    var newest: Int64 = 0
    while pings.count < 300 || newest < last {
      let root = try JSONDocument(slow.text()).root
      if let ping = root["_pingId"]?.integer {
        pings.append(ping)
      } else {
        newest = Int64(try #require(root["data"]?["ltp"]?.double))
      }
    }
    #expect(pings == Array(0..<300))
  }
}
