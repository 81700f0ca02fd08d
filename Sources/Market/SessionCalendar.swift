// When exchanges trade, and when intraday positions must end. A value without I/O: the regular week of each exchange and
// the days that differ from it come in as rules. Looks are a few array reads and one dictionary read; they allocate only
// on a day that is an exception. Any thread.

/// Sessions of the exchanges, handed to whoever needs them; the simulated exchange's calendar is always open.
public struct SessionCalendar: Sendable, Equatable {
  /// Minutes of the IST day; `close` is the first minute that is closed again.
  public struct Session: Sendable, Equatable {
    public let open: Int
    public let close: Int

    /// Nil unless the session is within one day and not empty.
    public init?(open: Int, close: Int) {
      guard open >= 0, open < close, close <= SessionCalendar.minutesPerDay else { return nil }
      self.open = open
      self.close = close
    }

    fileprivate init(_ open: Int, _ close: Int) {
      self.open = open
      self.close = close
    }
  }

  public static let minutesPerDay = 1440
  /// How far `nextOpen` looks: no exchange is closed for longer.
  public static let searchDaysMax: Int32 = 40

  private let isAlwaysOpen: Bool
  private let rules: Rules

  private init(isAlwaysOpen: Bool, rules: Rules) {
    self.isAlwaysOpen = isAlwaysOpen
    self.rules = rules
  }

  public init(rules: Rules) { self.init(isAlwaysOpen: false, rules: rules) }

  /// Never closes, and has no square-off time.
  public static let alwaysOpen = SessionCalendar(isAlwaysOpen: true, rules: Rules())
  /// Regular sessions of the Indian exchanges, without any holiday.
  public static let india = SessionCalendar(rules: .india)

  /// What the exchange trades on a day, in order; empty on a day off.
  /// - Parameter day: days since 1970-01-01, as `ISTTime.day`.
  public func sessions(of exchange: Exchange, on day: Int32) -> [Session] {
    if isAlwaysOpen { return [Session(0, Self.minutesPerDay)] }
    if let exception = rules.exceptions[day]?[exchange] { return exception }
    return rules.regularSession(of: exchange, on: day).map { [$0] } ?? []
  }

  /// From the first opening to the last close of a day, breaks included; nil on a day off.
  public func session(of exchange: Exchange, on day: Int32) -> Session? {
    let sessions = sessions(of: exchange, on: day)
    guard let first = sessions.first, let last = sessions.last else { return nil }
    return Session(first.open, last.close)
  }

  public func isOpen(_ exchange: Exchange, at nanos: Int64) -> Bool {
    if isAlwaysOpen { return true }
    let time = ISTTime(epochNanos: nanos)
    let minute = time.minuteOfDay
    if let exception = rules.exceptions[time.day]?[exchange] {
      return exception.contains { minute >= $0.open && minute < $0.close }
    }
    guard let session = rules.regularSession(of: exchange, on: time.day) else { return false }
    return minute >= session.open && minute < session.close
  }

  /// When the exchange is open next, nanoseconds since the epoch: `nanos` itself while it is open, nil when it does not
  /// open within `searchDaysMax` days.
  public func nextOpen(_ exchange: Exchange, at nanos: Int64) -> Int64? {
    if isOpen(exchange, at: nanos) { return nanos }
    let today = ISTTime(epochNanos: nanos).day
    for day in today...(today + Self.searchDaysMax) {
      for session in sessions(of: exchange, on: day) {
        let opening = ISTTime.epochNanos(day: day, minuteOfDay: session.open)
        if opening > nanos { return opening }
      }
    }
    return nil
  }

  /// Minute of the IST day from which new intraday (MIS) exposure is refused; nil where there is no such time.
  public func squareOffMinute(of exchange: Exchange) -> Int? {
    if isAlwaysOpen { return nil }
    switch exchange {
    case .nse, .bse, .nfo, .bfo: return 915
    case .cds, .bcd: return 1005
    case .mcx, .nco: return 1410
    case .ncdex: return 1020
    default: return nil
    }
  }

  /// Minute of the IST day before which new intraday exposure is refused.
  public static let intradayStartMinute = 540
}
