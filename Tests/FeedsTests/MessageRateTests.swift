// Messages a second, as the planner lets them out: in no second are there more than the broker allows, wherever it
// begins, however often the planner is asked.

import Feeds
import Market
import TestSupport
import Testing

@Suite struct MessageRateTests {
  private static let second: Int64 = 1_000_000_000
  private static let instruments: UInt32 = 300

  private func planner(perSecond: Int) -> ShardPlanner {
    // A message for every instrument.
    let capability = FeedCapability(
      limits: SocketLimits(total: Int(Self.instruments)), socketsMax: 1, instrumentsPerMessage: 1,
      messagesPerSecond: perSecond, modeChange: .changeMessage)
    return ShardPlanner(capability: capability, lingerNanos: 0)
  }

  /// No second holds more than `perSecond` of the times.
  private func check(_ times: [Int64], perSecond: Int, seed: UInt64) {
    for (index, time) in times.enumerated() where index + perSecond < times.count {
      #expect(times[index + perSecond] - time >= Self.second, "seed \(seed)")
    }
  }

  @Test(arguments: [1, 2, 3, 5, 10, 37])
  func `in no second are there more, whenever the planner is asked`(perSecond: Int) {
    var generator = SeededGenerator()
    var planner = planner(perSecond: perSecond)
    planner.opened(0, now: 0)
    var now: Int64 = 0
    var times: [Int64] = []
    let modes = Mode.allCases
    for _ in 0..<6000 {
      // Mostly many questions in a row, sometimes a pause that fills the bucket.
      now += Int64.random(
        in: 0...(Int.random(in: 0..<50, using: &generator) == 0 ? 3 * Self.second : Self.second / 50), using: &generator
      )
      planner.want(
        UInt32.random(in: 0..<Self.instruments, using: &generator), modes.randomElement(using: &generator), now: now)
      times += planner.messages(now: now).map { _ in now }
    }
    #expect(times.count > 3 * perSecond, "seed \(generator.seed)")
    check(times, perSecond: perSecond, seed: generator.seed)
  }

  @Test(arguments: [1, 2, 3, 5, 10, 37])
  func `asked when it says it is due, it sends everything without long pauses`(perSecond: Int) {
    var planner = planner(perSecond: perSecond)
    planner.opened(0, now: 0)
    for instrument in 0..<Self.instruments { planner.want(instrument, .quote, now: 0) }
    var now: Int64 = 0
    var times: [Int64] = []
    var questions = 0
    while times.count < Int(Self.instruments), questions < 10_000 {
      times += planner.messages(now: now).map { _ in now }
      now = max(now + 1, planner.dueAt)
      questions += 1
    }
    #expect(times.count == Int(Self.instruments))
    check(times, perSecond: perSecond, seed: 0)
    // At least half of what is allowed is used, and nobody asks in vain.
    #expect(times.last ?? .max <= Int64(Self.instruments) * 2 * Self.second / Int64(perSecond))
    #expect(questions <= 2 * Int(Self.instruments))
  }
}
