// Text tokens to instruments: against a dictionary, with the shapes that real lists have.

import Normalize
import TestSupport
import Testing

@Suite struct TextTokenMapTests {
  private func instrument(_ map: TextTokenMap, _ token: String) -> UInt32? {
    Array(token.utf8).withUnsafeBytes {
      let found = map.instrument(of: $0)
      return found == TokenMap.absent ? nil : found
    }
  }

  @Test func `tokens of every length are found, and their neighbours not`() {
    let text = String(repeating: "NSE_EQ|INE0", count: 20)
    let tokens = (0...200).map { String(text.prefix($0)) }
    let map = TextTokenMap(tokens.enumerated().map { .init(token: $1, instrument: UInt32($0)) })
    #expect(map.count == 201)
    for (index, token) in tokens.enumerated() {
      #expect(instrument(map, token) == UInt32(index))
      #expect(instrument(map, token + "x") == nil)
      if !token.isEmpty { #expect(instrument(map, token.dropLast() + "\u{1}") == nil) }
    }
  }

  @Test func `a map of thousands of like tokens answers as a dictionary does`() {
    var generator = SeededGenerator()
    var wanted: [String: UInt32] = [:]
    var entries: [TextTokenMap.Entry] = []
    for number in 0..<20_000 {
      let segment = ["NSE_FO", "NSE_EQ", "BSE_FO", "MCX_FO"].randomElement(using: &generator) ?? ""
      let token = "\(segment)|\(Int.random(in: 0..<60_000, using: &generator))"
      entries.append(.init(token: token, instrument: UInt32(number)))
      // The first stays.
      if wanted[token] == nil { wanted[token] = UInt32(number) }
    }
    let map = TextTokenMap(entries)
    #expect(map.count == wanted.count)
    for (token, number) in wanted { #expect(instrument(map, token) == number, "seed \(generator.seed)") }
    for number in 0..<60_000 {
      let token = "NSE_FO|\(number)"
      #expect(instrument(map, token) == wanted[token], "seed \(generator.seed)")
    }
  }

  @Test func `numbers of tokens have no gaps`() {
    let map = TextTokenMap(["a", "b", "a", "c"].enumerated().map { .init(token: $1, instrument: UInt32($0 + 5)) })
    let numbers = ["a", "b", "c", "d"].map { token in Array(token.utf8).withUnsafeBytes { map.table.number(of: $0) } }
    #expect(numbers == [0, 1, 2, nil])
    #expect(map.table.instrument(at: 2) == 8)
  }

  @Test func `an empty map has nothing, and overlong tokens are left out`() {
    #expect(instrument(TextTokenMap([TextTokenMap.Entry]()), "") == nil)
    let overlong = String(repeating: "x", count: TextTokenMap.tokenBytesMax + 1)
    let map = TextTokenMap([FeedListing(instrument: 1, token: overlong), FeedListing(instrument: 2, token: "y")])
    #expect(map.count == 1)
    #expect(instrument(map, overlong) == nil && instrument(map, "y") == 2)
  }
}
