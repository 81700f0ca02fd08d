/// When exchanges trade, and when intraday positions must end. A value, handed to whoever needs it; the simulated
/// exchange's is always open.
public struct SessionCalendar: Sendable {
  /// Minutes of the IST day.
  public struct Session: Sendable, Equatable {
    public var open: Int
    public var close: Int
  }

  private let isAlwaysOpen: Bool

  /// Never closes, and has no square-off time.
  public static let alwaysOpen = SessionCalendar(isAlwaysOpen: true)
  /// Regular sessions of the Indian exchanges, Monday to Friday.
  public static let india = SessionCalendar(isAlwaysOpen: false)

  public func session(of exchange: Exchange) -> Session {
    if isAlwaysOpen { return Session(open: 0, close: 1440) }
    switch exchange {
    case .nse, .bse, .nseIndex, .bseIndex: return Session(open: 555, close: 930)
    case .nfo, .bfo: return Session(open: 555, close: 940)
    case .cds, .bcd, .ncdex: return Session(open: 540, close: 1020)
    case .mcx, .nco, .mcxIndex: return Session(open: 540, close: 1435)
    case .globalIndex, .crypto: return Session(open: 0, close: 1440)
    }
  }

  public func isOpen(_ exchange: Exchange, at nanos: Int64) -> Bool {
    if isAlwaysOpen { return true }
    let time = ISTTime(epochNanos: nanos)
    let roundTheClock = exchange == .crypto || exchange == .globalIndex
    if !roundTheClock, time.weekday == 0 || time.weekday == 6 { return false }
    let session = session(of: exchange)
    return time.minuteOfDay >= session.open && time.minuteOfDay < session.close
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
