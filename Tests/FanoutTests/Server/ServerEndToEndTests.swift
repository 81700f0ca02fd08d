// The whole server over loopback sockets, fed by a sequencer that the test writes.

import Fanout
import Glibc
import JSONText
import Market
import Reactor
import Testing
import TickRing
import WebSocket

/// `symbol mode ltp` of a market data message, with `seq epoch` when it has them.
private func summary(_ text: String) throws -> String {
  let root = try JSONDocument(text).root
  try #require(root["type"]?.string == "market_data", "\(text)")
  var parts = [try #require(root["symbol"]?.string), String(try #require(root["mode"]?.integer))]
  parts.append(String(try #require(root["data"]?["ltp"]?.double)))
  if let seq = root["seq"]?.integer { parts.append("seq \(seq)") }
  if let epoch = root["epoch"]?.integer { parts.append("epoch \(epoch)") }
  return parts.joined(separator: " ")
}

@Suite struct ServerEndToEndTests {
  @Test func `ticks reach the subscribers of their mode and of those below, in its size`() throws {
    let bench = try ServerBench()
    let ltp = try bench.client()
    let quote = try bench.client()
    let depth = try bench.client("key-ravi")
    try ltp.subscribe("TCS", .ltp)
    try quote.subscribe("TCS", .quote)
    try depth.subscribe("TCS", .depth)
    bench.tick(1, .ltp, number: 1)
    bench.tick(1, .quote, number: 2)
    bench.tick(0, .depth, number: 99)
    bench.tick(1, .depth, number: 3, feed: 1)
    for number in 1...3 { #expect(try summary(ltp.text()) == "TCS 1 \(number).0") }
    for number in 2...3 { #expect(try summary(quote.text()) == "TCS 2 \(number).0") }
    let last = try depth.text()
    #expect(try summary(last) == "TCS 3 3.0")
    #expect(last.hasPrefix(#"{"type":"market_data","symbol":"TCS","exchange":"NSE","mode":3,"data":{"symbol":"TCS""#))
    #expect(last.contains(#""depth":{"buy":[{"#) && last.hasSuffix(#"},"broker":"dhan"}"#))
    #expect(bench.wait { $0.delivered == 6 && $0.ticks == 4 && $0.subscriptions == 3 })
  }

  @Test func `a client with several modes of a symbol gets one message for each`() throws {
    let bench = try ServerBench()
    let client = try bench.client()
    try client.subscribe("TCS", .depth)
    try client.subscribe("TCS", .ltp)
    bench.tick(1, .depth, number: 5)
    bench.tick(1, .quote, number: 6)
    #expect(try summary(client.text()) == "TCS 1 5.0")
    #expect(try summary(client.text()) == "TCS 3 5.0")
    #expect(try summary(client.text()) == "TCS 1 6.0")
    let reply = try client.ask(#"{"action":"unsubscribe","symbol":"TCS","exchange":"NSE","mode":1}"#)
    #expect(reply.contains(#""successful":[{"symbol":"TCS""#))
    bench.tick(1, .depth, number: 7)
    #expect(try summary(client.text()) == "TCS 3 7.0")
    #expect(bench.wants.all == [Want(1, .depth, delta: 1), Want(1, .ltp, delta: 1), Want(1, .ltp, delta: -1)])
  }

  @Test func `sequence and epoch are the last keys for who asked, and go on from the acknowledgement`() throws {
    let bench = try ServerBench()
    bench.tick(1, .quote, number: 1)
    bench.tick(1, .ltp, number: 2)
    let client = try bench.client()
    let plain = try bench.client()
    try plain.subscribe("TCS", .ltp)
    let ack = try client.ask(#"{"action":"subscribe","symbol":"TCS","exchange":"NSE","mode":1,"seq":true}"#)
    #expect(ack.contains(#""broker":"zerodha","seq":2}"#) && ack.contains(#","epoch":1795000000123}"#))
    bench.tick(1, .depth, number: 3)
    bench.tick(1, .ltp, number: 4)
    let third = try client.text()
    #expect(try summary(third) == "TCS 1 3.0 seq 3 epoch 1795000000123")
    #expect(third.hasSuffix(#","broker":"zerodha","seq":3,"epoch":1795000000123}"#))
    #expect(try summary(client.text()) == "TCS 1 4.0 seq 4 epoch 1795000000123")
    let same = try plain.text()
    #expect(try summary(same) == "TCS 1 3.0")
    #expect(third.hasPrefix(same.dropLast()))
  }

  @Test func `a value that the acknowledgement counts already is not delivered after it`() throws {
    let bench = try ServerBench()
    let client = try bench.client()
    // Known to the last-value table, but not yet visible in the ring.
    bench.tick(1, .quote, number: 1, flush: false)
    let ack = try client.ask(#"{"action":"subscribe","symbol":"TCS","exchange":"NSE","mode":1,"seq":true}"#)
    #expect(ack.contains(#","seq":1}"#))
    bench.flush()
    #expect(bench.wait { $0.ticks == 1 })
    bench.tick(1, .ltp, number: 2)
    #expect(try summary(client.text()) == "TCS 1 2.0 seq 2 epoch 1795000000123")
  }

  @Test func `pipelined messages are answered in order, split or joined as they may be`() throws {
    let bench = try ServerBench()
    let client = try bench.client(nil)
    let bytes =
      client.frame(.text, Array(#"{"action":"auth","api_key":"key-asha"}"#.utf8))
      + client.frame(.binary, Array(#"{"action":"subscribe","symbol":"TCS","exchange":"NSE","mode":1}"#.utf8))
      + client.frame(.ping, [1, 2, 3]) + client.frame(.text, Array(#"{"action":"ping","_pingId":1}"#.utf8))
    for byte in bytes {
      client.write([byte])
      if byte & 15 == 0 { usleep(200) }
    }
    #expect(try client.text().hasPrefix(#"{"type":"auth""#))
    #expect(try client.text().hasPrefix(#"{"type":"subscribe","status":"success""#))
    #expect(client.next() == .pong([1, 2, 3]))
    #expect(try client.text().hasSuffix(#""_pingId":1}"#))
    client.write(bytes)
    #expect(try client.text().hasPrefix(#"{"type":"auth""#))
    #expect(try client.text().hasPrefix(#"{"type":"subscribe","status":"success""#))
    #expect(client.next() == .pong([1, 2, 3]))
    #expect(try client.text().hasSuffix(#""_pingId":1}"#))
  }

  @Test func `order updates reach every connection of the user that asked, verbatim and in order`() throws {
    let bench = try ServerBench()
    let asha = try [bench.client(), bench.client("key-asha-2")]
    let others = try [bench.client(), bench.client("key-ravi")]
    for client in asha + [others[1]] {
      #expect(try client.ask(#"{"action":"subscribe_orders"}"#).contains("Subscribed to order updates"))
    }
    for number in 0..<50 {
      let json = Array(#"{"type":"order_update", "n":\#(number)}"#.utf8)
      bench.service.publish(OrderUpdate(userID: "asha", topic: "ANALYZE_asha_orders", json: json))
    }
    for client in asha {
      for number in 0..<50 { #expect(try client.text() == #"{"type":"order_update", "n":\#(number)}"#) }
    }
    for client in others { #expect(try client.ask(#"{"action":"ping"}"#).hasPrefix(#"{"type":"pong""#)) }
    #expect(bench.wait { $0.orderUpdatesDelivered == 100 })
  }

  @Test func `a revoked key closes its connections and no others`() throws {
    let bench = try ServerBench()
    let revoked = try [bench.client(), bench.client()]
    let kept = try bench.client("key-asha-2")
    try revoked[0].subscribe("TCS", .ltp)
    bench.service.keyRevoked(keyID: 1)
    for client in revoked { #expect(client.close() == .closed(code: 4403, reason: "key revoked")) }
    #expect(try kept.ask(#"{"action":"ping"}"#).hasPrefix(#"{"type":"pong""#))
    #expect(bench.wants.all == [Want(1, .ltp, delta: 1), Want(1, .ltp, delta: -1)])
    #expect(bench.wait { $0.keysRevoked == 2 && $0.clients == 1 && $0.subscriptions == 0 })
  }

  @Test func `a client that leaves takes its subscriptions along`() throws {
    let bench = try ServerBench()
    var client: ServerClient? = try bench.client()
    try client?.subscribe("TCS", .depth)
    #expect(bench.wait { $0.clients == 1 && $0.subscriptions == 1 })
    client = nil
    #expect(bench.wait { $0.clients == 0 && $0.subscriptions == 0 })
    #expect(bench.wants.all == [Want(1, .depth, delta: 1), Want(1, .depth, delta: -1)])
    let polite = try bench.client()
    polite.write(polite.frame(.close, [0x0F, 0xA0] + Array("bye".utf8)))
    #expect(polite.close() == .closed(code: 4000, reason: ""))
    let silent = try bench.client()
    silent.write(silent.frame(.close, []))
    #expect(silent.close() == .closed(code: nil, reason: ""))
  }

  @Test func `stopping tells every client and ends the thread`() throws {
    let bench = try ServerBench()
    let clients = try (0..<5).map { _ in try bench.client() }
    try clients[0].subscribe("TCS", .ltp)
    let stranger = try ServerClient(port: bench.port, request: "GET /")
    #expect(bench.wait { $0.clients == 6 })
    bench.service.stop()
    for client in clients { #expect(client.close() == .closed(code: 1001, reason: "server stopping")) }
    #expect(stranger.next() == .nothing)
    #expect(bench.wants.all == [Want(1, .ltp, delta: 1), Want(1, .ltp, delta: -1)])
    bench.service.stop()
    #expect(throws: FanoutError.alreadyStarted) { try bench.service.start() }
  }

  @Test func `a taken port and impossible settings are told by start`() throws {
    let bench = try ServerBench()
    #expect(throws: LoopError.self) { try ServerBench { $0.port = bench.port } }
    #expect(throws: FanoutError.self) { try ServerBench { $0.clientsMax = 0 } }
    #expect(throws: FanoutError.self) { try ServerBench { $0.pendingBytesSoftMax = $0.pendingBytesHardMax } }
    #expect(throws: FanoutError.self) { try ServerBench { $0.authTimeoutNanos = 0 } }
  }
}
