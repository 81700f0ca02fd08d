// Connections per hour: in no hour are there more than allowed, wherever it begins.

import Feeds
import TestSupport
import Testing

@Suite struct ConnectBudgetTests {
  private static let hour = ConnectBudget.hourNanos

  @Test func `the first ones are free at once, the next when the first is an hour old`() {
    var budget = ConnectBudget(perHour: 3)
    for time in [100, 200, 300] as [Int64] {
      #expect(budget.freeAt <= time)
      budget.spend(now: time)
    }
    #expect(budget.freeAt == 100 + Self.hour)
    budget.spend(now: 100 + Self.hour)
    #expect(budget.freeAt == 200 + Self.hour)
  }

  @Test func `nothing allowed means one`() {
    var budget = ConnectBudget(perHour: 0)
    #expect(budget.freeAt <= 0)
    budget.spend(now: 5)
    #expect(budget.freeAt == 5 + Self.hour)
  }

  @Test(arguments: [1, 2, 20, 60])
  func `in no hour are there more, however they are tried`(perHour: Int) {
    var generator = SeededGenerator()
    var budget = ConnectBudget(perHour: perHour)
    var now: Int64 = 0
    var times: [Int64] = []
    for _ in 0..<5000 {
      now += Int64.random(in: 0...Self.hour / Int64(perHour), using: &generator)
      guard budget.freeAt <= now else { continue }
      budget.spend(now: now)
      times.append(now)
    }
    for (index, time) in times.enumerated() where index + perHour < times.count {
      #expect(times[index + perHour] - time >= Self.hour, "seed \(generator.seed)")
    }
    // Who tries all the time gets all of it: no more than one in three is given away.
    #expect(Int64(times.count) * 3 >= now / Self.hour * Int64(perHour), "seed \(generator.seed)")
  }
}
