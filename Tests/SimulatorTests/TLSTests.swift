// The exchange behind TLS, seen by the openssl command: certificate, REST calls, a WebSocket upgrade, a slow handshake.

import Glibc
import Market
import Reactor
import Simulator
import TestSupport
import Testing

@Suite(.serialized) struct TLSTests {
  private var tls: TLSServerContext {
    get throws {
      let directory = TestCertificates.shared.directory
      return try TLSServerContext(certificate: "\(directory)/good.pem", key: "\(directory)/good.key")
    }
  }

  /// An empty close frame with a mask of zeros, for printf.
  private let closeFrame = #"\210\200\000\000\000\000"#

  /// What the server answers to some bytes until it ends the connection, the certificate verified.
  private func ask(_ port: UInt16, _ lines: [String], tail: String = "") -> String {
    let request = lines.joined(separator: #"\r\n"#) + #"\r\n\r\n"# + tail
    return TestCertificates.run(
      """
      printf '\(request)' | timeout 30 openssl s_client -quiet -verify_return_error \
      -CAfile \(TestCertificates.shared.authority) -servername localhost -verify_hostname localhost \
      -connect 127.0.0.1:\(port)
      """)
  }

  @Test func `an encrypted exchange serves its list and opens WebSockets`() throws {
    let tls = try tls
    try withBroker(.kite, { $0.tls = tls }) { exchange in
      #expect(exchange.url == "wss://127.0.0.1:\(exchange.port)/")
      let list = ask(exchange.port, ["GET /instruments HTTP/1.1", "Host: localhost"])
      #expect(list.hasPrefix("HTTP/1.1 200") && list.contains("RELIANCE"))
      let upgrade = [
        "GET /?api_key=a&access_token=b HTTP/1.1", "Host: localhost", "Upgrade: websocket", "Connection: Upgrade",
        "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
      ]
      #expect(ask(exchange.port, upgrade, tail: closeFrame).hasPrefix("HTTP/1.1 101"))
      #expect(exchange.statistics.connects == 1)
    }
  }

  @Test func `the address that Upstox hands out is encrypted too`() throws {
    let tls = try tls
    try withBroker(.upstox, { $0.tls = tls }) { exchange in
      let answer = ask(
        exchange.port,
        ["GET \(SimulatedBroker.upstox.feedPath) HTTP/1.1", "Host: localhost:1", "Authorization: Bearer t"])
      #expect(answer.contains(#""wss://localhost:1/v3/feed/market-data-feed/socket?"#))
    }
  }

  @Test func `a slow handshake begins late`() throws {
    let tls = try tls
    try withBroker(.angel, { $0.tls = tls }) { exchange in
      exchange.inject(Fault(.slowTLS(delayNanos: 500_000_000)))
      _ = exchange.subscriptions()
      let start = SystemClock.monotonicNanos()
      let answer = ask(
        exchange.port, ["GET \(exchange.broker.instrumentListPath) HTTP/1.1", "Host: h"])
      #expect(answer.hasPrefix("HTTP/1.1 200"))
      #expect(SystemClock.monotonicNanos() - start >= 500_000_000)
    }
  }

  @Test func `plain text at an encrypted port gets no answer of the exchange`() throws {
    let tls = try tls
    try withBroker(.kite, { $0.tls = tls }) { exchange in
      #expect(throws: TestClientError.brokenProtocol("no HTTP answer")) {
        try HTTPCall.get(port: exchange.port, exchange.broker.instrumentListPath)
      }
      #expect(ask(exchange.port, ["GET /instruments HTTP/1.1", "Host: h"]).hasPrefix("HTTP/1.1 200"))
    }
  }
}
