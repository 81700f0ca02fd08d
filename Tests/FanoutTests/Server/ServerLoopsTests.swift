// Several loops as one server, and how a loop waits: collecting ticks, polling.

import Fanout
import Glibc
import JSONText
import Market
import Testing

@Suite struct ServerLoopsTests {
  @Test func `clients are spread evenly and all get every tick`() throws {
    let bench = try ServerBench { $0.loops = 3 }
    let clients = try (0..<9).map { try bench.client(named: "client-\($0)") }
    let reports = try bench.service.clients()
    #expect(reports.map(\.userAgent).compactMap { $0 }.sorted() == (0..<9).map { "client-\($0)" })
    #expect(Set(reports.map(\.id)).count == 9)
    let loops = Dictionary(grouping: reports) { $0.id.prefix { $0 != "-" } }
    #expect(loops.mapValues(\.count) == ["0": 3, "1": 3, "2": 3])
    for client in clients { try client.subscribe("TCS", .ltp, more: #","seq":true"#) }
    for number in 1...200 { bench.tick(1, .ltp, number: Int64(number)) }
    for client in clients {
      let seen = try client.markets(200)
      #expect(seen == (1...200).map { MarketData("TCS", $0, sequence: $0) })
    }
    #expect(bench.wait { $0.clients == 9 && $0.subscriptions == 9 && $0.delivered == 1800 })
    #expect(bench.wants.all.count == 3 && bench.wants.all.allSatisfy { $0 == Want(1, .ltp, delta: 1) })
  }

  @Test func `the places of clients that leave are filled first`() throws {
    let bench = try ServerBench { $0.loops = 3 }
    var clients = try (0..<6).map { try bench.client(named: "client-\($0)") }
    let crowd = try bench.service.clients().filter { $0.id.hasPrefix("1-") }.compactMap(\.userAgent)
    try #require(crowd.count == 2)
    clients.remove(at: try #require(Int(crowd[0].dropFirst(7))))
    #expect(bench.wait { $0.clients == 5 })
    clients.append(try bench.client(named: "next"))
    #expect(try bench.report("next").id.hasPrefix("1-"))
  }

  @Test func `order events and revocations reach the clients of every loop`() throws {
    let bench = try ServerBench { $0.loops = 3 }
    let clients = try (0..<6).map { try bench.client($0 % 2 == 0 ? "key-asha" : "key-asha-2") }
    for client in clients { #expect(try client.ask(#"{"action":"subscribe_orders"}"#).contains("success")) }
    for number in 0..<20 {
      bench.service.publish(OrderUpdate(userID: "asha", topic: "t", json: Array(#"{"n":\#(number)}"#.utf8)))
    }
    for client in clients { for number in 0..<20 { #expect(try client.text() == #"{"n":\#(number)}"#) } }
    bench.service.keyRevoked(keyID: 2)
    for place in [1, 3, 5] { #expect(clients[place].close() == .closed(code: 4403, reason: "key revoked")) }
    for place in [0, 2, 4] { #expect(try clients[place].marketsUntilPong().isEmpty) }
    #expect(bench.wait { $0.keysRevoked == 3 && $0.clients == 3 })
  }

  @Test func `the limit of connections counts those of all loops`() throws {
    let bench = try ServerBench {
      $0.loops = 3
      $0.clientsMax = 4
    }
    var clients = try (0..<4).map { _ in try bench.client() }
    for _ in 0..<3 { #expect(try ServerClient(port: bench.port).answer.hasPrefix("HTTP/1.1 503 ")) }
    #expect(bench.wait { $0.refused == 3 && $0.clients == 4 })
    clients.removeLast()
    #expect(bench.wait { $0.clients == 3 })
    #expect(try bench.client().marketsUntilPong().isEmpty)
  }

  @Test func `stopping closes the clients of all loops, and then there are none`() throws {
    let bench = try ServerBench { $0.loops = 3 }
    let clients = try (0..<6).map { _ in try bench.client() }
    #expect(try bench.service.clients().count == 6)
    bench.service.stop()
    for client in clients { #expect(client.close() == .closed(code: 1001, reason: "server stopping")) }
    #expect(try bench.service.clients().isEmpty)
  }

  @Test func `a client that lags does so in its loop only`() throws {
    let bench = try ServerBench {
      $0.loops = 2
      $0.pendingBytesSoftMax = 256 * 1024
    }
    let slow = try bench.client(named: "slow", receiveBuffer: 4096)
    let other = try bench.client(named: "other")
    #expect(try bench.report("slow").id.first != bench.report("other").id.first)
    try slow.subscribe("TCS", .depth)
    try other.subscribe("RELIANCE", .ltp, more: #","seq":true"#)
    _ = try bench.fill("slow", loops: 2) { $0.isHeld }
    for number in 1...300 { bench.tick(0, .ltp, number: Int64(number)) }
    #expect(try other.markets(300).map(\.sequence) == (1...300).map { $0 })
  }

  // MARK: Waiting

  @Test func `ticks that are collected come together`() throws {
    let bench = try ServerBench { $0.coalesceNanos = FanoutConfiguration.coalesceNanosMax }
    let every = try bench.client(named: "every")
    let newest = try bench.client(named: "newest")
    try every.subscribe("TCS", .ltp)
    try newest.subscribe("TCS", .ltp, more: #","policy":"conflate""#)
    for number in 1...10 {
      bench.tick(1, .ltp, number: Int64(number))
      usleep(1000)
    }
    // Replies do not wait with them.
    #expect(try newest.marketsUntilPong().isEmpty)
    #expect(try every.markets(10).map(\.number) == Array(1...10))
    #expect(try newest.market().number == 10)
    #expect(try newest.marketsUntilPong().isEmpty)
  }

  @Test func `no more than the time to collect passes, however many there are`() throws {
    let bench = try ServerBench {
      $0.coalesceNanos = 500_000_000
      $0.ticksPerTurnMax = 1
    }
    let client = try bench.client()
    try client.subscribe("TCS", .ltp)
    let began = SystemClock.monotonicNanos()
    for number in 1...100 { bench.tick(1, .ltp, number: Int64(number)) }
    #expect(try client.markets(100).map(\.number) == Array(1...100))
    // A time for each would be fifty seconds.
    #expect(SystemClock.monotonicNanos() - began < 25_000_000_000)
  }

  @Test func `a loop that polls serves ticks, replies and times`() throws {
    let bench = try ServerBench {
      $0.isBusyPolling = true
      $0.pingIntervalNanos = 200_000_000
    }
    let client = try bench.client()
    try client.subscribe("TCS", .ltp)
    try client.subscribe("RELIANCE", .ltp, more: #","max_rate":50"#)
    for number in 1...100 {
      bench.tick(1, .ltp, number: Int64(number))
      bench.tick(0, .ltp, number: Int64(number))
    }
    var seen: [String: [Int64]] = [:]
    while seen["TCS"]?.last != 100 || seen["RELIANCE"]?.last != 100 {
      let market = try client.market()
      seen[market.symbol, default: []].append(market.number)
    }
    #expect(seen["TCS"] == Array(1...100))
    #expect(client.next() == .ping)
  }
}
