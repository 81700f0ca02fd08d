// Plans of faults as texts, and the schedule that plays them.

import Simulator
import Testing

@Suite struct FaultPlanTests {
  private let second: Int64 = 1_000_000_000

  @Test func `kinds, arguments, times and durations are read`() throws {
    let plan = try FaultPlan("mute@10s, rst@2s+500ms,collapse:5@1m,refuse,slowtls:250ms,limit429:3@1.5,expire@3")
    let expected: [FaultPlan.Entry] = [
      .init(Fault(.mute), atNanos: 10 * second), .init(Fault(.reset, durationNanos: second / 2), atNanos: 2 * second),
      .init(Fault(.collapse(percent: 5)), atNanos: 60 * second), .init(Fault(.refuse)),
      .init(Fault(.slowTLS(delayNanos: second / 4))), .init(Fault(.limit429(attempts: 3)), atNanos: second * 3 / 2),
      .init(Fault(.expire), atNanos: 3 * second),
    ]
    #expect(plan.entries == expected)
    #expect(try FaultPlan("collapse").entries[0].fault.kind == .collapse(percent: 3))
    #expect(try FaultPlan("limit429").entries[0].fault.kind == .limit429(attempts: 1))
    #expect(try FaultPlan("slowtls").entries[0].fault.kind == .slowTLS(delayNanos: 5 * second))
  }

  @Test func `every kind that is named can be read`() throws {
    for name in Fault.kindNames { #expect(try FaultPlan(name).entries.count == 1, "\(name)") }
  }

  @Test(arguments: [
    "", " ", ",", "mute,", "mutes", "Mute", "mute@", "mute@x", "mute@10h", "mute@-1s", "mute@1e3s", "mute@nan",
    "mute@10s+", "mute+", "mute:1", "collapse:0", "collapse:100", "collapse:x", "limit429:0", "limit429:99999999",
    "slowtls:", "slowtls:x", "mute@2000m", "mute@99999999999999999999s", "@10s", "mute@1s@2s", "mute@1..5s",
    String(repeating: "mute,", count: 64) + "mute",
  ])
  func `a text that is no plan is refused with a word`(text: String) {
    #expect(throws: FaultPlanError.self) { try FaultPlan(text) }
  }

  @Test func `faults begin at their time and end after their duration`() {
    let mute = Fault(.mute, durationNanos: 5 * second)
    let refuse = Fault(.refuse)
    let plan = FaultPlan([.init(mute, atNanos: 10 * second), .init(refuse, atNanos: 2 * second)])
    var schedule = FaultSchedule(plan: plan, startNanos: 100)
    #expect(schedule.nextNanos == 2 * second + 100)
    #expect(schedule.advance(nowNanos: 2 * second) == [])
    #expect(schedule.advance(nowNanos: 2 * second + 100) == [.begin(refuse)])
    #expect(schedule.advance(nowNanos: 11 * second) == [.begin(mute)])
    #expect(schedule.nextNanos == 15 * second + 100)
    #expect(schedule.advance(nowNanos: 16 * second) == [.end(mute)])
    #expect(schedule.nextNanos == .max)
    #expect(schedule.clear() == [.end(refuse)])
    #expect(schedule.clear() == [])
  }

  @Test func `what happens at a moment comes again every second for as long as it lasts`() {
    let reset = Fault(.reset, durationNanos: 2 * second + 1)
    var schedule = FaultSchedule(plan: FaultPlan([.init(reset)]), startNanos: 0)
    #expect(schedule.advance(nowNanos: 0) == [.begin(reset)])
    #expect(schedule.advance(nowNanos: second - 1) == [])
    #expect(schedule.advance(nowNanos: second) == [.again(reset)])
    #expect(schedule.advance(nowNanos: 2 * second) == [.again(reset)])
    #expect(schedule.advance(nowNanos: 2 * second + 1) == [.end(reset)])
    #expect(schedule.clear() == [])
    schedule.add(Fault(.garbage), atNanos: 3 * second)
    #expect(schedule.advance(nowNanos: 4 * second) == [.begin(Fault(.garbage))])
    #expect(schedule.clear() == [], "nothing is left of it")
  }

  @Test func `what is due at the same look comes in order of its time`() {
    let plan = FaultPlan([
      .init(Fault(.mute), atNanos: 3), .init(Fault(.refuse, durationNanos: 1), atNanos: 1),
      .init(Fault(.dead), atNanos: 2),
    ])
    var schedule = FaultSchedule(plan: plan, startNanos: 0)
    let begun = schedule.advance(nowNanos: 10)
    let expected: [FaultSchedule.Change] = [
      .begin(Fault(.refuse, durationNanos: 1)), .begin(Fault(.dead)), .begin(Fault(.mute)),
    ]
    #expect(begun == expected)
    #expect(schedule.advance(nowNanos: 10) == [.end(Fault(.refuse, durationNanos: 1))])
  }

  @Test func `more faults than can be kept are not taken`() {
    var schedule = FaultSchedule(plan: FaultPlan(), startNanos: 0)
    for _ in 0..<FaultSchedule.countMax + 10 { schedule.add(Fault(.refuse), atNanos: 0) }
    #expect(schedule.advance(nowNanos: 0).count == FaultSchedule.countMax)
  }
}
