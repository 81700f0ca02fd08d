// Who is let in, in each broker's way: credentials, logins, single-use addresses, limits of connections, and the REST
// calls with hostile requests.

import Foundation
import Market
import Simulator
import Testing
import WebSocket

@Suite(.serialized) struct EntranceTests {
  private let loginPath = "/rest/auth/angelbroking/user/v1/loginByPassword"

  private func angelFields(
    jwt: String = "jwt", key: String = "key", client: String = "A1", feed: String = "feed"
  ) -> [(name: String, value: String)] {
    [("Authorization", jwt), ("x-api-key", key), ("x-client-code", client), ("x-feed-token", feed)]
  }

  /// Status of a refused connection; 0 when it was let in.
  private func refusal(_ body: () throws -> Void) throws -> Int {
    do {
      try body()
      return 0
    } catch TestClientError.refused(let status) {
      return status
    }
  }

  // MARK: Angel

  @Test func `Angel asks for four header fields and names the wrong one`() throws {
    try withBroker(.angel) {
      $0.credentials = BrokerCredentials(apiKey: "key", accessToken: "jwt", clientCode: "A1", feedToken: "feed")
    } _: { exchange in
      let port = exchange.port
      let wrong = [
        (angelFields(jwt: "other"), "Invalid Auth token"), (angelFields(key: "other"), "Invalid API Key"),
        (angelFields(client: "other"), "Invalid Client Code"), (angelFields(feed: "other"), "Invalid Feed Token"),
        ([], "Invalid Auth token"),
      ]
      for (fields, message) in wrong {
        let lines =
          fields.map { "\($0.name): \($0.value)" } + [
            "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
          ]
        let answer = try HTTPCall.get(port: port, "/smart-stream", fields: lines)
        #expect(answer.status == 401 && answer.head.lowercased().contains("x-error-message: \(message.lowercased())"))
      }
      for jwt in ["jwt", "Bearer jwt"] {
        _ = try TestClient(port: port, target: "/smart-stream", fields: angelFields(jwt: jwt))
      }
      #expect(try refusal { _ = try TestClient(port: port, target: "/", fields: angelFields()) } == 404)
      #expect(exchange.statistics.upgrades.asked == 8 && exchange.statistics.upgrades.refused == 6)
    }
  }

