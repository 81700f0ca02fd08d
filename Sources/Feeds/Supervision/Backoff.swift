/// Waiting times between attempts: doubling, capped, with jitter so that many gateways do not return at once. A value;
/// deterministic by its seed.
public struct Backoff: Sendable {
  public static let firstNanos: Int64 = 500_000_000
  public static let mostNanos: Int64 = 60_000_000_000

  private let first: Int64
  private let most: Int64
  /// Since the last reset.
  public private(set) var attempts: Int64 = 0
  private var state: UInt64

  public init(firstNanos: Int64 = firstNanos, mostNanos: Int64 = mostNanos, seed: UInt64) {
    first = firstNanos
    most = mostNanos
    state = seed
  }

  /// The wait before the next attempt: between half of and the full doubled time.
  public mutating func next() -> Int64 {
    let bound = attempts < 30 && first <= most >> attempts ? first << attempts : most
    attempts += 1
    return bound / 2 + Int64(random() % UInt64(max(bound / 2, 1)))
  }

  public mutating func reset() { attempts = 0 }

  private mutating func random() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
