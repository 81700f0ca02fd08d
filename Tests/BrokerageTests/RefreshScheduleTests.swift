// When lists are due.

import Brokerage
import Market
import Testing

@Suite struct RefreshScheduleTests {
  private let minute: Int64 = 60_000_000_000

  @Test func `a list is due once a day at the minute in India`() {
    var schedule = RefreshSchedule(minuteOfDay: 8 * 60, lastGoodNanos: india(2026, 11, 22, 8, 1))
    #expect(schedule.dueNanos(now: india(2026, 11, 23, 7, 59)) == india(2026, 11, 23, 8))
    #expect(!schedule.isDue(now: india(2026, 11, 23, 7, 59)) && schedule.isDue(now: india(2026, 11, 23, 8)))
    schedule.onSuccess(now: india(2026, 11, 23, 8))
    #expect(schedule.dueNanos(now: india(2026, 11, 23, 8)) == india(2026, 11, 24, 8))
    #expect(schedule.dueNanos(now: india(2026, 11, 23, 23, 59)) == india(2026, 11, 24, 8))
    #expect(schedule.isDue(now: india(2026, 11, 30, 3)), "a clock that jumped")
  }

  @Test func `a list that was missed, or never there, is due at once`() {
    let now = india(2026, 11, 23, 10)
    #expect(RefreshSchedule(minuteOfDay: 480, lastGoodNanos: nil).isDue(now: now))
    #expect(RefreshSchedule(minuteOfDay: 480, lastGoodNanos: india(2026, 11, 23, 7)).isDue(now: now))
    #expect(!RefreshSchedule(minuteOfDay: 480, lastGoodNanos: india(2026, 11, 23, 8)).isDue(now: now))
    #expect(!RefreshSchedule(minuteOfDay: 1439, lastGoodNanos: india(2026, 11, 22, 23, 59)).isDue(now: now))
    #expect(RefreshSchedule(minuteOfDay: 0, lastGoodNanos: india(2026, 11, 22, 23, 59)).isDue(now: now))
  }

  @Test func `failures are tried again, ever later, up to an hour, and each day begins anew`() {
    var now = india(2026, 11, 23, 8)
    var schedule = RefreshSchedule(minuteOfDay: 480, lastGoodNanos: india(2026, 11, 22, 8))
    var waits: [Int64] = []
    for _ in 0..<7 {
      #expect(schedule.isDue(now: now))
      schedule.onFailure(now: now)
      let due = schedule.dueNanos(now: now)
      waits.append((due - now) / minute)
      #expect(!schedule.isDue(now: due - 1))
      now = due
    }
    #expect(waits == [5, 10, 20, 40, 60, 60, 60])
    now = india(2026, 11, 24, 8)
    #expect(schedule.isDue(now: now))
    schedule.onFailure(now: now)
    #expect(schedule.dueNanos(now: now) == now + 5 * minute)
    schedule.onSuccess(now: now + 5 * minute)
    #expect(schedule.dueNanos(now: now + 5 * minute) == india(2026, 11, 25, 8))
  }
}
