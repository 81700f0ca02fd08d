// The paced profile: for a client that decodes one frame per receive and does not subscribe again after a reconnect.

import Fanout
import Glibc
import JSONText
import Market
import Testing
import WebSocket

@Suite struct ServerPacedTests {
  private static let request = ServerClient.upgrade(key: UpgradeRequest.sampleKey, fields: "")

  private static func client(of bench: ServerBench, key: String = "key-asha") throws -> ServerClient {
    let client = try ServerClient(port: bench.port, request: request)
    try client.authenticate(key)
    return client
  }

  @Test func `one message comes per interval, of the instruments in turn, the newest of each`() throws {
    let bench = try ServerBench { $0.pacedIntervalNanos = 50_000_000 }
    let client = try Self.client(of: bench)
    #expect(try bench.service.clients().map(\.policy) == [.paced])
    for symbol in ["RELIANCE", "TCS", "M&M"] { try client.subscribe(symbol, .ltp) }
    let began = SystemClock.monotonicNanos()
    var number: Int64 = 0
    var seen: [MarketData] = []
    while seen.count < 12 {
      for _ in 0..<20 {
        number += 1
        for id in 0..<3 { bench.tick(UInt32(id), .ltp, number: number, flush: id == 2) }
      }
      seen.append(try client.market())
    }
    let intervals = (SystemClock.monotonicNanos() - began) / 50_000_000
    #expect(seen.count <= Int(intervals) + 1)
    for three in stride(from: 3, to: 12, by: 3) {
      #expect(Set(seen[three..<three + 3].map(\.symbol)) == ["RELIANCE", "TCS", "M&M"])
    }
    // Each is newer than all that were published before the one before it was sent.
    for place in 3..<12 { #expect(seen[place].number > seen[place - 3].number) }
    // After the last tick each instrument ends at its newest value.
    var newest = Dictionary(seen.map { ($0.symbol, $0.number) }) { $1 }
    while Set(newest.values) != [number] {
      let market = try client.market()
      newest[market.symbol] = market.number
    }
    #expect(try client.marketsUntilPong().isEmpty)
  }

  @Test func `a reply has its interval to itself`() throws {
    let bench = try ServerBench { $0.pacedIntervalNanos = 300_000_000 }
    let client = try Self.client(of: bench)
    try client.subscribe("TCS", .ltp)
    bench.tick(1, .ltp, number: 1)
    #expect(try client.market().number == 1)
    usleep(300_000)
    let asked = SystemClock.monotonicNanos()
    #expect(try client.marketsUntilPong().isEmpty)
    bench.tick(1, .ltp, number: 2)
    #expect(try client.market().number == 2)
    #expect(SystemClock.monotonicNanos() - asked >= 300_000_000)
  }

  @Test func `a browser or a program with a name is not taken for such a client`() throws {
    let bench = try ServerBench()
    for fields in ["User-Agent: x\r\n", "Origin: http://localhost\r\n"] {
      let request = ServerClient.upgrade(key: UpgradeRequest.sampleKey, fields: fields)
      try ServerClient(port: bench.port, request: request).authenticate()
    }
    let anonymous = try ServerClient(port: bench.port, request: ServerClient.upgrade(fields: ""))
    try anonymous.authenticate()
    #expect(try bench.service.clients().allSatisfy { $0.policy == .every })
    try anonymous.subscribe("TCS", .ltp, more: #","policy":"paced""#)
    #expect(try bench.service.clients().contains { $0.policy == .paced })
  }

  @Test func `the next connection with the same key has its subscriptions back, one with another key has not`() throws {
    let bench = try ServerBench { $0.pacedIntervalNanos = 1_000_000 }
    var client: ServerClient? = try Self.client(of: bench)
    try client?.subscribe("TCS", .quote)
    try client?.subscribe("RELIANCE", .ltp)
    client = nil
    #expect(bench.wait { $0.clients == 0 && $0.subscriptions == 0 })
    let other = try Self.client(of: bench, key: "key-asha-2")
    #expect(other.answer.contains("101") && bench.service.statistics().subscriptions == 0)
    let named = try bench.client()
    #expect(try named.marketsUntilPong().isEmpty && bench.service.statistics().subscriptions == 0)
    let next = try Self.client(of: bench)
    #expect(bench.wait { $0.subscriptions == 2 })
    bench.tick(1, .quote, number: 5)
    #expect(try next.market() == MarketData("TCS", 5, .quote))
    bench.tick(0, .ltp, number: 6)
    #expect(try next.market() == MarketData("RELIANCE", 6))
    // Only once, and only what the last one had.
    let second = try Self.client(of: bench)
    #expect(try second.marketsUntilPong().isEmpty && bench.service.statistics().subscriptions == 2)
  }

  @Test func `after the time they are forgotten`() throws {
    let bench = try ServerBench { $0.pacedRestoreNanos = 1_000_000 }
    var client: ServerClient? = try Self.client(of: bench)
    try client?.subscribe("TCS", .quote)
    client = nil
    #expect(bench.wait { $0.clients == 0 })
    usleep(20_000)
    let next = try Self.client(of: bench)
    #expect(try next.marketsUntilPong().isEmpty && bench.service.statistics().subscriptions == 0)
  }

  @Test func `subscriptions that are restored come in the form of the new connection`() throws {
    let bench = try ServerBench { $0.pacedIntervalNanos = 1_000_000 }
    var client: ServerClient? = try Self.client(of: bench)
    try client?.subscribe("TCS", .ltp)
    client = nil
    #expect(bench.wait { $0.clients == 0 })
    let fields = "Sec-WebSocket-Protocol: tickgate.v1\r\n"
    let binary = try ServerClient(
      port: bench.port, request: ServerClient.upgrade(key: UpgradeRequest.sampleKey, fields: fields))
    #expect(try binary.records().first?.u8(2) == 16)
    try binary.authenticate()
    #expect(try binary.records().map { $0.u8(2) } == [18])
    bench.tick(1, .ltp, number: 2)
    #expect(try binary.records().map { $0.u8(2) } == [1])
  }
}
