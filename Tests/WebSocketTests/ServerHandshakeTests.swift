import TestSupport
import Testing
import WebSocket

@Suite struct ServerHandshakeTests {
  static let browser = [
    "GET /ws?room=1 HTTP/1.1", "Host: localhost:8765", "User-Agent: Browser/1", "Origin: http://localhost",
    "Connection: keep-alive, Upgrade", "Upgrade: WebSocket", "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol: chat, superchat",
    "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
  ]
  static let plugin = [
    "GET / HTTP/1.1", "Host: 127.0.0.1:8765", "Upgrade: websocket", "Connection: Upgrade",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13",
  ]

  func head(_ lines: [String]) -> [UInt8] { Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8) }

  func receive(_ handshake: inout ServerHandshake, _ bytes: [UInt8]) -> ServerHandshake.Outcome {
    bytes.withUnsafeBytes { handshake.receive($0) }
  }

  /// Status, response text, or nil for an upgrade or an unfinished head.
  func rejection(_ bytes: [UInt8], limits: HandshakeLimits = HandshakeLimits()) -> (status: Int, text: String)? {
    var handshake = ServerHandshake(limits: limits)
    guard case .reject(let rejection) = receive(&handshake, bytes) else { return nil }
    return (rejection.status, String(decoding: rejection.response, as: UTF8.self))
  }

  func rejection(_ lines: [String]) -> (status: Int, text: String)? { rejection(head(lines)) }

  /// `plugin` with lines replaced or, with an empty value, removed, and others added.
  func plugin(_ changes: [String: String] = [:], adding lines: [String] = []) -> [String] {
    Self.plugin.compactMap { line in
      guard let change = changes.first(where: { line.hasPrefix($0.key) }) else { return line }
      return change.value.isEmpty ? nil : change.value
    } + lines
  }

  func upgrade(_ bytes: [UInt8]) throws -> (request: UpgradeRequest, consumed: Int) {
    var handshake = ServerHandshake()
    let outcome = receive(&handshake, bytes)
    guard case .upgrade(let request, let consumed) = outcome else {
      throw Unexpected(what: "\(outcome)")
    }
    return (request, consumed)
  }

  struct Unexpected: Error { let what: String }

  @Test func `reads what a browser sends`() throws {
    let (request, consumed) = try upgrade(head(Self.browser))
    #expect(consumed == head(Self.browser).count)
    #expect(request.target == "/ws?room=1")
    #expect(request.host == "localhost:8765")
    #expect(request.origin == "http://localhost")
    #expect(request.userAgent == "Browser/1")
    #expect(request.protocols == ["chat", "superchat"])
    #expect(request.extensions == ["permessage-deflate; client_max_window_bits"])
    #expect(request.hasSampleKey && !request.isPacedClientCandidate)
    #expect(request.values(ofField: "user-agent") == ["Browser/1"])
  }

  @Test func `knows the client that needs one frame per write`() throws {
    #expect(try upgrade(head(Self.plugin)).request.isPacedClientCandidate)
    #expect(try !upgrade(head(plugin(adding: ["User-Agent: x"]))).request.isPacedClientCandidate)
    #expect(try !upgrade(head(plugin(adding: ["Origin: x"]))).request.isPacedClientCandidate)
    let otherKey = plugin(["Sec-WebSocket-Key": "Sec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw=="])
    #expect(try !upgrade(head(otherKey)).request.isPacedClientCandidate)
  }

  @Test func `answers with the accept value of the RFC in under a kilobyte`() throws {
    let request = try upgrade(head(Self.browser)).request
    let response = String(decoding: request.acceptResponse(subprotocol: "superchat"), as: UTF8.self)
    #expect(
      response == "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        + "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: superchat\r\n\r\n")
    let plain = String(decoding: request.acceptResponse(), as: UTF8.self)
    #expect(!plain.contains("Sec-WebSocket-Protocol") && plain.utf8.count < 1024)
  }

  @Test func `survives arrival byte by byte and in any two pieces`() {
    let bytes = head(Self.browser)
    for place in 0..<bytes.count {
      var handshake = ServerHandshake()
      guard case .needMore = receive(&handshake, Array(bytes[..<place])),
        case .upgrade(_, let consumed) = receive(&handshake, Array(bytes[place...]))
      else {
        Issue.record("cut at \(place)")
        continue
      }
      #expect(consumed == bytes.count - place)
    }
    var handshake = ServerHandshake()
    for byte in bytes.dropLast() {
      guard case .needMore = receive(&handshake, [byte]) else {
        Issue.record("decided too early")
        return
      }
    }
    guard case .upgrade(_, consumed: 1) = receive(&handshake, bytes.suffix(1)) else {
      Issue.record("the last byte completes the head")
      return
    }
  }

  @Test func `leaves bytes after the head to the first frames`() throws {
    let (_, consumed) = try upgrade(head(Self.plugin) + frame(.text, Array("{}".utf8), from: .client))
    #expect(consumed == head(Self.plugin).count)
  }

  @Test func `takes names and tokens in any case and lists over several lines`() throws {
    let lines = [
      "GET http://h/x HTTP/1.1", "HOST:h", "upgrade:\th2c, WEBSOCKET \t", "cOnnection: close-not",
      "CONNECTION: uPGRADE",
      "sec-websocket-key:dGhlIHNhbXBsZSBub25jZQ==", "SEC-WEBSOCKET-VERSION:13", "Sec-WebSocket-Protocol: a",
      "Sec-WebSocket-Protocol: b,,c",
    ]
    let request = try upgrade(head(lines)).request
    #expect(request.host == "h" && request.target == "http://h/x")
    #expect(request.protocols == ["a", "b", "c"])
  }

  @Test func `tells a plain request what this port is for`() throws {
    let plain = try #require(rejection(["GET / HTTP/1.1", "Host: h", "Accept: */*"]))
    #expect(plain.status == 426)
    #expect(plain.text.hasPrefix("HTTP/1.1 426 Upgrade Required\r\n"))
    for line in ["Upgrade: websocket", "Sec-WebSocket-Version: 13", "Connection: close", "Content-Type: text/plain"] {
      #expect(plain.text.contains("\r\n" + line))
    }
    let parts = plain.text.split(separator: "\r\n\r\n", maxSplits: 1)
    #expect(plain.text.contains("\r\nContent-Length: \(parts[1].utf8.count)\r\n"))
    #expect(rejection(plugin(["Connection": ""]))?.status == 426)
    #expect(rejection(plugin(["Upgrade": "Upgrade: h2c"]))?.status == 426)
  }

  @Test(arguments: ["", "12", "8", "13, 8", "013"])
  func `refuses other versions with 400 and names its own`(version: String) throws {
    let change = version.isEmpty ? "" : "Sec-WebSocket-Version: \(version)"
    let refused = try #require(rejection(plugin(["Sec-WebSocket-Version": change])))
    #expect(refused.status == 400 && refused.text.contains("\r\nSec-WebSocket-Version: 13\r\n"))
  }

  @Test(arguments: ["", "short", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZSE=", "dGhlIHNhbXBsZSBub25j!Q=="])
  func `refuses keys that are not 16 bytes in base64`(key: String) {
    let change = key.isEmpty ? "" : "Sec-WebSocket-Key: \(key)"
    #expect(rejection(plugin(["Sec-WebSocket-Key": change]))?.status == 400)
  }

  @Test(arguments: [
    "Host: 127.0.0.1:8765", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13",
  ])
  func `refuses fields that come twice`(line: String) {
    #expect(rejection(plugin(adding: [line]))?.status == 400)
  }

  @Test(arguments: [
    "Transfer-Encoding: chunked", "Content-Length: 5", "Content-Length: 0\r\nContent-Length: 5", " folded: line",
    "\tx: y",
    "no colon", ": no name", "blank : before colon", "na(me: x", "Sec-WebSocket-Protocol: a b", "nul\u{0}: x",
    "bell: \u{7}", "del: \u{7F}",
  ])
  func `refuses hostile fields`(line: String) {
    #expect(rejection(plugin(adding: [line]))?.status == 400)
  }

  @Test func `refuses bare carriage returns and line feeds as soon as they come`() {
    #expect(rejection(Array("GET / HTTP/1.1\n".utf8))?.status == 400)
    #expect(rejection(Array("GET / HTTP/1.1\r\nHost: a\nX: b".utf8))?.status == 400)
    #expect(rejection(Array("GET / HTTP/1.1\r\nHost: a\rX".utf8))?.status == 400)
    #expect(rejection(Array("GET / HTTP/1.1\r\nHost: a\r\r\n".utf8))?.status == 400)
    #expect(rejection(Array("\r\nGET".utf8))?.status == 400)
    // What a TLS client says first.
    #expect(rejection([0x16, 0x03, 0x01, 0x02, 0x00])?.status == 400)
  }

  @Test(arguments: [
    "GET /", "GET  / HTTP/1.1", "GET / HTTP/1.1 ", "GET /a b HTTP/1.1", " GET / HTTP/1.1", "GET / HTTP/1.0",
    "GET / http/1.1", "GET x HTTP/1.1", "GET ftp://h/ HTTP/1.1", "G(T / HTTP/1.1", "GET /é HTTP/1.1", "GET / HTTP/2.0",
    "GET\t/ HTTP/1.1", "",
  ])
  func `refuses malformed request lines`(line: String) {
    #expect(rejection(plugin(["GET": line.isEmpty ? " " : line]))?.status == 400)
  }

  @Test func `serves nothing but GET`() throws {
    for method in ["POST", "HEAD", "OPTIONS", "get"] {
      let refused = try #require(rejection(plugin(["GET": "\(method) / HTTP/1.1"])))
      #expect(refused.status == 405 && refused.text.contains("\r\nAllow: GET\r\n"))
    }
  }

  @Test func `bounds the head, its first line and its fields`() throws {
    let limits = HandshakeLimits()
    let long = String(repeating: "a", count: limits.startLineBytesMax)
    #expect(rejection(Array("GET /\(long)".utf8))?.status == 431)
    #expect(rejection(Array("GET / HTTP/1.1\r\nX: \(long)\(long)\(long)\(long)".utf8))?.status == 431)
    let fields = (0...limits.fieldCountMax).map { "X-\($0): y" }
    #expect(rejection(["GET / HTTP/1.1"] + fields)?.status == 431)

    let fitting = (Self.plugin.count - 1..<limits.fieldCountMax).map { "X-\($0): y" }
    #expect(try upgrade(head(plugin(adding: fitting))).consumed > 0)
    let target = "/" + String(repeating: "a", count: limits.startLineBytesMax - "GET / HTTP/1.1".count)
    #expect(try upgrade(head(plugin(["GET": "GET \(target) HTTP/1.1"]))).request.target == target)
    var exact = plugin(adding: ["X: "])
    exact[exact.count - 1] += String(repeating: "a", count: limits.headBytesMax - head(exact).count)
    #expect(try upgrade(head(exact)).consumed == limits.headBytesMax)
    exact[exact.count - 1] += "a"
    #expect(rejection(exact)?.status == 431)
  }

  @Test func `a host program can refuse in the same manner`() {
    let refusal = HandshakeRejection(status: 503, message: "full", fields: [("Retry-After", "5")])
    #expect(
      String(decoding: refusal.response, as: UTF8.self)
        == "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Type: text/plain; charset=utf-8\r\n"
        + "Content-Length: 5\r\nConnection: close\r\n\r\nfull\n")
  }

  @Test func `no mutation of a good request crashes or is taken for longer than it is`() {
    var random = SeededGenerator()
    let comment = random.comment
    for _ in 0..<5000 {
      var bytes = head(Bool.random(using: &random) ? Self.browser : Self.plugin)
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let place = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<3, using: &random) {
        case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes.remove(at: place)
        default:
          bytes.insert(contentsOf: ["\r", "\n", "\r\n", ":", ",", " "].randomElement(using: &random)!.utf8, at: place)
        }
      }
      var whole = ServerHandshake()
      let expected = summary(receive(&whole, bytes))
      var pieces = ServerHandshake()
      var taken = 0
      var found = "more"
      for piece in random.cut(bytes) where found == "more" {
        found = summary(receive(&pieces, piece), before: taken)
        taken += piece.count
      }
      #expect(found == expected, comment)
    }
  }

  private func summary(_ outcome: ServerHandshake.Outcome, before: Int = 0) -> String {
    switch outcome {
    case .needMore: "more"
    case .upgrade(let request, let consumed): "\(request.target) \(before + consumed)"
    case .reject(let rejection): "\(rejection.status)"
    }
  }
}
