// The calendar file: regular sessions and single days of the exchanges, as TOML. What it does not name stays as built
// in. Errors say the line of the entry they are about.

import Market
import Settings

enum CalendarFile {
  struct Failure: Error, CustomStringConvertible { let description: String }

  /// Read when no file is configured, if it is there.
  static let standardPath = "config/calendar.toml"
  /// Entries of one kind.
  private static let entriesMax = 5000

  /// The calendar that the settings ask for.
  static func calendar(_ settings: Settings) throws -> SessionCalendar {
    let path = settings.string(.calendarFile)
    if !path.isEmpty { return try read(path) }
    return FileSystem.exists(standardPath) ? try read(standardPath) : .india
  }

  static func read(_ path: String) throws -> SessionCalendar {
    let tree = try TOMLFile.read(path)
    guard case .table(let top) = tree else { throw Failure(description: "\(path): not a table") }
    let text = String(decoding: try FileSystem.read(path), as: UTF8.self)
    for name in top.keys.sorted() where name != "session" && name != "day" {
      throw Failure(description: "\(path): unknown table \"\(name)\"; there are [[session]] and [[day]]")
    }
    var rules = SessionCalendar.Rules.india
    try forEach("session", in: top, path, text) { entry in try entry.addSession(to: &rules) }
    try forEach("day", in: top, path, text) { entry in try entry.addDay(to: &rules) }
    return SessionCalendar(rules: rules)
  }

  private static func forEach(
    _ name: String, in top: [String: SettingsTree], _ path: String, _ text: String,
    _ body: (CalendarEntry) throws -> Void
  ) throws {
    guard let tree = top[name] else { return }
    guard case .array(let items) = tree, items.count <= entriesMax else {
      throw Failure(description: "\(path): write [[\(name)]] above each entry, at most \(entriesMax) of them")
    }
    let lines = headerLines(of: name, in: text)
    for (index, item) in items.enumerated() {
      let place = index < lines.count ? "\(path): line \(lines[index]): [[\(name)]]" : "\(path): [[\(name)]]"
      guard case .table(let values) = item else { throw Failure(description: "\(place) is not a table") }
      do { try body(CalendarEntry(values: values)) } catch let error as CalendarEntry.Flaw {
        throw Failure(description: "\(place): \(error.description)")
      }
    }
  }

  /// The library tells no places of values: the entries stand in the order of their headers.
  private static func headerLines(of name: String, in text: String) -> [Int] {
    text.split(separator: "\n", omittingEmptySubsequences: false).enumerated().compactMap { number, line in
      line.filter { $0 != " " && $0 != "\t" }.hasPrefix("[[\(name)]]") ? number + 1 : nil
    }
  }
}

/// One `[[session]]` or `[[day]]`.
private struct CalendarEntry {
  struct Flaw: Error { let description: String }

  let values: [String: SettingsTree]

