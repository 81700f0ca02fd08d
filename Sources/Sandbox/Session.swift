import Market

// The trading session of the paper exchange: the day that begins at the boundary (03:00 IST), not at midnight. What
// was realised "today" is stored together with its session, so it ends by itself when another session begins.

extension Rules {
  /// Session that a time belongs to: the IST day (since 1970-01-01) on which it began.
  public func session(at now: Int64) -> Int32 {
    ISTTime(epochNanos: now - Int64(sessionBoundaryMinute) * 60_000_000_000).day
  }

  /// First nanosecond of the session that `now` is in.
  public func sessionStart(at now: Int64) -> Int64 {
    ISTTime.epochNanos(day: session(at: now), minuteOfDay: sessionBoundaryMinute)
  }
}
