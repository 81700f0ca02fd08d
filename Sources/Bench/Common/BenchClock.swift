import Market

/// The clock that every time of the bench is taken from.
enum BenchClock {
  @inline(__always) static func now() -> Int64 { SystemClock.monotonicNanos() }
}
