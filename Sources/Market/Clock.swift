import Glibc
import Synchronization

/// Where time comes from. Nothing that decides reads a clock by itself: it is handed one, or a time.
public protocol WallClock: Sendable {
  /// Nanoseconds since the Unix epoch, UTC.
  func nowNanos() -> Int64
}

/// The machine's clock.
public struct SystemClock: WallClock {
  @inlinable public init() {}

  @inlinable public func nowNanos() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
  }

  /// For intervals: never steps back.
  @inlinable public static func monotonicNanos() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
  }
}

/// A clock that tests set.
public final class ManualClock: WallClock {
  private let now: Atomic<Int64>

  public init(nanos: Int64 = 0) { now = Atomic(nanos) }

  public func nowNanos() -> Int64 { now.load(ordering: .relaxed) }
  public func set(nanos: Int64) { now.store(nanos, ordering: .relaxed) }
  public func advance(nanos: Int64) { now.add(nanos, ordering: .relaxed) }
}
