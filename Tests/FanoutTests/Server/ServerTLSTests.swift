import Fanout
import Market
import Reactor
import TestSupport
import Testing
import WebSocket

/// The server over `wss://`, on one loop and on several that hand connections over.
@Suite struct ServerTLSTests {
  private func bench(loops: Int) throws -> ServerBench {
    let directory = TestCertificates.shared.directory
    let tls = try TLSServerContext(certificate: directory + "/good.pem", key: directory + "/good.key")
    return try ServerBench { configuration in
      configuration.tls = tls
      configuration.loops = loops
      configuration.pendingBytesSoftMax = 8 << 20
      configuration.pendingBytesHardMax = 16 << 20
    }
  }

  @Test(arguments: [1, 3])
  func `encrypted clients authenticate, subscribe and get every tick in order`(loops: Int) throws {
    let bench = try bench(loops: loops)
    let tunnel = try TLSTunnel(to: bench.port)
    let clients = try (0..<6).map { _ in
      let client = try ServerClient(port: tunnel.port)
      #expect(client.answer.hasPrefix("HTTP/1.1 101 Switching Protocols\r\n"))
      try client.authenticate("key-asha")
      client.say(#"{"action":"subscribe","symbol":"RELIANCE","exchange":"NSE","mode":"LTP"}"#)
      #expect(try client.text().contains(#""type":"subscribe""#))
      return client
    }
    for number in 1...500 { bench.tick(0, .ltp, number: Int64(number), flush: number % 7 == 0) }
    bench.flush()
    for client in clients {
      for number in 1...500 { #expect(try client.text().contains(#""ltp":\#(number)"#), "tick \(number)") }
      client.write(client.frame(.close, [3, 232]))
      #expect(client.next() == .closed(code: 1000, reason: ""))
    }
    #expect(bench.wait { $0.clients == 0 })
  }

  @Test func `a plain client of an encrypted server is turned away and counts for nothing`() throws {
    let bench = try bench(loops: 1)
    let client = try ServerClient(port: bench.port)
    #expect(client.answer == "")
    #expect(client.next() == .nothing)
    #expect(bench.wait { $0.clients == 0 && $0.accepted == 1 })
    #expect(bench.service.statistics().messagesReceived == 0)
  }
}