  private static let weekdays = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]

  func addSession(to rules: inout SessionCalendar.Rules) throws {
    try allow(["exchanges", "weekdays", "open", "close", "us_summer_close"])
    guard let open = try minute("open"), let close = try minute("close") else {
      throw Flaw(description: "open and close are needed")
    }
    guard let session = SessionCalendar.Session(open: open, close: close) else {
      throw Flaw(description: "close must be after open")
    }
    let summerClose = try minute("us_summer_close")
    if let summerClose, summerClose <= open { throw Flaw(description: "us_summer_close must be after open") }
    var mask = SessionCalendar.Rules.Regular.mondayToFriday
    if let days = try texts("weekdays") {
      mask = try days.reduce(0) { mask, day in
        guard let index = Self.weekdays.firstIndex(of: day) else {
          throw Flaw(description: "\"\(day)\" is not one of \(Self.weekdays.joined(separator: ", "))")
        }
        return mask | 1 << UInt8(index)
      }
    }
    for exchange in try exchanges() {
      rules[exchange] = SessionCalendar.Rules.Regular(weekdays: mask, session: session, summerClose: summerClose)
    }
  }

  func addDay(to rules: inout SessionCalendar.Rules) throws {
    try allow(["date", "name", "exchanges", "closed", "sessions", "closed_until", "closed_from"])
    guard let text = try text("date"), let day = Self.day(text) else {
      throw Flaw(description: "date must be a day in quotes, e.g. \"2026-01-26\"")
    }
    let kinds = ["closed", "sessions", "closed_until", "closed_from"].filter { values[$0] != nil }
    guard kinds.count == 1 else {
      throw Flaw(description: "one of closed, sessions, closed_until and closed_from is needed")
    }
    let regular = SessionCalendar(rules: rules)
    for exchange in try exchanges() {
      guard rules.exceptions[day]?[exchange] == nil else {
        throw Flaw(description: "\(exchange.code) has an entry for \(text) already")
      }
      do {
        try rules.setSessions(try sessions(regular.session(of: exchange, on: day)), of: exchange, on: day)
      } catch is SessionCalendar.Rules.Overlap {
        throw Flaw(description: "sessions must be in order and must not overlap")
      }
    }
  }

  /// What the day has in the place of its regular session.
  private func sessions(_ regular: SessionCalendar.Session?) throws -> [SessionCalendar.Session] {
    if let closed = values["closed"] {
      guard closed == .boolean(true) else { throw Flaw(description: "closed can only be true") }
      return []
    }
    if let spans = try texts("sessions") {
      return try spans.map { span in
        let ends = span.split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2, let open = Self.minute(ends[0]), let close = Self.minute(ends[1]),
          let session = SessionCalendar.Session(open: open, close: close)
        else { throw Flaw(description: "\"\(span)\" is no session; write e.g. \"18:00-19:00\"") }
        return session
      }
    }
    guard let regular else { throw Flaw(description: "there is no regular session on that day to shorten") }
    let open = try minute("closed_until") ?? regular.open
    let close = try minute("closed_from") ?? regular.close
    guard open >= regular.open, close <= regular.close, let session = SessionCalendar.Session(open: open, close: close)
    else { throw Flaw(description: "the time is not within the regular session") }
    return [session]
  }

  // MARK: Values

  private func allow(_ names: [String]) throws {
    for name in values.keys.sorted() where !names.contains(name) {
      throw Flaw(description: "unknown key \"\(name)\"; there are \(names.joined(separator: ", "))")
    }
  }

  private func exchanges() throws -> [Exchange] {
    guard let codes = try texts("exchanges"), !codes.isEmpty else { throw Flaw(description: "exchanges are needed") }
    return try codes.map { code in
      guard let exchange = Exchange(code: code) else { throw Flaw(description: "there is no exchange \"\(code)\"") }
      return exchange
    }
  }

  private func text(_ name: String) throws -> String? {
    switch values[name] {
    case nil: return nil
    case .string(let text): return text
    default: throw Flaw(description: "\(name) must be a text in quotes")
    }
  }

  private func texts(_ name: String) throws -> [String]? {
    guard let value = values[name] else { return nil }
    guard case .array(let items) = value else { throw Flaw(description: "\(name) must be a list of texts") }
    return try items.map { item in
      guard case .string(let text) = item else { throw Flaw(description: "\(name) must be a list of texts") }
      return text
    }
  }

  private func minute(_ name: String) throws -> Int? {
    guard let text = try text(name) else { return nil }
    guard let minute = Self.minute(text[...]) else {
      throw Flaw(description: "\(name): \"\(text)\" is no time of day; write e.g. \"09:15\"")
    }
    return minute
  }

  /// `09:15` as a minute of the day; `24:00` is its end.
  private static func minute(_ text: Substring) -> Int? {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2, parts.allSatisfy({ $0.utf8.count == 2 && $0.utf8.allSatisfy(isDigit) }),
      let hour = Int(parts[0]), let minute = Int(parts[1]), minute < 60, hour * 60 + minute <= 1440
    else { return nil }
    return hour * 60 + minute
  }

  /// `2026-01-26` as days since 1970-01-01.
  private static func day(_ text: String) -> Int32? {
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.map(\.utf8.count) == [4, 2, 2], parts.allSatisfy({ $0.utf8.allSatisfy(isDigit) }),
      let year = Int(parts[0]), let month = Int(parts[1]), let dayOfMonth = Int(parts[2])
    else { return nil }
    return CivilDate(year: year, month: month, dayOfMonth: dayOfMonth)?.day
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
}
