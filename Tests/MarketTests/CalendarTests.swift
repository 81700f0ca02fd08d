import Market
import Testing

@Suite struct CalendarTests {
  /// 2026-11-23 09:15:00 IST, a Monday.
  static let mondayOpen: Int64 = 1_795_405_500_000_000_000

  @Test func `an instant is shown in IST whatever the zone of the machine`() {
    let time = ISTTime(epochNanos: Self.mondayOpen)
    #expect(time.text == "2026-11-23 09:15:00")
    #expect(time.weekday == 1)
    #expect(time.date.symbolText == "23NOV26")
    #expect(time.date.tableText == "23-NOV-26")
    #expect(ISTTime.epochNanos(day: time.day, minuteOfDay: 555) == Self.mondayOpen)
  }

  @Test func `days and dates convert both ways over four centuries`() {
    for day in stride(from: Int32(-60_000), through: 90_000, by: 1) {
      #expect(CivilDate(day: day).day == day)
    }
    #expect(CivilDate(year: 2026, month: 2, dayOfMonth: 29) == nil)
    #expect(CivilDate(year: 2024, month: 2, dayOfMonth: 29)?.day == 19_782)
  }

  @Test func `sessions open and close at their minute and not at the weekend`() {
    let calendar = SessionCalendar.india
    #expect(calendar.isOpen(.nse, at: Self.mondayOpen))
    #expect(!calendar.isOpen(.nse, at: Self.mondayOpen - 1))
    #expect(calendar.isOpen(.mcx, at: Self.mondayOpen - 1))
    #expect(!calendar.isOpen(.nse, at: Self.mondayOpen - ISTTime.nanosPerDay))
    #expect(calendar.isOpen(.crypto, at: Self.mondayOpen - ISTTime.nanosPerDay))
    #expect(SessionCalendar.alwaysOpen.isOpen(.nse, at: 0))
    #expect(SessionCalendar.alwaysOpen.squareOffMinute(of: .nse) == nil)
    #expect(calendar.squareOffMinute(of: .nse) == 15 * 60 + 15)
  }

  private static func at(_ year: Int, _ month: Int, _ day: Int, _ hour: Int, _ minute: Int) throws -> Int64 {
    let date = try #require(CivilDate(year: year, month: month, dayOfMonth: day))
    return ISTTime.epochNanos(day: date.day, minuteOfDay: hour * 60 + minute)
  }

  @Test func `the commodity evening ends earlier while the United States have summer time`() throws {
    let calendar = SessionCalendar.india
    // Sundays of the change in 2026: 8 March and 1 November.
    for (month, day, close) in [(3, 6, 1435), (3, 9, 1410), (7, 1, 1410), (10, 30, 1410), (11, 2, 1435), (1, 5, 1435)] {
      let date = try #require(CivilDate(year: 2026, month: month, dayOfMonth: day))
      #expect(calendar.session(of: .mcx, on: date.day)?.close == close, "\(date.text)")
      #expect(calendar.session(of: .nse, on: date.day)?.close == 930)
    }
    // Every year has one change in March and one in November, both on a Sunday.
    for year in 2020...2040 {
      var changes: [CivilDate] = []
      let first = try #require(CivilDate(year: year, month: 1, dayOfMonth: 1)).day
      var rules = SessionCalendar.Rules.india
      rules[.mcx]?.weekdays = SessionCalendar.Rules.Regular.everyDay
      let everyDay = SessionCalendar(rules: rules)
      for day in (first + 1)...(first + 364)
      where everyDay.session(of: .mcx, on: day) != everyDay.session(of: .mcx, on: day - 1) {
        #expect(ISTTime.weekday(of: day) == 0)
        changes.append(CivilDate(day: day))
      }
      #expect(changes.map(\.month) == [3, 11])
      #expect(changes.map(\.dayOfMonth).allSatisfy { $0 <= 14 })
    }
  }

