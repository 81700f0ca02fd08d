import TestSupport
import Testing
import WebSocket

@Suite struct DeflateNegotiationTests {
  static let bare = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"

  /// The request of a client that sends these lines, or nil when it is refused.
  func request(_ lines: [String]) -> UpgradeRequest? {
    let head = ServerHandshakeTests.plugin + lines.map { "Sec-WebSocket-Extensions: \($0)" }
    var handshake = ServerHandshake()
    let bytes = Array((head.joined(separator: "\r\n") + "\r\n\r\n").utf8)
    guard case .upgrade(let request, _) = bytes.withUnsafeBytes({ handshake.receive($0) }) else { return nil }
    return request
  }

  /// The extension line of the answer to them; "declined" without one, "refused" without an answer.
  func answer(_ lines: String...) -> String {
    guard let request = request(lines) else { return "refused" }
    let response = String(decoding: request.acceptResponse(deflate: request.deflate), as: UTF8.self)
    let field = "Sec-WebSocket-Extensions: "
    let line = response.split(separator: "\r\n").first { $0.hasPrefix(field) }
    return line.map { String($0.dropFirst(field.count)) } ?? "declined"
  }

  @Test func `answers what clients offer`() {
    #expect(answer("permessage-deflate; client_max_window_bits") == Self.bare)
    #expect(answer("permessage-deflate") == Self.bare)
    #expect(answer("permessage-deflate; server_no_context_takeover") == Self.bare)
    #expect(
      answer("permessage-deflate; server_max_window_bits=12; client_max_window_bits=12")
        == Self.bare + "; server_max_window_bits=12")
    #expect(answer("permessage-deflate;server_max_window_bits=8") == Self.bare + "; server_max_window_bits=8")
    #expect(answer("permessage-deflate;server_max_window_bits=15") == Self.bare + "; server_max_window_bits=15")
    #expect(answer("permessage-deflate;client_max_window_bits=\"10\"") == Self.bare)
    #expect(
      answer(" permessage-deflate ;\tserver_max_window_bits = \"\\1\\0\"") == Self.bare + "; server_max_window_bits=10")
  }

  @Test func `takes the first offer that it can`() {
    #expect(
      answer("permessage-deflate; nonsense, permessage-deflate; server_max_window_bits=9, permessage-deflate")
        == Self.bare + "; server_max_window_bits=9")
    #expect(answer("x-webkit-deflate-frame, permessage-deflate; client_max_window_bits") == Self.bare)
    #expect(answer("permessage-deflate; server_max_window_bits=7", "other; a=b; c", "permessage-deflate") == Self.bare)
    #expect(answer(",, ,permessage-deflate,,") == Self.bare)
  }

  @Test(arguments: [
    "server_max_window_bits", "server_max_window_bits=7", "server_max_window_bits=16", "server_max_window_bits=08",
    "server_max_window_bits=+9", "server_max_window_bits=9x", "server_max_window_bits=99999999999999999999",
    "server_max_window_bits=-9", "client_max_window_bits=7", "client_max_window_bits=16", "client_max_window_bits=0x9",
    "server_no_context_takeover=1", "client_no_context_takeover=true", "unknown", "unknown=1",
    "Server_max_window_bits=9",
    "server_no_context_takeover; server_no_context_takeover", "client_no_context_takeover; client_no_context_takeover",
    "server_max_window_bits=9; server_max_window_bits=9", "client_max_window_bits; client_max_window_bits=9",
    "client_max_window_bits; client_max_window_bits",
  ])
  func `passes over offers that are wrong`(parameters: String) {
    #expect(answer("permessage-deflate; \(parameters)") == "declined")
    #expect(answer("permessage-deflate; \(parameters), permessage-deflate") == Self.bare)
  }

  @Test func `declines where nothing is offered`() throws {
    #expect(answer() == "declined")
    #expect(answer("") == "declined")
    #expect(answer("deflate-frame, permessage-deflatee, permessage") == "declined")
    let offering = try #require(request(["permessage-deflate"]))
    #expect(!String(decoding: offering.acceptResponse(), as: UTF8.self).contains("Extensions"))
  }

  @Test(arguments: [
    "permessage-deflate;", "permessage-deflate; =9", "permessage-deflate; a=", "permessage-deflate; a=\"", ";", "=",
    "permessage-deflate; a=\"b", "permessage-deflate; a=\"\"", "permessage-deflate; a=\"b c\"", "a b", "a; b c",
    "a; b=c d",
    "permessage-deflate; a=\"b\\", "permessage-deflate; a=\"b\"c", "permessage/deflate", "\"permessage-deflate\"", "é",
    "permessage-deflate; a==b", "permessage-deflate;; b", "permessage-deflate; a=\"b\\\"\"",
  ])
  func `refuses a malformed field`(line: String) {
    #expect(answer(line) == "refused")
    #expect(answer("permessage-deflate", line) == "refused")
  }

  @Test func `long lists are read to their end`() {
    #expect(answer(String(repeating: "a;b=c,", count: 1000) + "permessage-deflate") == Self.bare)
    #expect(answer("permessage-deflate" + String(repeating: "; a", count: 2000)) == "declined")
    #expect(answer(String(repeating: ",", count: 6000)) == "declined")
  }

  @Test func `a window bounds what can be sent, unless the message is shorter`() throws {
    let narrow = try #require(request(["permessage-deflate; server_max_window_bits=9"])?.deflate)
    #expect(narrow.windowBits == 9)
    #expect(narrow.accepts(payloadCount: 512, deflaterWindowBits: 15))
    #expect(!narrow.accepts(payloadCount: 513, deflaterWindowBits: 10))
    #expect(narrow.accepts(payloadCount: 1 << 30, deflaterWindowBits: 9))
    let wide = try #require(request(["permessage-deflate"])?.deflate)
    #expect(wide.windowBits == 15 && wide.accepts(payloadCount: 1 << 30, deflaterWindowBits: 15))
  }

  // MARK: The client's side

  /// What a client that offered compression makes of an answer with these lines.
  func outcome(_ lines: [String], offers: Bool = true) throws -> String {
    var request = ClientHandshakeTests().request()
    request.offersDeflate = offers
    var handshake = try ClientHandshake(request, nonce: ClientHandshakeTests.nonce)
    let fields = ClientHandshakeTests.accepted + lines.map { "Sec-WebSocket-Extensions: \($0)" }
    let bytes = Array((fields.joined(separator: "\r\n") + "\r\n\r\n").utf8)
    switch bytes.withUnsafeBytes({ handshake.receive($0) }) {
    case .open: return handshake.deflate.map { "deflate \($0.windowBits)" } ?? "plain"
    case .invalid(let reason): return "\(reason)"
    default: return "other"
    }
  }

  @Test func `a client offers only when asked to`() throws {
    var request = ClientHandshakeTests().request()
    let plain = try ClientHandshake(request, nonce: ClientHandshakeTests.nonce)
    #expect(!String(decoding: plain.requestBytes, as: UTF8.self).contains("Extensions"))
    request.offersDeflate = true
    let offering = try ClientHandshake(request, nonce: ClientHandshakeTests.nonce)
    let line = "\r\nSec-WebSocket-Extensions: \(Self.bare); client_max_window_bits\r\n"
    #expect(String(decoding: offering.requestBytes, as: UTF8.self).contains(line))
    #expect(offering.deflate == nil)
  }

  @Test func `a client takes the answers that it can keep to`() throws {
    #expect(try outcome([]) == "plain")
    #expect(try outcome([""]) == "plain")
    #expect(try outcome([Self.bare]) == "deflate 15")
    #expect(try outcome(["permessage-deflate; server_no_context_takeover"]) == "deflate 15")
    #expect(try outcome([Self.bare + "; client_max_window_bits=8"]) == "deflate 8")
    #expect(try outcome([Self.bare + "; server_max_window_bits=9; client_max_window_bits=\"12\""]) == "deflate 12")
  }

  @Test(arguments: [
    "permessage-deflate", "permessage-deflate; client_no_context_takeover", "x-other", bare + ", " + bare,
    bare + "; client_max_window_bits", bare + "; server_max_window_bits", bare + "; client_max_window_bits=16",
    bare + "; server_max_window_bits=7", bare + "; x", bare + "; server_no_context_takeover", bare + ", other",
  ])
  func `a client fails on an answer to nothing that it offered`(line: String) throws {
    #expect(try outcome([line]) == "extension that was not offered")
  }

  @Test func `a client fails on answers out of place`() throws {
    #expect(try outcome([Self.bare], offers: false) == "extension that was not offered")
    #expect(try outcome([Self.bare, Self.bare]) == "extension that was not offered")
    #expect(try outcome([Self.bare + ";"]) == "malformed extension")
    #expect(try outcome(["a b"], offers: false) == "malformed extension")
  }

  @Test func `both halves agree`() throws {
    var request = ClientHandshakeTests().request()
    request.offersDeflate = true
    var client = try ClientHandshake(request, nonce: ClientHandshakeTests.nonce)
    var server = ServerHandshake()
    guard case .upgrade(let upgrade, _) = client.requestBytes.withUnsafeBytes({ server.receive($0) }) else {
      Issue.record("the server refuses the client's request")
      return
    }
    let response = upgrade.acceptResponse(deflate: upgrade.deflate)
    guard case .open = response.withUnsafeBytes({ client.receive($0) }) else {
      Issue.record("the client refuses the server's answer")
      return
    }
    #expect(upgrade.deflate != nil && client.deflate?.windowBits == 15)
  }

  @Test func `no mutation of an offer crashes, and none makes an answer that is not of one form`() {
    var random = SeededGenerator()
    let comment = random.comment
    let parts = [
      "permessage-deflate", ";", ",", "=", " ", "\"", "\\", "server_no_context_takeover", "client_max_window_bits",
      "server_max_window_bits", "9", "15", "x",
    ]
    var agreed = 0
    for _ in 0..<20_000 {
      var line = "permessage-deflate"
      for _ in 0..<Int.random(in: 0...8, using: &random) { line += parts.randomElement(using: &random) ?? "" }
      let answer = answer(line)
      agreed += answer.hasPrefix("permessage") ? 1 : 0
      #expect(answer == "refused" || answer == "declined" || answer.hasPrefix(Self.bare), comment)
    }
    #expect(agreed > 100 && agreed < 19_000, comment)
  }
}