  @Test func `Angel's login gives tokens that open the feed`() throws {
    try withBroker(.angel) {
      $0.credentials = BrokerCredentials(
        apiKey: "key", accessToken: "none", clientCode: "A1", feedToken: "none", pin: "1234")
    } _: { exchange in
      let port = exchange.port
      func login(key: String = "key", client: String = "A1", pin: String = "1234", totp: String = "123456") throws
        -> [String: Any]
      {
        let body = #"{"clientcode":"\#(client)","password":"\#(pin)","totp":"\#(totp)"}"#
        let call = try HTTPCall.post(port: port, loginPath, body, fields: ["X-PrivateKey: \(key)"])
        #expect(call.status == 200)
        return try call.json()
      }
      #expect(try login(key: "x")["errorcode"] as? String == "AG8004")
      #expect(try login(client: "x")["errorcode"] as? String == "AB1007")
      #expect(try login(pin: "x")["errorcode"] as? String == "AB1007")
      for totp in ["", "12345", "1234567", "12345a"] {
        #expect(try login(totp: totp)["errorcode"] as? String == "AB1050")
      }
      let good = try login()
      #expect(good["status"] as? Bool == true)
      let data = try #require(good["data"] as? [String: String])
      let (jwt, feed) = (data["jwtToken"] ?? "", data["feedToken"] ?? "")
      #expect(data["refreshToken"]?.isEmpty == false)
      _ = try TestClient(port: port, target: "/smart-stream", fields: angelFields(jwt: jwt, feed: feed))
      #expect(
        try refusal {
          _ = try TestClient(port: port, target: "/smart-stream", fields: angelFields(jwt: jwt + "0", feed: feed))
        } == 401)
      #expect(exchange.statistics.logins.asked == 8 && exchange.statistics.logins.refused == 7)
    }
  }

  // MARK: Upstox

  @Test func `Upstox's address opens one connection and no second`() throws {
    try withBroker(.upstox) {
      $0.credentials.accessToken = "token"
    } _: { exchange in
      let port = exchange.port
      let target = try BrokerClient.upstoxTarget(exchange, token: "token")
      _ = try TestClient(port: port, target: target)
      #expect(try refusal { _ = try TestClient(port: port, target: target) } == 403)
      for path in ["/v3/feed/market-data-feed/socket", "/v3/feed/market-data-feed/socket?code=code-99"] {
        #expect(try refusal { _ = try TestClient(port: port, target: path) } == 403)
      }
      #expect(try refusal { _ = try BrokerClient.upstoxTarget(exchange, token: "wrong") } == 401)
      let bare = try HTTPCall.get(port: port, SimulatedBroker.upstox.feedPath)
      #expect(bare.status == 401)
      let error = try #require((try bare.json()["errors"] as? [[String: String]])?.first)
      #expect(error["errorCode"] == "UDAPI100050")
      #expect(exchange.statistics.authorizations.asked == 3 && exchange.statistics.authorizations.refused == 2)
    }
  }

  @Test func `Upstox redirects an upgrade with a bearer to such an address`() throws {
    try withBroker(.upstox) { exchange in
      let lines = [
        "Authorization: Bearer t", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
      ]
      let answer = try HTTPCall.get(port: exchange.port, "/v3/feed/market-data-feed", fields: lines)
      #expect(answer.status == 302)
      let prefix = "Location: ws://127.0.0.1:\(exchange.port)"
      let line = try #require(answer.head.components(separatedBy: "\r\n").first { $0.hasPrefix(prefix) })
      _ = try TestClient(port: exchange.port, target: String(line.dropFirst(prefix.count)))
    }
  }

  // MARK: Dhan

  @Test func `Dhan lets in and tells in a packet why it does not`() throws {
    try withBroker(.dhan) {
      $0.credentials = BrokerCredentials(accessToken: "t", clientCode: "c")
    } _: { exchange in
      func reason(_ target: String) throws -> UInt16 {
        let client = try TestClient(port: exchange.port, target: target)
        guard case .binary(let packet) = try client.next() else { return 0 }
        #expect(try client.next() == .ended)
        #expect(packet.contains(50))
        return packet.little(packet.count - 2, as: UInt16.self)
      }
      #expect(try reason("/?version=2&token=x&clientId=c&authType=2") == 809)
      #expect(try reason("/?version=2&token=t&clientId=x&authType=2") == 810)
      #expect(try reason("/twentydepth?token=x&clientId=c&authType=2") == 809)
      for target in ["/?token=t&clientId=c&authType=2", "/?version=2&token=t&clientId=c", "/?version=1&authType=2"] {
        #expect(try refusal { _ = try TestClient(port: exchange.port, target: target) } == 400)
      }
      #expect(try refusal { _ = try TestClient(port: exchange.port, target: "/other?authType=2") } == 404)
      _ = try BrokerClient(exchange, token: "t", client: "c")
    }
  }

  @Test func `a sixth connection of a Dhan client ends the oldest`() throws {
    try withBroker(.dhan) { exchange in
      var clients = [try BrokerClient(exchange)]
      clients[0].subscribe([0])
      for _ in 0..<4 { clients.append(try BrokerClient(exchange)) }
      _ = try BrokerClient(exchange, client: "somebody-else")
      let deep = try TestClient(port: exchange.port, target: "/twentydepth?token=t&clientId=client&authType=2")
      #expect(exchange.statistics.connections >= 6)
      clients.append(try BrokerClient(exchange))
      let farewell = try clients[0].nextOther()
      #expect(farewell == .binary([50, 10, 0, 0, 0, 0, 0, 0, 0x25, 0x03]), "805")
      #expect(try clients[0].nextOther() == .closed(code: 1000))
      clients[5].subscribe([0])
      _ = try clients[5].take(1)
      withExtendedLifetime(deep) {}
    }
  }

  // MARK: All

  @Test(arguments: [(SimulatedBroker.kite, 3), (.angel, 3), (.upstox, 2)])
  func `connections beyond those of a user are refused`(broker: SimulatedBroker, allowed: Int) throws {
    try withBroker(broker) {
      $0.limits = BrokerLimits.of(broker)
    } _: { exchange in
      var clients = try (0..<allowed).map { _ in try BrokerClient(exchange) }
      #expect(try refusal { _ = try BrokerClient(exchange) } == 429)
      _ = try BrokerClient(exchange, token: "of-another", client: "another")
      clients.removeLast()
      let hasRoom = try eventually { try refusal { clients.append(try BrokerClient(exchange)) } == 0 }
      #expect(hasRoom)
    }
  }

  @Test func `Kite's request token is changed into an access token`() throws {
    try withBroker(.kite) {
      $0.credentials = BrokerCredentials(apiKey: "key", accessToken: "none")
    } _: { exchange in
      let checksum = String(repeating: "0a", count: 32)
      let form = "api_key=key&request_token=r&checksum=\(checksum)"
      let call = try HTTPCall.post(port: exchange.port, "/session/token", form)
      let data = try #require(try call.json()["data"] as? [String: String])
      _ = try BrokerClient(exchange, token: data["access_token"] ?? "", client: "key")
      for bad in ["", "api_key=key&request_token=r", "api_key=x&request_token=r&checksum=\(checksum)", form + "00"] {
        #expect(try HTTPCall.post(port: exchange.port, "/session/token", bad).status == 403)
      }
    }
  }

  @Test(arguments: SimulatedBroker.allCases)
  func `a rotated token replaces the old one`(broker: SimulatedBroker) throws {
    try withBroker(broker) {
      $0.credentials.accessToken = "old"
    } _: { exchange in
      let before = try BrokerClient(exchange, token: "old")
      exchange.rotateToken(to: "new")
      _ = exchange.subscriptions()
      let after = try BrokerClient(exchange, token: "new")
      after.subscribe([0])
      _ = try after.take(1)
      before.subscribe([1])
      _ = try before.take(1)
      if broker == .dhan {
        #expect(
          try BrokerClient(exchange, token: "old").nextOther() == .binary([50, 10, 0, 0, 0, 0, 0, 0, 0x27, 0x03]))
      } else {
        #expect(try refusal { _ = try BrokerClient(exchange, token: "old") } == (broker == .kite ? 403 : 401))
      }
    }
  }

  // MARK: REST

  @Test(arguments: SimulatedBroker.allCases)
  func `the instrument list is served in the broker's format`(broker: SimulatedBroker) throws {
    try withBroker(broker) { exchange in
      let call = try HTTPCall.get(port: exchange.port, broker.instrumentListPath)
      let isSame = call.body == exchange.universe.instrumentList(for: broker)
      #expect(call.status == 200 && isSame && call.body.count > 5_000)
    }
  }

  @Test func `calls that come in pieces are understood`() throws {
    try withBroker(.angel) { exchange in
      let body = #"{"clientcode":"A1","password":"1","totp":"123456"}"#
      let request = """
        POST \(loginPath) HTTP/1.1\r\nHost: h\r\nX-PrivateKey: k\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)
        """
      for bytes in [1, 7, 100] {
        let call = try HTTPCall(port: exchange.port, request, pieceBytes: bytes)
        #expect(try call.json()["status"] as? Bool == true)
      }
    }
  }

  @Test func `hostile calls are answered with an error and nothing else is disturbed`() throws {
    try withBroker(.angel) { exchange in
      let port = exchange.port
      let start = "POST \(loginPath) HTTP/1.1\r\nHost: h\r\nX-PrivateKey: k\r\n"
      let requests = [
        (start + "Content-Length: x\r\n\r\n", 400), (start + "Content-Length: -1\r\n\r\n", 400),
        (start + "Content-Length: 99999999\r\n\r\n", 413), (start + "Transfer-Encoding: chunked\r\n\r\n", 400),
        (start + "no colon\r\n\r\n", 400), (start + "X: " + String(repeating: "x", count: 20_000), 413),
        ("POST \(loginPath) HTTP/9\r\n\r\n", 400), ("POST \(loginPath)\r\n\r\n", 400),
        ("POST /rest/auth/other HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 404),
        ("POST /elsewhere HTTP/1.1\r\nHost: h\r\n\r\n", 405), ("POS\r\n\r\n", 400),
        ("GET /smart-stream HTTP/1.1\r\nHost: h\r\n\r\n", 426),
      ]
      for (request, status) in requests {
        #expect(try HTTPCall(port: port, request).status == status, "\(request.prefix(80))")
      }
      let garbage = try HTTPCall.post(port: port, loginPath, "{", fields: ["X-PrivateKey: k"])
      #expect(try garbage.json()["status"] as? Bool == false)
      let client = try BrokerClient(exchange)
      client.subscribe([0])
      _ = try client.take(1)
    }
  }
}
