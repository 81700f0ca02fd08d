import Testing
import WebSocket

@Suite struct ClientHandshakeTests {
  /// The nonce whose base64 is the RFC's example key.
  static let nonce = Array("the sample nonce".utf8)
  static let accepted = [
    "HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade",
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
  ]

  func request(
    host: String = "feed.example", port: UInt16 = 443, isSecure: Bool = true, target: String = "/stream?token=a",
    fields: [(name: String, value: String)] = [], protocols: [String] = []
  ) -> ClientHandshake.Request {
    ClientHandshake.Request(
      host: host, port: port, isSecure: isSecure, target: target, fields: fields, protocols: protocols)
  }

  func text(_ request: ClientHandshake.Request) throws -> String {
    String(decoding: try ClientHandshake(request, nonce: Self.nonce).requestBytes, as: UTF8.self)
  }

  /// A short description of what a client makes of an answer.
  func outcome(_ lines: [String], protocols: [String] = [], tail: [UInt8] = []) throws -> String {
    var handshake = try ClientHandshake(request(protocols: protocols), nonce: Self.nonce)
    let bytes = Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8) + tail
    return describe(bytes.withUnsafeBytes { handshake.receive($0) })
  }

  func describe(_ outcome: ClientHandshake.Outcome) -> String {
    switch outcome {
    case .needMore: "more"
    case .open(let subprotocol, let consumed): "open \(subprotocol ?? "-") \(consumed)"
    case .refused(let status, let seconds): "refused \(status) \(seconds.map(String.init) ?? "-")"
    case .invalid(let reason): "invalid: \(reason)"
    }
  }

  @Test func `builds the request`() throws {
    let built = try text(request(fields: [("Authorization", "token k:t"), ("X-Kite", "3")], protocols: ["a", "b"]))
    #expect(
      built == "GET /stream?token=a HTTP/1.1\r\nHost: feed.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        + "Sec-WebSocket-Protocol: a, b\r\nAuthorization: token k:t\r\nX-Kite: 3\r\n\r\n")
  }

  @Test func `names the port only when it is not the usual one`() throws {
    #expect(try text(request(port: 443, isSecure: false)).contains("\r\nHost: feed.example:443\r\n"))
    #expect(try text(request(port: 80, isSecure: false)).contains("\r\nHost: feed.example\r\n"))
    #expect(try text(request(host: "::1", port: 9001)).contains("\r\nHost: [::1]:9001\r\n"))
  }

  @Test func `refuses to build what would split the request`() {
    typealias Invalid = ClientHandshake.InvalidRequest
    for host in ["", "a b", "a\r\nX: y", "a/b", "u@h", "é"] {
      #expect(throws: Invalid.host) { try text(request(host: host)) }
    }
    for target in ["", "stream", "/a b", "/a\r\nX: y", "/a#b", "/é"] {
      #expect(throws: Invalid.target) { try text(request(target: target)) }
    }
    let fields = [("A", "b\r\nX: y"), ("A", "b\n"), ("A", "\u{0}"), ("A b", "c"), ("", "c"), ("Host", "h")]
    for (name, value) in fields + [("UPGRADE", "x"), ("connection", "x"), ("Sec-WebSocket-Key", "x")] {
      #expect(throws: Invalid.field(name: name)) { try text(request(fields: [(name, value)])) }
    }
    #expect(throws: Invalid.subprotocol) { try text(request(protocols: ["a,b"])) }
  }

  @Test func `opens on a correct answer and leaves the first frames`() throws {
    let count = Self.accepted.joined(separator: "\r\n").utf8.count + 4
    #expect(try outcome(Self.accepted) == "open - \(count)")
    #expect(try outcome(Self.accepted, tail: [0x81, 0x00]) == "open - \(count)")
    let lines = Self.accepted + ["Sec-WebSocket-Protocol: b"]
    #expect(try outcome(lines, protocols: ["a", "b"]).hasPrefix("open b "))
    let otherCase = ["HTTP/1.1 101", "UPGRADE: WebSocket", "connection: keep-alive, upgrade", Self.accepted[3]]
    #expect(try outcome(otherCase).hasPrefix("open - "))
  }

  @Test func `survives any cut`() throws {
    let bytes = Array((Self.accepted.joined(separator: "\r\n") + "\r\n\r\n").utf8)
    for place in 0..<bytes.count {
      var handshake = try ClientHandshake(request(), nonce: Self.nonce)
      #expect(describe(bytes[..<place].withUnsafeBytes { handshake.receive($0) }) == "more")
      let found = describe(bytes[place...].withUnsafeBytes { handshake.receive($0) })
      #expect(found == "open - \(bytes.count - place)")
    }
  }

  @Test func `tells why a server refused`() throws {
    #expect(try outcome(["HTTP/1.1 401 Unauthorized", "Content-Length: 0"]) == "refused 401 -")
    #expect(try outcome(["HTTP/1.1 403 Forbidden"]) == "refused 403 -")
    #expect(try outcome(["HTTP/1.1 429 Too Many Requests", "Retry-After: 30"]) == "refused 429 30")
    #expect(try outcome(["HTTP/1.0 503 Busy", "retry-after: Fri, 31 Dec 1999 23:59:59 GMT"]) == "refused 503 -")
    #expect(try outcome(["HTTP/1.1 429 x", "Retry-After: 99999999999999999999"]) == "refused 429 -")
    #expect(try outcome(["HTTP/1.1 429 x", "Retry-After: -5"]) == "refused 429 -")
    #expect(try outcome(["HTTP/1.1 200 OK"]) == "refused 200 -")
  }

  @Test(arguments: ["HTTP/1.1 1O1 x", "HTTP/2 101 x", "HTTP/1.1  101", "HTTP/1.1 1010", "101", "ICY 200 OK"])
  func `refuses malformed status lines`(line: String) throws {
    #expect(try outcome([line] + Self.accepted.dropFirst()) == "invalid: malformed status line")
  }

  @Test func `refuses answers that break the rules`() throws {
    for index in 1...3 {
      var lines = Self.accepted
      lines.remove(at: index)
      #expect(try outcome(lines).hasPrefix("invalid: "))
    }
    var wrong = Self.accepted
    wrong[3] = "Sec-WebSocket-Accept: S3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    #expect(try outcome(wrong) == "invalid: wrong Sec-WebSocket-Accept")
    #expect(try outcome(Self.accepted + [Self.accepted[3]]) == "invalid: wrong Sec-WebSocket-Accept")
    #expect(
      try outcome(Self.accepted + ["Sec-WebSocket-Extensions: permessage-deflate"])
        == "invalid: extension that was not offered")
    #expect(
      try outcome(Self.accepted + ["Sec-WebSocket-Protocol: c"], protocols: ["a"])
        == "invalid: subprotocol that was not offered")
    #expect(
      try outcome(Self.accepted + ["Sec-WebSocket-Protocol: a", "Sec-WebSocket-Protocol: a"], protocols: ["a"])
        == "invalid: subprotocol that was not offered")
    #expect(try outcome(Self.accepted + ["bad name: x"]) == "invalid: malformed header field")
    #expect(try outcome(Self.accepted + ["a: b\nc: d"]) == "invalid: malformed HTTP response")
  }

  @Test func `bounds the answer`() throws {
    let endless = Self.accepted + [String(repeating: "a", count: 9000)]
    #expect(try outcome(endless) == "invalid: response head too large")
  }

  @Test func `both halves agree`() throws {
    var client = try ClientHandshake(request(protocols: ["x"]), nonce: Self.nonce)
    var server = ServerHandshake()
    guard case .upgrade(let request, _) = client.requestBytes.withUnsafeBytes({ server.receive($0) }) else {
      Issue.record("the server refuses the client's request")
      return
    }
    let response = request.acceptResponse(subprotocol: "x")
    #expect(describe(response.withUnsafeBytes { client.receive($0) }) == "open x \(response.count)")
  }
}
