// The token map against a dictionary.

import Normalize
import TestSupport
import Testing

@Suite struct TokenMapTests {
  @Test func `every token is found and every other token is absent`() {
    var generator = SeededGenerator()
    var expected: [UInt64: UInt32] = [:]
    for instrument in 0..<20_000 as Range<UInt32> {
      // Few segments and dense numbers, as real tokens are.
      let token = UInt64.random(in: 0..<100_000, using: &generator) << 8 | UInt64.random(in: 1...9, using: &generator)
      expected[token] = instrument
    }
    let map = TokenMap(expected.map { TokenMap.Entry(token: $0.key, instrument: $0.value) })
    #expect(map.count == expected.count)
    for token in 0..<200_000 as Range<UInt64> {
      let key = token << 4 | 1
      #expect(map.instrument(of: key) == expected[key] ?? TokenMap.absent, "seed \(generator.seed)")
    }
    for (token, instrument) in expected {
      #expect(map.instrument(of: token) == instrument, "seed \(generator.seed)")
    }
  }

  @Test func `the first instrument of a repeated token stays`() {
    let map = TokenMap([.init(token: 5, instrument: 1), .init(token: 5, instrument: 2)])
    #expect(map.instrument(of: 5) == 1)
    #expect(map.count == 1)
  }

  @Test func `the smallest and the largest token work`() {
    let map = TokenMap([.init(token: 0, instrument: 7), .init(token: .max, instrument: 8)])
    #expect(map.instrument(of: 0) == 7)
    #expect(map.instrument(of: .max) == 8)
    #expect(map.instrument(of: 1) == TokenMap.absent)
  }

  @Test func `an empty map has nothing`() {
    let map = TokenMap([])
    #expect(map.count == 0)
    #expect(map.instrument(of: 0) == TokenMap.absent)
    #expect(map.instrument(of: .max) == TokenMap.absent)
  }
}
