import Glibc

/// SplitMix64 for randomised tests. Every such test says its seed when it fails; `TICKGATE_SEED` repeats a run.
public struct SeededGenerator: RandomNumberGenerator, Sendable {
  public let seed: UInt64
  private var state: UInt64

  /// With the seed of the environment, or a fresh one.
  public init() { self.init(seed: Self.chosenSeed()) }

  public init(seed: UInt64) {
    self.seed = seed
    state = seed
  }

  /// The seed of this run: from the environment, or new.
  public static func chosenSeed() -> UInt64 {
    getenv("TICKGATE_SEED").flatMap { UInt64(String(cString: $0)) } ?? UInt64.random(in: 0 ... .max)
  }

  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
    return value ^ value >> 31
  }
}
