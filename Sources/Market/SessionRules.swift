// What a session calendar is made of: the regular week per exchange, and single days that differ from it (holidays,
// evening-only days, special sessions). Plain data, filled by whoever reads the calendar file. Any thread.

extension SessionCalendar {
  /// Regular week and exceptions of all exchanges. An exchange without a rule never opens.
  public struct Rules: Sendable, Equatable {
    /// The session that an exchange has on each of its weekdays.
    public struct Regular: Sendable, Equatable {
      /// Bit n for weekday n, 0 = Sunday … 6 = Saturday.
      public var weekdays: UInt8
      public var session: Session
      /// Close while the United States have summer time, which the commodity exchanges follow; nil when it is the same.
      public var summerClose: Int?

      public init(weekdays: UInt8 = Self.mondayToFriday, session: Session, summerClose: Int? = nil) {
        self.weekdays = weekdays
        self.session = session
        self.summerClose = summerClose
      }

      public static let mondayToFriday: UInt8 = 0b0111110
      public static let everyDay: UInt8 = 0b1111111
    }

    /// By the raw value of the exchange.
    private var regular: [Regular?]
    /// What is traded on a day instead of the regular session; an empty list is a day off.
    public internal(set) var exceptions: [Int32: [Exchange: [Session]]] = [:]

    public init() { regular = Array(repeating: nil, count: Exchange.allCases.count) }

    public subscript(exchange: Exchange) -> Regular? {
      get { regular[Int(exchange.rawValue)] }
      set { regular[Int(exchange.rawValue)] = newValue }
    }

    /// Replaces what the exchange trades on one day; an empty list is a day off.
    /// - Throws: when the sessions are not in order or overlap; nothing is changed then.
    public mutating func setSessions(_ sessions: [Session], of exchange: Exchange, on day: Int32) throws(Overlap) {
      for (earlier, later) in zip(sessions, sessions.dropFirst()) where later.open < earlier.close { throw Overlap() }
      exceptions[day, default: [:]][exchange] = sessions
    }

    /// Sessions of one day that overlap or stand in the wrong order.
    public struct Overlap: Error, Sendable {}

    func regularSession(of exchange: Exchange, on day: Int32) -> Session? {
      guard let rule = regular[Int(exchange.rawValue)] else { return nil }
      guard rule.weekdays & (1 << UInt8(ISTTime.weekday(of: day))) != 0 else { return nil }
      guard let summerClose = rule.summerClose, Self.isSummerInUnitedStates(day) else { return rule.session }
      return Session(open: rule.session.open, close: summerClose)
    }

    /// Summer time there runs from the second Sunday of March to the first of November; the sessions that follow it
    /// change on the next trading day.
    static func isSummerInUnitedStates(_ day: Int32) -> Bool {
      let date = CivilDate(day: day)
      guard (3...11).contains(date.month) else { return false }
      if date.month > 3, date.month < 11 { return true }
      let firstOfMonth = day - Int32(date.dayOfMonth - 1)
      let firstSunday = 1 + (7 - ISTTime.weekday(of: firstOfMonth)) % 7
      return date.month == 3 ? date.dayOfMonth >= firstSunday + 7 : date.dayOfMonth < firstSunday
    }

    /// The Indian exchanges as they trade in a week without holidays.
    public static let india: Rules = {
      var rules = Rules()
      func add(_ exchanges: [Exchange], _ open: Int, _ close: Int, summerClose: Int? = nil, weekdays: UInt8? = nil) {
        guard let session = Session(open: open, close: close) else { return }
        for exchange in exchanges {
          rules[exchange] = Regular(
            weekdays: weekdays ?? Regular.mondayToFriday, session: session, summerClose: summerClose)
        }
      }
      add([.nse, .bse, .nseIndex, .bseIndex], 555, 930)
      add([.nfo, .bfo], 555, 940)
      add([.cds, .bcd, .ncdex], 540, 1020)
      add([.mcx, .nco, .mcxIndex], 540, 1435, summerClose: 1410)
      add([.crypto], 0, minutesPerDay, weekdays: Regular.everyDay)
      add([.globalIndex], 0, minutesPerDay)
      return rules
    }()
  }
}
