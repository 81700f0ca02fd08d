// The pacer against simple arithmetic, with turns at any time.

import Simulator
import TestSupport
import Testing

@Suite struct TickPacerTests {
  private static let second: Int64 = 1_000_000_000

  @Test(arguments: [1, 3, 240, 999, 1_000_000])
  func `the rate does not drift however turns fall`(rate: Int) {
    let seed = SeededGenerator.chosenSeed()
    var random = SeededGenerator(seed: seed)
    var pacer = TickPacer()
    let start: Int64 = 987_654_321_987
    pacer.setRate(rate, nowNanos: start)
    var now = start
    var total = 0
    while now < start + 100 * Self.second {
      now += Int64.random(in: 1...40_000_000, using: &random)
      total += pacer.take(nowNanos: now)
    }
    let expected = Int((now - start) / Self.second) * rate + Int((now - start) % Self.second) * rate / Int(Self.second)
    #expect(total == expected, "seed \(seed)")
    #expect(pacer.droppedCount == 0)
  }

  @Test func `an event is due at its deadline and not before`() {
    var pacer = TickPacer()
    pacer.setRate(3, nowNanos: 0)
    for event in 1...9 {
      let deadline = pacer.deadlineNanos
      #expect(pacer.take(nowNanos: deadline - 1) == 0, "event \(event)")
      #expect(pacer.take(nowNanos: deadline) == 1, "event \(event)")
    }
  }

  @Test func `a long pause is not caught up`() {
    var pacer = TickPacer()
    pacer.setRate(1000, nowNanos: 0)
    let due = pacer.take(nowNanos: 60 * Self.second)
    #expect(due == 500)
    #expect(pacer.droppedCount == 59_500)
    #expect(pacer.take(nowNanos: 60 * Self.second + 1_000_000) == 1)
  }

  @Test func `nothing is due while paused, and a new rate counts from its start`() {
    var pacer = TickPacer()
    #expect(pacer.take(nowNanos: 5 * Self.second) == 0)
    #expect(pacer.deadlineNanos == .max)
    pacer.setRate(10, nowNanos: 100 * Self.second)
    #expect(pacer.take(nowNanos: 100 * Self.second) == 0)
    #expect(pacer.take(nowNanos: 100 * Self.second + 200_000_000) == 2)
    pacer.setRate(0, nowNanos: 101 * Self.second)
    #expect(pacer.take(nowNanos: 200 * Self.second) == 0)
  }
}
