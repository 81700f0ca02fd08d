import JSONText
import TestSupport
import Testing

@Suite struct JSONDocumentTests {
  @Test func `members, elements and kinds come back as written`() throws {
    let text = #" {"a": [1, 1.0, -2e3, "x\né\ud83d\ude00\ud800", true, null, {}], "b": {"c": []}, "a2": false} "#
    let root = try JSONDocument(text).root
    let a = try #require(root["a"]).elements
    #expect(a.map(\.kind) == [.integer, .real, .real, .string, .bool, .null, .object])
    #expect(a[0].integer == 1)
    #expect(a[1].integer == nil)
    #expect(a[1].double == 1)
    #expect(a[3].string == "x\né😀\u{FFFD}")
    #expect(String(decoding: a[2].raw, as: UTF8.self) == "-2e3")
    #expect(root["b"]?["c"]?.elements.isEmpty == true)
    #expect(root["a2"]?.bool == false)
    #expect(root["z"] == nil)
    #expect(root.members.map(\.key) == ["a", "b", "a2"])
  }

  @Test func `the last of repeated keys wins`() throws {
    #expect(try JSONDocument(#"{"a":1,"a":2}"#).root["a"]?.integer == 2)
  }

  @Test(arguments: [
    "", " ", "ping", "{", "}", "[1,]", "{\"a\":1,}", "{\"a\"}", "{a:1}", "[1 2]", "01", "1.", ".5", "-", "+1", "1e",
    "\"\u{1}\"", "\"\\x\"", "\"\\u12g4\"", "\"open", "tru", "nul", "[1]]", "{} {}", "NaN", "[\"a\":1]", "{\"a\",1}",
  ])
  func `what is not JSON is refused`(text: String) {
    #expect(throws: JSONError.self) { try JSONDocument(text) }
  }

  @Test func `a text cut at any byte is refused`() throws {
    let text = Array(#"{"action":"subscribe","symbols":[{"symbol":"M&M","exchange":"NSE"}],"mode":2.5e1}"#.utf8)
    _ = try JSONDocument(text)
    for end in 0..<text.count {
      #expect(throws: JSONError.self) { try JSONDocument(Array(text[0..<end])) }
    }
  }

  @Test func `depth, count and encoding are bounded`() {
    let deep = Array(repeating: UInt8(ascii: "["), count: 100_000)
    #expect(throws: JSONError.tooDeep) { try JSONDocument(deep) }
    let many = "[" + String(repeating: "1,", count: 500_000) + "1]"
    #expect(throws: JSONError.tooManyValues) { try JSONDocument(many) }
    #expect(throws: JSONError.notUTF8) { try JSONDocument([0x22, 0xFF, 0x22]) }
  }

  @Test func `random bytes never crash`() {
    let seed = SeededGenerator.chosenSeed()
    var generator = SeededGenerator(seed: seed)
    let alphabet = Array(#"{}[],:"\u0123456789.eE+-truefalsn "#.utf8)
    for _ in 0..<50_000 {
      let bytes = (0..<Int.random(in: 0..<24, using: &generator)).map { _ in
        alphabet[Int.random(in: 0..<alphabet.count, using: &generator)]
      }
      guard let document = try? JSONDocument(bytes) else { continue }
      let back = try? JSONDocument(Array(document.root.raw))
      #expect(back?.root.kind == document.root.kind, "seed \(seed)")
    }
  }

  @Test func `the writer's text reads back`() throws {
    var writer = JSONWriter()
    writer.beginObject()
    writer.member("t", "q\"\\\n\u{1}é😀")
    writer.member("n", -5)
    writer.key("p")
    writer.fixed8(151_140_000_000)
    writer.key("l")
    writer.beginArray()
    writer.value(true)
    writer.raw("null")
    writer.beginObject()
    writer.endObject()
    writer.endArray()
    writer.endObject()
    #expect(writer.bytes.allSatisfy { $0 < 0x80 })
    let root = try JSONDocument(writer.bytes).root
    #expect(root["t"]?.string == "q\"\\\n\u{1}é😀")
    #expect(root["n"]?.integer == -5)
    #expect(root["p"]?.double == 1511.4)
    #expect(root["l"]?.elements.count == 3)
  }
}
