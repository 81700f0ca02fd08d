// Reading text after text into the same memory: a used reader must see what a fresh one sees, and no more than the
// limits. Ends of strings are searched eight bytes at a time, so every offset of what ends one is tried.

import JSONText
import TestSupport
import Testing

/// What a value is, in the reader's own words: kinds, texts and order.
private func outline(_ view: JSONView) -> String {
  switch view.kind {
  case .array: "[" + view.elements.map(outline).joined(separator: ",") + "]"
  case .object: "{" + view.members.map { outline($0.key) + ":" + outline($0.value) }.joined(separator: ",") + "}"
  default: "\(view.kind)(\(String(decoding: view.raw, as: UTF8.self)))"
  }
}

@Suite struct JSONReaderTests {
  private func read(_ text: String, _ reader: inout JSONReader) throws -> String {
    try Array(text.utf8).withUnsafeBytes { outline(try reader.read($0)) }
  }

  @Test func `values are walked in order, whatever was read before`() throws {
    var reader = JSONReader()
    let text = #" {"a":[1,{"b":[]},"x"],"c":{},"d":-1.5e3,"e":[[true],null]} "#
    let expected =
      "{string(\"a\"):[integer(1),{string(\"b\"):[]},string(\"x\")],string(\"c\"):{},string(\"d\"):real(-1.5e3),"
      + "string(\"e\"):[[bool(true)],null(null)]}"
    for _ in 0..<3 {
      #expect(try read(text, &reader) == expected)
      _ = try read("[" + Array(repeating: "7", count: 5000).joined(separator: ",") + "]", &reader)
      #expect(throws: JSONError.self) { try read("[[[", &reader) }
    }
  }

  @Test func `a used reader agrees with a fresh one about any bytes`() {
    let seed = SeededGenerator.chosenSeed()
    var random = SeededGenerator(seed: seed)
    var used = JSONReader(nodesRetainedMax: 100)
    let pieces = [
      "{", "}", "[", "]", ",", ":", "\"k\"", "\"\\u0041\\n\"", "12", "-0.5e1", "true", "null", " ", "\"", "é",
    ]
    for _ in 0..<50_000 {
      let text = (0..<Int.random(in: 0..<16, using: &random)).map { _ in pieces.randomElement(using: &random)! }
        .joined()
      var fresh = JSONReader()
      #expect((try? read(text, &used)) == (try? read(text, &fresh)), "seed \(seed): \(text)")
    }
  }

  @Test(arguments: ["\"", "\\", "\u{1}", "\u{1F}", "é", "\u{7F}", "!", "]"])
  func `whatever stands at any offset of a string is seen`(mark: String) throws {
    var reader = JSONReader()
    for offset in 0..<40 {
      let head = String(repeating: "~", count: offset)
      let text = "[\"" + head + mark + "~~~~~~~~~~\"]"
      switch mark {
      case "é", "\u{7F}", "!", "]":
        let expected = head + mark + "~~~~~~~~~~"
        #expect(try Array(text.utf8).withUnsafeBytes { try reader.read($0).elements.map(\.string) } == [expected])
      default:
        #expect(throws: JSONError.syntax(offset: 2 + offset + (mark == "\"" ? 1 : 0))) { try read(text, &reader) }
      }
    }
  }

  @Test func `a text cut or spoilt at any byte is refused`() throws {
    var reader = JSONReader()
    let whole = Array(#"{"action":"subscribe","symbols":[{"symbol":"M\u0026M","exchange":"NSE"}],"mode":2.5e1}"#.utf8)
    for end in 0..<whole.count {
      let cut = Array(whole[0..<end])
      #expect(throws: JSONError.self) { try cut.withUnsafeBytes { _ = try reader.read($0) } }
      var spoilt = whole
      spoilt[end] = 0xFF
      #expect(throws: JSONError.notUTF8) { try spoilt.withUnsafeBytes { _ = try reader.read($0) } }
    }
    #expect(
      try whole.withUnsafeBytes { try reader.read($0).members.map { $0.key.string } } == ["action", "symbols", "mode"])
  }

  @Test(arguments: [1, 2, 63, 64, 65, 1000])
  func `exactly as many values as allowed are taken`(nodesMax: Int) throws {
    var reader = JSONReader(limits: JSONLimits(nodesMax: nodesMax))
    // The array is a value itself.
    let most = "[" + Array(repeating: "0", count: nodesMax - 1).joined(separator: ",") + "]"
    let more = "[" + Array(repeating: "0", count: nodesMax).joined(separator: ",") + "]"
    for _ in 0..<2 {
      _ = try read(most, &reader)
      #expect(throws: JSONError.tooManyValues) { try read(more, &reader) }
    }
  }

  @Test func `depth is bounded in mixed containers`() throws {
    var reader = JSONReader(limits: JSONLimits(depthMax: 4))
    _ = try read(#"[{"a":[{}]},[[[]]]]"#, &reader)
    #expect(throws: JSONError.tooDeep) { try read(#"[{"a":[{"b":[]}]}]"#, &reader) }
    for text in ["[}", "{]", "[{]}", "{\"a\":[}", "]", "[]]"] {
      #expect(throws: JSONError.self) { try read(text, &reader) }
    }
  }

  @Test func `strings are compared by content, escaped or not`() throws {
    var reader = JSONReader()
    let text = Array(#"["symbol","s\u0079mbol","symbols","symbo","","s\u0079mbols", 6]"#.utf8)
    try text.withUnsafeBytes { bytes in
      let values = try reader.read(bytes).elements.map { $0 }
      #expect(values.map { $0.isString("symbol") } == [true, true, false, false, false, false, false])
      #expect(values.map { $0.isString("") } == [false, false, false, false, true, false, false])
      #expect(values.map { $0.plainBytes?.count } == [6, nil, 7, 5, 0, nil, nil])
    }
  }

  @Test func `a clipped string has so many scalars and never half a one`() throws {
    var reader = JSONReader()
    let text = Array(#"["aé😀\ud83d\ude00\n\u00e9z", 1]"#.utf8)
    try text.withUnsafeBytes { bytes in
      let values = try reader.read(bytes).elements.map { $0 }
      let whole = Array("aé😀😀\néz".unicodeScalars)
      for count in 0...8 {
        let clipped = values[0].string(scalarsMax: count)
        #expect(clipped.map { Array($0.unicodeScalars) } == Array(whole.prefix(count)))
      }
      #expect(values[1].string(scalarsMax: 3) == nil)
    }
  }
}
