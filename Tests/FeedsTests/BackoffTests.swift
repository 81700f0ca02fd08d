// Waits between attempts: how they grow, where they end, how they scatter.

import Feeds
import TestSupport
import Testing

@Suite struct BackoffTests {
  private static let second: Int64 = 1_000_000_000
  /// First and longest waits: the connections', the logins', and odd ones.
  static let bounds: [(first: Int64, most: Int64)] = [
    (Backoff.firstNanos, Backoff.mostNanos), (10 * second, 1800 * second), (second, 3 * second), (1, 1000),
    (second, second),
  ]

  /// Whether the waits are between half of and the full doubled time, up to the cap.
  private func check(first: Int64, most: Int64, seed: UInt64, attempts: Int = 100) {
    var backoff = Backoff(firstNanos: first, mostNanos: most, seed: seed)
    var bound = first
    for attempt in 0..<attempts {
      let wait = backoff.next()
      #expect((bound / 2...bound).contains(wait), "\(wait) of \(bound), attempt \(attempt), seed \(seed)")
      bound = bound > most / 2 ? most : bound * 2
    }
  }

  @Test(arguments: bounds)
  func `waits double up to the longest, with jitter of half of each`(first: Int64, most: Int64) {
    var generator = SeededGenerator()
    for _ in 0..<200 { check(first: first, most: most, seed: generator.next()) }
  }

  @Test func `a reset begins anew`() {
    var backoff = Backoff(seed: SeededGenerator.chosenSeed())
    for _ in 0..<20 { _ = backoff.next() }
    #expect(backoff.attempts == 20)
    backoff.reset()
    #expect(backoff.attempts == 0)
    #expect((Backoff.firstNanos / 2...Backoff.firstNanos).contains(backoff.next()))
  }

  @Test func `many gateways do not return at once`() {
    var generator = SeededGenerator()
    let waits = (0..<1000).map { _ in
      var backoff = Backoff(seed: generator.next())
      return backoff.next()
    }
    // Of ten parts of the time, none is empty and none holds a quarter of them.
    let part = Backoff.firstNanos / 2 / 10
    let counts = (0..<10).map { index in
      waits.count { ($0 - Backoff.firstNanos / 2) / part == Int64(index) }
    }
    #expect(counts.allSatisfy { (1..<250).contains($0) }, "\(counts), seed \(generator.seed)")
  }

  @Test func `a seed gives the same waits again`() {
    func waits(_ seed: UInt64) -> [Int64] {
      var backoff = Backoff(seed: seed)
      return (0..<20).map { _ in backoff.next() }
    }
    #expect(waits(7) == waits(7) && waits(7) != waits(8))
  }

  @Test func `a long first wait does not overflow`() {
    check(first: 20 * Self.second, most: 3600 * Self.second, seed: 1)
  }
}
