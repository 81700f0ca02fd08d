/// Indian Standard Time: UTC+5:30 all year. Exchange sessions, order ids and reports are in it, whatever the zone of
/// the machine. Proleptic Gregorian dates, days counted from 1970-01-01.
public struct ISTTime: Sendable, Equatable {
  public let day: Int32
  public let nanosOfDay: Int64

  public static let offsetNanos: Int64 = 19_800_000_000_000
  public static let nanosPerDay: Int64 = 86_400_000_000_000
  public static let months = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
  ]

  public init(epochNanos: Int64) {
    let local = epochNanos + Self.offsetNanos
    var day = local / Self.nanosPerDay
    var rest = local % Self.nanosPerDay
    if rest < 0 {
      rest += Self.nanosPerDay
      day -= 1
    }
    self.day = Int32(clamping: day)
    nanosOfDay = rest
  }

  public var minuteOfDay: Int { Int(nanosOfDay / 60_000_000_000) }
  public var hour: Int { minuteOfDay / 60 }
  public var minute: Int { minuteOfDay % 60 }
  public var second: Int { Int(nanosOfDay / 1_000_000_000) % 60 }
  public var date: CivilDate { CivilDate(day: day) }
  /// 0 = Sunday … 6 = Saturday.
  public var weekday: Int { Self.weekday(of: day) }

  /// 0 = Sunday … 6 = Saturday.
  public static func weekday(of day: Int32) -> Int { Int(((day % 7) + 11) % 7) }

  /// `2026-11-23 09:15:00`.
  public var text: String { "\(date.text) \(two(hour)):\(two(minute)):\(two(second))" }

  /// Epoch nanoseconds of a minute of an IST day.
  public static func epochNanos(day: Int32, minuteOfDay: Int) -> Int64 {
    Int64(day) * nanosPerDay + Int64(minuteOfDay) * 60_000_000_000 - offsetNanos
  }
}

/// A Gregorian date.
public struct CivilDate: Sendable, Equatable {
  public let year: Int
  public let month: Int
  public let dayOfMonth: Int

  /// Nil when there is no such date.
  public init?(year: Int, month: Int, dayOfMonth: Int) {
    guard (1...9999).contains(year), (1...12).contains(month), (1...31).contains(dayOfMonth) else { return nil }
    let candidate = CivilDate(day: Self.day(year, month, dayOfMonth))
    guard candidate.year == year, candidate.month == month, candidate.dayOfMonth == dayOfMonth else { return nil }
    self = candidate
  }

  /// From days since 1970-01-01. Years are taken to begin in March, so that the leap day is the last of its year.
  public init(day: Int32) {
    let z = Int(day) + 719_468
    let era = (z >= 0 ? z : z - 146_096) / 146_097
    let dayOfEra = z - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shifted = (5 * dayOfYear + 2) / 153
    dayOfMonth = dayOfYear - (153 * shifted + 2) / 5 + 1
    month = shifted < 10 ? shifted + 3 : shifted - 9
    year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
  }

  /// Days since 1970-01-01.
  public var day: Int32 { Self.day(year, month, dayOfMonth) }
  /// `2026-11-23`.
  public var text: String {
    "\(String(repeating: "0", count: max(0, 4 - "\(year)".count)))\(year)-\(two(month))-\(two(dayOfMonth))"
  }
  /// `23NOV26`: the expiry inside a derivative's symbol.
  public var symbolText: String { two(dayOfMonth) + ISTTime.months[month - 1] + two(year % 100) }
  /// `23-NOV-26`: the expiry column of the symbol table.
  public var tableText: String { "\(two(dayOfMonth))-\(ISTTime.months[month - 1])-\(two(year % 100))" }

  private static func day(_ year: Int, _ month: Int, _ dayOfMonth: Int) -> Int32 {
    let y = month <= 2 ? year - 1 : year
    let era = (y >= 0 ? y : y - 399) / 400
    let yearOfEra = y - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + dayOfMonth - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    return Int32(era * 146_097 + dayOfEra - 719_468)
  }
}

private func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
