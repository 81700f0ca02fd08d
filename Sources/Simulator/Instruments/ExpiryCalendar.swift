// Expiry days of contracts, by the rules of the exchanges but without their holidays. Pure.

import Market

enum ExpiryCalendar {
  static let tuesday = 2
  static let thursday = 4

  /// The next `count` days of that weekday (0 = Sunday) after `day`.
  static func weekly(after day: Int32, weekday: Int, count: Int) -> [Int32] {
    var next = day + 1
    while Self.weekday(next) != weekday { next += 1 }
    return (0..<Int32(count)).map { next + 7 * $0 }
  }

  /// The last day of that weekday in each month, the next `count` after `day`.
  static func monthly(after day: Int32, weekday: Int, count: Int) -> [Int32] {
    months(after: day, count: count) { month in
      var last = lastDay(of: month)
      while Self.weekday(last) != weekday { last -= 1 }
      return last
    }
  }

  /// That day of each month, or the working day before it, the next `count` after `day`.
  static func monthly(after day: Int32, dayOfMonth: Int, count: Int) -> [Int32] {
    months(after: day, count: count) { month in
      var date = min(firstDay(of: month) + Int32(dayOfMonth) - 1, lastDay(of: month))
      while weekday(date) == 0 || weekday(date) == 6 { date -= 1 }
      return date
    }
  }

  /// `rule` gets months counted from year 0 and answers a day in it.
  private static func months(after day: Int32, count: Int, rule: (Int) -> Int32) -> [Int32] {
    let today = CivilDate(day: day)
    var month = today.year * 12 + today.month - 1
    var days: [Int32] = []
    while days.count < count {
      let candidate = rule(month)
      if candidate > day { days.append(candidate) }
      month += 1
    }
    return days
  }

  private static func firstDay(of month: Int) -> Int32 {
    CivilDate(year: month / 12, month: month % 12 + 1, dayOfMonth: 1)?.day ?? 0
  }

  private static func lastDay(of month: Int) -> Int32 { firstDay(of: month + 1) - 1 }

  /// 1970-01-01 was a Thursday.
  static func weekday(_ day: Int32) -> Int { Int((day % 7 + 11) % 7) }
}
