// Which names a pattern stands for. The random part compares with a plain definition of `*`.

import Market
import TestSupport
import Testing

@Suite struct SymbolPatternTests {
  private func instrument(_ exchange: Exchange, _ symbol: String) -> Instrument {
    Instrument(key: InstrumentKey(exchange, symbol), name: symbol, tickSize: 5_000_000, kind: .equity)
  }

  private func isMatch(_ pattern: String, _ symbol: String) throws -> Bool {
    try SymbolPattern(exchange: .nse, symbol: pattern).matches(symbol)
  }

  @Test func `a star stands for any run of characters, the empty one too`() throws {
    for (pattern, symbol) in [
      ("*", ""), ("*", "INFY"), ("NIFTY*CE", "NIFTY28MAR2420800CE"), ("NIFTY*CE", "NIFTYCE"), ("*FUT", "X29DEC26FUT"),
      ("NIFTY*", "NIFTY"), ("**", "A"), ("A**B", "AB"), ("*A*B*", "xAyBz"), ("*AAB*", "AAAAB"), ("A*A", "AA"),
      ("A*BA*A", "ABABABA"), ("*É*", "xÉ€"), ("INFY", "INFY"), ("TCS:*", "TCS:20"), ("*\0*", "a\0b"),
    ] {
      #expect(try isMatch(pattern, symbol), "\(pattern) \(symbol)")
    }
  }

  @Test func `everything else stands for itself`() throws {
    for (pattern, symbol) in [
      ("NIFTY*CE", "NIFTY28MAR2420800PE"), ("NIFTY*CE", "BANKNIFTY28MAR24CE"), ("NIFTY*CE", "NIFTYC"),
      ("nifty*", "NIFTY"), ("A*A", "A"), ("AB*BA", "ABA"), ("A?C", "ABC"), ("A.C", "ABC"), ("[A]", "A"), ("%", "A"),
      ("INFY", "INFYX"), ("INFY", "XINFY"), ("*A*A*", "BAB"), ("A*B*C", "ACB"), ("É", "E\u{301}"), ("\\*", "*"),
    ] {
      #expect(try !isMatch(pattern, symbol), "\(pattern) \(symbol)")
    }
  }

  @Test func `a pattern is an exchange, a colon and a symbol`() throws {
    let pattern = try SymbolPattern("NFO:NIFTY*CE")
    #expect(pattern.exchange == .nfo && pattern.matches("NIFTY26CE"))
    #expect(try SymbolPattern("NSE_INDEX:*").exchange == .nseIndex)
    #expect(try SymbolPattern("BSE:TCS:*").matches("TCS:20"))
    #expect(try SymbolPattern("NSE:\u{301}X*").matches("\u{301}XY"))
    #expect(SymbolPattern.isPattern("A*") && !SymbolPattern.isPattern("M&M"))
  }

  @Test func `what is no pattern is refused with the reason`() {
    let long = String(repeating: "A", count: 128)
    let cases: [(String, SymbolPatternError)] = [
      ("", .noExchange), ("NIFTY*", .noExchange), (":NIFTY*", .noExchange), ("*", .noExchange),
      ("nse:NIFTY*", .unknownExchange), ("N*:NIFTY", .unknownExchange), ("*:*", .unknownExchange),
      (" NSE:A", .unknownExchange), ("NSE:", .empty), ("NSE:" + long + "A", .tooLong),
      ("NSE:" + String(repeating: "*", count: 9), .tooManyStars), ("NSE:*A*A*A*A*A*A*A*A*", .tooManyStars),
      ("NSE:" + String(repeating: "*", count: 1_000_000), .tooLong),
    ]
    for (text, reason) in cases {
      #expect(throws: reason) { try SymbolPattern(text) }
      #expect(!reason.message.isEmpty)
    }
    #expect(throws: Never.self) { try SymbolPattern("NSE:" + long) }
    #expect(throws: Never.self) { try SymbolPattern("NSE:*A*A*A*A*A*A*A*") }
  }

  @Test func `a registry is searched within the exchange, in order, up to a bound`() throws {
    let registry = InstrumentRegistry([
      instrument(.nfo, "NIFTY1CE"), instrument(.nse, "NIFTY2CE"), instrument(.nfo, "NIFTY2PE"),
      instrument(.nfo, "BANKNIFTY2CE"), instrument(.nfo, "NIFTY3CE"), instrument(.nse, ""), instrument(.crypto, "É"),
    ])
    func ids(_ pattern: String, max: Int = 100) throws -> SymbolMatches {
      try SymbolPattern(pattern).matches(in: registry, max: max)
    }
    #expect(try ids("NFO:NIFTY*CE") == SymbolMatches(ids: [0, 4], isCut: false))
    #expect(try ids("NFO:*") == SymbolMatches(ids: [0, 2, 3, 4], isCut: false))
    #expect(try ids("NSE:*") == SymbolMatches(ids: [1, 5], isCut: false))
    #expect(try ids("CRYPTO:*") == SymbolMatches(ids: [6], isCut: false))
    #expect(try ids("CRYPTO:É") == SymbolMatches(ids: [6], isCut: false))
    #expect(try ids("MCX:*") == SymbolMatches(ids: [], isCut: false))
    #expect(try ids("NFO:*CE", max: 3) == SymbolMatches(ids: [0, 3, 4], isCut: false))
    #expect(try ids("NFO:*CE", max: 2) == SymbolMatches(ids: [0, 3], isCut: true))
    #expect(try ids("NFO:*CE", max: 0) == SymbolMatches(ids: [], isCut: true))
    #expect(try ids("MCX:*", max: 0) == SymbolMatches(ids: [], isCut: false))
    #expect(try SymbolPattern("NSE:*").matches(in: InstrumentRegistry([]), max: 9).ids.isEmpty)
  }

  /// A matcher that tries every split would need longer than the universe has existed.
  @Test func `a hostile pattern takes no longer than its bytes times those of the symbol`() throws {
    let pattern = try SymbolPattern(exchange: .nse, symbol: String(repeating: "*AAAAAAAAAAAAAA", count: 8) + "B")
    #expect(!pattern.matches(String(repeating: "A", count: 100_000)))
  }

  @Test func `random patterns and symbols agree with the definition`() throws {
    let seed = SeededGenerator.chosenSeed()
    var random = SeededGenerator(seed: seed)
    var matches = 0
    for _ in 0..<20_000 {
      let pattern = Self.word("AB*", lengths: 1...8, using: &random)
      let symbol = Self.word("AB", lengths: 0...8, using: &random)
      let expected = Self.isMatch(Array(pattern), Array(symbol))
      #expect(try isMatch(pattern, symbol) == expected, "seed \(seed): \(pattern) \(symbol)")
      matches += expected ? 1 : 0
    }
    #expect(matches > 100, "seed \(seed)")
  }

  private static func word(
    _ letters: String, lengths: ClosedRange<Int>, using random: inout SeededGenerator
  ) -> String {
    let count = Int.random(in: lengths, using: &random)
    return String((0..<count).map { _ in letters.randomElement(using: &random)! })
  }

  /// `*` by its definition: the prefixes of the symbol that the pattern so far can stand for.
  private static func isMatch(_ pattern: [Character], _ symbol: [Character]) -> Bool {
    var reached: Set<Int> = [0]
    for letter in pattern {
      if letter == "*" {
        reached = reached.isEmpty ? [] : Set(reached.min()!...symbol.count)
      } else {
        reached = Set(reached.compactMap { $0 < symbol.count && symbol[$0] == letter ? $0 + 1 : nil })
      }
    }
    return reached.contains(symbol.count)
  }
}
