// Limits and misbehaving clients over loopback sockets: time-outs, garbage, size, numbers, readers that do not read.

import Fanout
import Glibc
import JSONText
import Market
import TestSupport
import Testing
import WebSocket

@Suite struct ServerLimitTests {
  private static let ping = #"{"action":"ping"}"#

  @Test func `whoever shows no valid key in time is closed with 4401, whatever else it says`() throws {
    let bench = try ServerBench {
      $0.authTimeoutNanos = 1_500_000_000
      $0.authAttemptsMax = 1_000_000
    }
    let known = try bench.client()
    let stranger = try bench.client(nil)
    var end = Seen.nothing
    for _ in 0..<1000 {
      stranger.say(Self.ping)
      stranger.say(#"{"action":"auth","api_key":"nobody-in-particular-and-refused-once"}"#)
      end = stranger.next()
      if case .closed = end { break }
      usleep(50_000)
    }
    #expect(end == .closed(code: 4401, reason: "auth timeout"))
    let silent = try bench.client(nil)
    #expect(silent.close() == .closed(code: 4401, reason: "auth timeout"))
    #expect(try known.ask(Self.ping).contains("pong"))
    #expect(bench.wait { $0.authenticationsOverdue >= 1 })
  }

  @Test func `too many wrong keys end the connection after the last reply`() throws {
    let bench = try ServerBench { $0.authAttemptsMax = 3 }
    let client = try bench.client(nil)
    for _ in 0..<3 {
      #expect(try client.ask(#"{"action":"auth","api_key":"nobody"}"#).contains("Invalid API key"))
    }
    #expect(client.close() == .closed(code: 1008, reason: "too many authentication attempts"))
    #expect(bench.wait { $0.authenticationsFailed == 3 })
  }

  @Test func `an upgrade that does not come is ended`() throws {
    let bench = try ServerBench { $0.handshakeTimeoutNanos = 100_000_000 }
    let client = try ServerClient(port: bench.port, request: "GET / HTTP/1.1\r\nHost: x\r\n")
    #expect(client.next() == .nothing)
    #expect(bench.wait { $0.clients == 0 && $0.handshakesFailed == 1 })
  }

  @Test(arguments: [
    ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 426 "), ("POST / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 405 "),
    ("nonsense\r\n\r\n", "HTTP/1.1 400 "),
    (ServerClient.upgrade(fields: "Origin: https://evil.example\r\n"), "HTTP/1.1 403 "),
    (ServerClient.upgrade(fields: "Origin: https://good.example\r\n"), "HTTP/1.1 101 "),
    (ServerClient.upgrade(), "HTTP/1.1 101 "),
  ])
  func `requests are answered by their status`(request: String, status: String) throws {
    let bench = try ServerBench { $0.allowedOrigins = ["https://good.example"] }
    #expect(try ServerClient(port: bench.port, request: request).answer.hasPrefix(status))
  }

  @Test func `connections over the limit are answered with 503 and others go on`() throws {
    let bench = try ServerBench { $0.clientsMax = 2 }
    var clients = try [bench.client(), bench.client()]
    let refused = try ServerClient(port: bench.port)
    #expect(refused.answer.hasPrefix("HTTP/1.1 503 ") && refused.answer.contains("Retry-After: 5\r\n"))
    #expect(try clients[1].ask(Self.ping).contains("pong"))
    clients.removeFirst()
    #expect(bench.wait { $0.clients == 1 && $0.refused == 1 })
    #expect(try bench.client().ask(Self.ping).contains("pong"))
  }

  private static let badFrames: [([UInt8], UInt16)] = [
    // Unmasked, unknown opcode, reserved bits, not UTF-8, longer than a message may be.
    ([0x81, 0x02, 0x7B, 0x7D], 1002),
    ([0x83, 0x80, 0, 0, 0, 0], 1002),
    ([0xF1, 0x80, 0, 0, 0, 0], 1002),
    ([0x81, 0x82, 0, 0, 0, 0, 0xC3, 0x28], 1007),
    ([0x81, 0xFF, 0, 0, 0, 0, 0, 0x10, 0, 1, 0, 0, 0, 0], 1009),
  ]

  @Test(arguments: badFrames)
  func `frames that break the protocol or the size end the connection by their code`(
    bytes: [UInt8], code: UInt16
  ) throws {
    let bench = try ServerBench()
    let witness = try bench.client()
    let client = try bench.client()
    client.write(bytes)
    guard case .closed(code, _) = client.close() else {
      Issue.record("not closed with \(code)")
      return
    }
    #expect(try witness.ask(Self.ping).contains("pong"))
    #expect(bench.wait { $0.protocolErrors == 1 && $0.clients == 1 })
  }

  @Test func `a message of nearly the maximum is taken`() throws {
    let bench = try ServerBench()
    let client = try bench.client()
    let padding = String(repeating: " ", count: (1 << 20) - Self.ping.utf8.count)
    #expect(try client.ask(Self.ping + padding).contains("pong"))
    client.say(Self.ping + padding + " ")
    #expect(client.close() == .closed(code: 1009, reason: "message too big"))
  }

  @Test func `random bytes end a connection and nothing else`() throws {
    let seed = SeededGenerator.chosenSeed()
    var random = SeededGenerator(seed: seed)
    let bench = try ServerBench()
    let witness = try bench.client()
    for _ in 0..<40 {
      let client = try bench.client(random.next() & 1 == 0 ? nil : "key-asha")
      for _ in 0..<8 { client.write((0..<200).map { _ in UInt8.random(in: 0...255, using: &random) }) }
    }
    #expect(try witness.ask(Self.ping).contains("pong"), "seed \(seed)")
    #expect(bench.wait { $0.clients == 1 }, "seed \(seed)")
  }

  @Test func `a peer that answers no ping is closed with 1011, one that does stays`() throws {
    let bench = try ServerBench {
      $0.pingIntervalNanos = 100_000_000
      $0.pongTimeoutNanos = 2_000_000_000
    }
    let mute = try bench.client()
    let alive = try bench.client()
    var pings = 0
    for _ in 0..<10 {
      guard case .ping = alive.next() else { break }
      pings += 1
      alive.write(alive.frame(.pong, []))
    }
    #expect(pings == 10)
    #expect(mute.close() == .closed(code: 1011, reason: "keepalive ping timeout"))
    alive.say(Self.ping)
    #expect(try alive.text().contains("pong"))
    #expect(bench.wait { $0.keepaliveTimeouts >= 1 })
  }

  /// Ticks between reads of the fast client: far from its soft limit.
  private static let burst: Int64 = 128

  @Test func `a reader that stops loses only old values, and the others lose nothing`() throws {
    let bench = try ServerBench(ringCapacity: 1 << 16) { $0.pendingBytesSoftMax = 64 * 1024 }
    let slow = try bench.client(receiveBuffer: 4096)
    let fast = try bench.client()
    try slow.subscribe("TCS", .ltp, more: #","seq":true"#)
    try slow.subscribe("RELIANCE", .depth)
    try fast.subscribe("TCS", .ltp)
    let total: Int64 = 30_000
    bench.tick(0, .depth, number: 7)
    for number in 1...total {
      bench.tick(1, .ltp, number: number, flush: number % 32 == 0)
      if number % Self.burst == 0 {
        bench.flush()
        for _ in 0..<Self.burst { _ = try fast.text() }
      }
    }
    bench.tick(0, .depth, number: 8)
    for _ in 0..<(total % Self.burst) { _ = try fast.text() }
    #expect(bench.wait { $0.ticks == UInt64(total) + 2 })
    let statistics = bench.service.statistics()
    #expect(statistics.conflated > 0 && statistics.slowClosed == 0 && statistics.laps == 0)
    // Now it reads: its values go up, and end with the newest of both.
    var newest: [String: Int64] = [:]
    while newest["TCS"] != total || newest["RELIANCE"] != 8 {
      let root = try JSONDocument(slow.text()).root
      let symbol = try #require(root["symbol"]?.string)
      let price = Int64(try #require(root["data"]?["ltp"]?.double))
      #expect(price > newest[symbol, default: 0])
      if symbol == "TCS" { #expect(root["seq"]?.integer == price) }
      newest[symbol] = price
    }
    bench.tick(1, .ltp, number: total + 1)
    #expect(try slow.text().contains(#""ltp":30001.0"#))
    #expect(try fast.text().contains(#""ltp":30001.0"#))
  }

  @Test func `a client that reads no replies is closed as a slow consumer`() throws {
    let bench = try ServerBench {
      $0.pendingBytesSoftMax = 16 * 1024
      $0.pendingBytesHardMax = 64 * 1024
    }
    let client = try bench.client(receiveBuffer: 4096)
    let witness = try bench.client()
    let id = String(repeating: "x", count: 100_000)
    var rounds = 0
    while bench.service.statistics().slowClosed == 0, rounds < 200 {
      client.say(#"{"action":"subscribe","symbol":"TCS","exchange":"NSE","request_id":"\#(id)"}"#)
      rounds += 1
      usleep(1000)
    }
    #expect(client.close() == .closed(code: 1008, reason: "slow consumer"))
    #expect(try witness.ask(Self.ping).contains("pong"))
    #expect(bench.wait { $0.slowClosed == 1 && $0.subscriptions == 0 })
  }

  @Test func `after a lap every instrument ends at its newest value`() throws {
    let bench = try ServerBench(ringCapacity: 16)
    let client = try bench.client()
    for symbol in ["RELIANCE", "TCS"] { try client.subscribe(symbol, .ltp, more: #","seq":true"#) }
    // The ring holds 16, so bursts of thousands overtake the loop sooner or later.
    var sent: Int64 = 0
    for _ in 0..<200 where bench.service.statistics().laps < 3 {
      for _ in 0..<2000 {
        sent += 1
        bench.tick(UInt32(sent % 2), .ltp, number: sent, flush: false)
      }
      bench.flush()
      usleep(2000)
    }
    #expect(bench.service.statistics().laps >= 3)
    bench.tick(0, .ltp, number: sent + 1)
    bench.tick(1, .ltp, number: sent + 2)
    var newest: [String: Int64] = [:]
    while newest["RELIANCE"] != sent + 1 || newest["TCS"] != sent + 2 {
      let root = try JSONDocument(client.text()).root
      let symbol = try #require(root["symbol"]?.string)
      let price = Int64(try #require(root["data"]?["ltp"]?.double))
      #expect(price > newest[symbol, default: 0], "out of order or twice")
      newest[symbol] = price
    }
    let statistics = bench.service.statistics()
    #expect(statistics.lost > 0 && statistics.healed > 0)
  }

  @Test func `a client that wants one frame per write gets the newest after each`() throws {
    let bench = try ServerBench()
    let request = ServerClient.upgrade(key: UpgradeRequest.sampleKey, fields: "")
    let client = try ServerClient(port: bench.port, request: request)
    try client.authenticate()
    try client.subscribe("TCS", .quote)
    let total: Int64 = 900
    for number in 1...total {
      // Every third value is known to the last-value table for a while before the ring shows it.
      bench.tick(1, .quote, number: number, flush: number % 3 == 2)
      if number % 3 == 0 { usleep(200) }
    }
    bench.flush()
    var last: Int64 = 0
    while last < total {
      let price = Int64(try #require(try JSONDocument(client.text()).root["data"]?["ltp"]?.double))
      #expect(price > last, "out of order or twice")
      last = price
    }
    #expect(bench.wait { $0.delivered + $0.conflated == UInt64(total) && $0.delivered < UInt64(total) })
  }
}
