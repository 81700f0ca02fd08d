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
}
