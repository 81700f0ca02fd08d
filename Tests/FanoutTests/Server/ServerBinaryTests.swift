// The binary stream and compression: other forms of the same messages.

import Fanout
import Glibc
import JSONText
import Market
import Testing
import WebSocket

@Suite struct ServerBinaryTests {
  private static let subprotocol = "Sec-WebSocket-Protocol: tickgate.v1\r\n"
  private static let clock = StandingClock(nanos: 1_795_399_042_161_999_999)

  @Test func `a binary client is told the epoch, the feeds and each instrument before its ticks`() throws {
    let bench = try ServerBench(clock: Self.clock)
    let client = try ServerClient(port: bench.port, request: ServerClient.upgrade(fields: Self.subprotocol))
    #expect(client.answer.contains("\r\nSec-WebSocket-Protocol: tickgate.v1\r\n"))
    let opening = try client.records()
    #expect(opening.map { $0.u8(2) } == [16, 17, 17])
    #expect(opening[0].u64(8) == UInt64(ServerBench.epochMillis) && opening[0].i64(16) == Self.clock.nanos)
    let names = opening.dropFirst().map { record in
      String(decoding: record.bytes[Int(record.u16(8))...].prefix(Int(record.u16(10))), as: UTF8.self)
    }
    #expect(names == bench.board.names)
    // Replies stay text.
    try client.authenticate()
    try client.subscribe("TCS", .ltp)
    let definition = try client.records()
    #expect(definition.map { $0.u8(2) } == [18] && definition[0].u32(4) == 1)
    let place = Int(definition[0].bytes.count)
    #expect(place >= 48 && String(decoding: definition[0].bytes, as: UTF8.self).contains("NSETCS"))
    bench.tick(1, .quote, number: 9, feed: 1)
    let ticks = try client.records()
    #expect(ticks.count == 1 && ticks[0].u8(2) == 1 && ticks[0].u8(3) == 0 && ticks[0].u32(4) == 1)
    #expect(ticks[0].tick.ltp == 9 * Price.scale && ticks[0].tick.feed == 1)
    // Another mode of it needs no second definition; another instrument needs its own.
    try client.subscribe("TCS", .quote)
    try client.subscribe("RELIANCE", .ltp)
    #expect(try client.records().map { $0.u8(2) } == [18])
    #expect(try bench.service.clients().map(\.format) == ["binary"])
    try client.subscribe("TCS", .ltp, more: #","seq":true"#)
    #expect(try client.ask(#"{"action":"subscribe_orders"}"#).contains("success"))
    bench.service.publish(OrderUpdate(userID: "asha", topic: "t", json: Array(#"{"a":1}"#.utf8)))
    #expect(try client.text() == #"{"a":1}"#)
  }

  @Test(arguments: Mode.allCases)
  func `records tell what the JSON of another client tells`(mode: Mode) throws {
    let bench = try ServerBench()
    let binary = try bench.client(nil, fields: Self.subprotocol)
    _ = try binary.records()
    try binary.authenticate()
    try binary.subscribe("TCS", mode)
    _ = try binary.records()
    let text = try bench.client()
    try text.subscribe("TCS", mode, more: #","seq":true"#)
    for number in 1...20 { bench.tick(1, .depth, number: Int64(number), feed: UInt8(number % 2)) }
    for _ in 0..<20 {
      let root = try JSONDocument(text.text()).root
      let data = try #require(root["data"])
      let record = try #require(try binary.records().first)
      let tick = record.tick
      #expect(record.u8(2) == mode.rawValue && root["mode"]?.integer == Int64(mode.rawValue))
      #expect(Int64(tick.sequence) == root["seq"]?.integer)
      #expect(Double(tick.ltp) / 1e8 == data["ltp"]?.double)
      #expect(bench.board.names[Int(tick.feed)] == root["broker"]?.string)
      if mode == .ltp { continue }
      #expect(Double(tick.open) / 1e8 == data["open"]?.double && tick.volume == data["volume"]?.integer)
      #expect(Double(tick.close) / 1e8 == data["close"]?.double)
      guard mode == .depth, let buy = data["depth"]?["buy"]?.elements.first else { continue }
      #expect(Double(tick.bids[0].price) / 1e8 == buy["price"]?.double)
      #expect(Int64(tick.bids[0].quantity) == buy["quantity"]?.integer)
    }
  }

  @Test func `a snapshot record is flagged and ends with its age`() throws {
    let bench = try ServerBench(clock: Self.clock)
    bench.tick(1, .quote, number: 7)
    let client = try bench.client(nil, fields: Self.subprotocol)
    _ = try client.records()
    try client.authenticate()
    try client.subscribe("TCS", .quote, more: #","snapshot":true"#)
    #expect(try client.records().map { $0.u8(2) } == [18])
    let snapshot = try #require(try client.records().first)
    #expect(snapshot.u8(3) == 1 && snapshot.bytes.count == 184 && snapshot.u64(176) == 1500)
    #expect(snapshot.tick.ltp == 7 * Price.scale)
    bench.tick(1, .quote, number: 8)
    let tick = try #require(try client.records().first)
    #expect(tick.u8(3) == 0 && tick.bytes.count == 176 && tick.tick.ltp == 8 * Price.scale)
  }

  @Test func `definitions of many come in whole records`() throws {
    let instruments = (0..<3000).map { instrument(.nse, "INSTRUMENT\($0)") }
    let bench = try ServerBench(instruments: instruments)
    let client = try bench.client(nil, fields: Self.subprotocol)
    _ = try client.records()
    try client.authenticate()
    #expect(
      try client.ask(#"{"action":"subscribe","symbol":"*","exchange":"NSE","mode":1}"#).contains(#""matched":3000"#))
    var ids: [UInt32] = []
    while ids.count < 3000 { ids += try client.records().map { $0.u32(4) } }
    #expect(ids.sorted() == Array(0..<3000))
  }

  // MARK: permessage-deflate

  private static let offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"

  @Test func `a client with compression sees the same messages in fewer bytes`() throws {
    let bench = try ServerBench(clock: Self.clock)
    bench.tick(1, .depth, number: 1)
    let plain = try bench.client(named: "plain")
    let small = try bench.client(named: "small", fields: Self.offer)
    #expect(small.answer.contains("permessage-deflate; server_no_context_takeover"))
    for client in [plain, small] {
      try client.subscribe("TCS", .depth, more: #","snapshot":true"#)
      #expect(try client.market() == MarketData("TCS", 1, .depth, ageMillis: 1500))
      try client.subscribe("TCS", .quote, more: #","seq":true"#)
      try client.subscribe("RELIANCE", .ltp)
    }
    let before = [plain.receivedBytes, small.receivedBytes]
    for number in 2...30 {
      bench.tick(1, .depth, number: Int64(number))
      bench.tick(0, .ltp, number: Int64(number))
    }
    for _ in 0..<87 {
      let text = try plain.text()
      #expect(try small.text() == text)
    }
    #expect(small.receivedBytes - before[1] < (plain.receivedBytes - before[0]) * 3 / 4)
    #expect(try bench.report("small").format == "json+deflate" && bench.report("plain").format == "json")
  }

  @Test func `compressed requests are understood, from who agreed to compress`() throws {
    let bench = try ServerBench()
    let client = try bench.client(named: "small", fields: Self.offer)
    let request = Array(#"{"action":"ping","_pingId":"\#(String(repeating: "ab", count: 100))"}"#.utf8)
    var compressed = [UInt8](repeating: 0, count: PayloadDeflater.roomBytes(payloadCount: request.count))
    let count = request.withUnsafeBytes { request in
      compressed.withUnsafeMutableBytes { PayloadDeflater().deflate(request, to: $0) }
    }
    let payload = Array(compressed.prefix(try #require(count)))
    client.write(client.frame(.text, payload, rsv: 0x40))
    #expect(try client.text().contains(String(repeating: "ab", count: 100)))
    let other = try bench.client(named: "plain")
    other.write(other.frame(.text, payload, rsv: 0x40))
    guard case .closed(1002, _) = other.close() else {
      Issue.record("compressed without agreement")
      return
    }
  }

  @Test func `compression is declined when it is off or too many have it, until one of them leaves`() throws {
    let without = try ServerBench { $0.deflateClientsMax = 0 }
    #expect(try !without.client(named: "a", fields: Self.offer).answer.contains("deflate"))
    let bench = try ServerBench { $0.deflateClientsMax = 1 }
    var first: ServerClient? = try bench.client(named: "first", fields: Self.offer)
    #expect(first?.answer.contains("permessage-deflate") == true)
    let second = try bench.client(named: "second", fields: Self.offer)
    #expect(!second.answer.contains("deflate"))
    try second.subscribe("TCS", .ltp)
    bench.tick(1, .ltp, number: 3)
    #expect(try second.market() == MarketData("TCS", 3))
    first = nil
    #expect(bench.wait { $0.clients == 1 })
    #expect(try bench.client(named: "third", fields: Self.offer).answer.contains("permessage-deflate"))
  }

  @Test func `the binary stream is not compressed`() throws {
    let bench = try ServerBench()
    let client = try bench.client(nil, fields: Self.subprotocol + Self.offer)
    #expect(!client.answer.contains("deflate") && client.answer.contains("tickgate.v1"))
  }
}