  @Test func `a holiday, an evening session and a special session replace the regular one on their day`() throws {
    let holiday = try #require(CivilDate(year: 2026, month: 11, dayOfMonth: 24)).day
    let sunday = try #require(CivilDate(year: 2026, month: 11, dayOfMonth: 8)).day
    let evening = try #require(SessionCalendar.Session(open: 1020, close: 1435))
    let special = try #require(SessionCalendar.Session(open: 1080, close: 1140))
    var rules = SessionCalendar.Rules.india
    try rules.setSessions([], of: .nse, on: holiday)
    try rules.setSessions([evening], of: .mcx, on: holiday)
    try rules.setSessions([special], of: .nse, on: sunday)
    let calendar = SessionCalendar(rules: rules)

    #expect(!calendar.isOpen(.nse, at: try Self.at(2026, 11, 24, 11, 0)))
    #expect(calendar.isOpen(.nfo, at: try Self.at(2026, 11, 24, 11, 0)))
    #expect(!calendar.isOpen(.mcx, at: try Self.at(2026, 11, 24, 16, 59)))
    #expect(calendar.isOpen(.mcx, at: try Self.at(2026, 11, 24, 17, 0)))
    #expect(calendar.isOpen(.nse, at: try Self.at(2026, 11, 8, 18, 30)))
    #expect(!calendar.isOpen(.nse, at: try Self.at(2026, 11, 8, 19, 0)))
    #expect(!calendar.isOpen(.bse, at: try Self.at(2026, 11, 8, 18, 30)))
    #expect(calendar.sessions(of: .nse, on: holiday).isEmpty)
    #expect(calendar.session(of: .nse, on: holiday) == nil)
    #expect(calendar.session(of: .mcx, on: holiday) == evening)
  }

  @Test func `the next opening is found over nights, weekends, holidays and breaks`() throws {
    var rules = SessionCalendar.Rules.india
    let monday = try #require(CivilDate(year: 2026, month: 11, dayOfMonth: 23)).day
    let morning = try #require(SessionCalendar.Session(open: 540, close: 600))
    let evening = try #require(SessionCalendar.Session(open: 1020, close: 1435))
    try rules.setSessions([], of: .nse, on: monday + 1)
    try rules.setSessions([morning, evening], of: .mcx, on: monday)
    let calendar = SessionCalendar(rules: rules)
    let during = Self.mondayOpen + 60_000_000_000
    #expect(calendar.nextOpen(.nse, at: during) == during)
    #expect(calendar.nextOpen(.nse, at: Self.mondayOpen - 1) == Self.mondayOpen)
    #expect(calendar.nextOpen(.nse, at: Self.mondayOpen - 2 * ISTTime.nanosPerDay) == Self.mondayOpen)
    #expect(
      calendar.nextOpen(.nse, at: try Self.at(2026, 11, 23, 15, 30)) == Self.mondayOpen + 2 * ISTTime.nanosPerDay)
    #expect(calendar.nextOpen(.mcx, at: try Self.at(2026, 11, 23, 12, 0)) == (try Self.at(2026, 11, 23, 17, 0)))
    #expect(SessionCalendar(rules: SessionCalendar.Rules()).nextOpen(.nse, at: during) == nil)
    #expect(SessionCalendar.alwaysOpen.nextOpen(.nse, at: 5) == 5)
  }

  @Test func `sessions that overlap, run backwards or leave the day are refused`() throws {
    typealias Session = SessionCalendar.Session
    #expect(Session(open: 600, close: 600) == nil)
    #expect(Session(open: -1, close: 600) == nil)
    #expect(Session(open: 600, close: 1441) == nil)
    let early = try #require(Session(open: 540, close: 700))
    let late = try #require(Session(open: 660, close: 800))
    var rules = SessionCalendar.Rules.india
    for sessions in [[early, late], [late, early]] {
      #expect(throws: SessionCalendar.Rules.Overlap.self) { try rules.setSessions(sessions, of: .mcx, on: 1) }
    }
    #expect(rules == .india)
  }
}
