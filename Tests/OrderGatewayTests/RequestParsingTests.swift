import OrderGateway
import TestSupport
import Testing

@Suite struct RequestParsingTests {
  private func read(_ text: String) throws -> RequestValue { try RequestJSON.read(Array(text.utf8)) }

  @Test func `values keep the text of their numbers`() throws {
    let value = try read(#" {"a":292.05,"b":[true,false,null,"x"],"c":{"d":-1.5E+3},"e":[],"f":{}} "#)
    #expect(
      value
        == .object([
          "a": .number("292.05"), "b": .array([.bool(true), .bool(false), .null, .text("x")]),
          "c": .object(["d": .number("-1.5E+3")]), "e": .array([]), "f": .object([:]),
        ]))
  }

  @Test func `escapes, surrogate pairs and a byte order mark are read`() throws {
    #expect(try read(#""a\"\\\/\b\f\n\r\t\u20b9\ud83d\ude00""#) == .text("a\"\\/\u{8}\u{c}\n\r\t₹😀"))
    #expect(try RequestJSON.read([0xEF, 0xBB, 0xBF] + Array("1".utf8)) == .number("1"))
  }

  @Test func `the last of duplicate keys counts`() throws {
    #expect(try read(#"{"a":1,"a":2}"#) == .object(["a": .number("2")]))
  }

  @Test func `every truncation of a body is refused`() throws {
    let whole = Array(#"{"apikey":"k\u20b9","quantity":1.5e2,"list":[true,{"x":null}]}"#.utf8)
    _ = try RequestJSON.read(whole)
    for count in 0..<whole.count {
      #expect(throws: MalformedJSON.self, "\(count) bytes") { try RequestJSON.read(Array(whole[..<count])) }
    }
  }

  @Test func `what only looks like JSON is refused`() {
    let texts = [
      "", " ", "{", "}", "nul", "NaN", "Infinity", "-", "01", "1.", ".5", "1e", "+1", "{\"a\":1,}", "[1,]", "{a:1}",
      "{\"a\" 1}", "{\"a\":1}x", "\"\u{1}\"", #""\x""#, #""\ud800""#, #""\ud800A""#, #""\u12G4""#, "\"", "tru",
      "[1 2]", "{\"a\":1 \"b\":2}",
    ]
    for text in texts {
      #expect(throws: MalformedJSON.self, "\(text)") { try read(text) }
    }
    #expect(throws: MalformedJSON.self) { try RequestJSON.read([0x22, 0xFF, 0x22]) }
  }

  @Test func `nesting is bounded`() throws {
    let fine = RequestJSON.depthMax
    _ = try read(String(repeating: "[", count: fine) + String(repeating: "]", count: fine))
    #expect(throws: MalformedJSON.self) {
      try read(String(repeating: "[", count: fine + 1) + String(repeating: "]", count: fine + 1))
    }
    #expect(throws: MalformedJSON.self) { try read(String(repeating: "{\"a\":", count: 100_000)) }
  }

  @Test func `a large body costs its length, and too many values are refused`() throws {
    let most = RequestJSON.valuesMax - 1
    _ = try RequestJSON.read(Array(("[" + String(repeating: "1,", count: most - 1) + "1]").utf8))
    let members = (0..<most).map { "\"k\($0)\":1" }.joined(separator: ",")
    _ = try RequestJSON.read(Array("{\(members)}".utf8))
    #expect(throws: MalformedJSON.self) {
      try RequestJSON.read(Array(("[" + String(repeating: "1,", count: most) + "1]").utf8))
    }
  }

  @Test func `random bytes never trap`() throws {
    var generator = SeededGenerator()
    print("TICKGATE_SEED=\(generator.seed)")
    let alphabet = Array(#"{}[]",:\u0123456789.eE+-truefalsn "#.utf8) + [0x00, 0xFF, 0xE2, 0x82]
    for _ in 0..<20_000 {
      let bytes = (0..<Int.random(in: 0..<40, using: &generator)).map { _ in alphabet.randomElement(using: &generator)!
      }
      _ = try? RequestJSON.read(bytes)
      _ = RequestNumber(String(decoding: bytes, as: UTF8.self))
    }
  }

  @Test(
    arguments: [
      ("1", 100_000_000), ("292.05", 29_205_000_000), ("1e1", 1_000_000_000), (" 2 ", 200_000_000),
      ("+.5", 50_000_000), ("5.", 500_000_000), ("-0.00000001", -1), ("0.000000005", 1), ("0.000000004", 0),
      ("1e-400", 0), ("1e400", Int64.max), ("-1e400", .min), ("0e999999999999", 0),
      ("123456789012345678901234567890123456789", .max), ("0.1000000000000000000000000000000000000000", 10_000_000),
    ] as [(String, Int64)])
  func `numbers are read exactly`(text: String, units: Int64) throws {
    #expect(try #require(RequestNumber(text)).priceUnits == units)
  }

  @Test(arguments: ["", " ", "-", ".", "e1", "1e", "1e+", "0x10", "1_0", "1,5", "nan", "inf", "1 2", "--1"])
  func `other text is not a number`(text: String) {
    #expect(RequestNumber(text) == nil)
  }

  @Test func `whole numbers are told from fractions`() throws {
    for text in ["1", "1.0", "15e1", "1.5e1", "0", "1e300", "0.0"] {
      #expect(try #require(RequestNumber(text)).isWhole, "\(text)")
    }
    for text in ["1.5", "1e-1", "15e-1", "0.00000000000000000000000001", "1e-300"] {
      #expect(try !#require(RequestNumber(text)).isWhole, "\(text)")
    }
    #expect(try #require(RequestNumber("-7.9")).truncated == -7)
    #expect(["nan", "-inf", " Infinity"].allSatisfy(RequestNumber.isSpecial))
  }
}

@Suite struct RateLimiterTests {
  private let second: Int64 = 1_000_000_000

  @Test func `the window moves`() {
    let limiter = RateLimiter()
    func admit(_ now: Int64) -> Bool { limiter.admit(address: "a", endpoint: 0, limit: 3, now: now) }
    #expect(admit(0) && admit(second / 2) && admit(second - 1))
    #expect(!admit(second - 1))
    #expect(admit(second))
    #expect(!admit(second + 1))
    #expect(admit(second + second / 2))
    #expect(!admit(second + second / 2))
    // Refused calls did not count.
    #expect(admit(2 * second - 1))
  }

  @Test func `addresses and endpoints have windows of their own, and a limit of 0 is none`() {
    let limiter = RateLimiter()
    #expect(limiter.admit(address: "a", endpoint: 0, limit: 1, now: 0))
    #expect(limiter.admit(address: "a", endpoint: 1, limit: 1, now: 0))
    #expect(limiter.admit(address: "b", endpoint: 0, limit: 1, now: 0))
    #expect(!limiter.admit(address: "a", endpoint: 0, limit: 1, now: 0))
    #expect((0..<100).allSatisfy { _ in limiter.admit(address: "c", endpoint: 0, limit: 0, now: 0) })
  }

  @Test func `a flood of addresses neither grows the table nor shuts it for ever`() {
    let limiter = RateLimiter(windowsMax: 10)
    for number in 0..<10 { #expect(limiter.admit(address: "\(number)", endpoint: 0, limit: 1, now: 0)) }
    #expect(!limiter.admit(address: "new", endpoint: 0, limit: 1, now: second - 1))
    #expect(limiter.admit(address: "new", endpoint: 0, limit: 1, now: second))
  }
}
