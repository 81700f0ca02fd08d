// Pseudo-random numbers that are the same on every machine for the same seed. Values; no shared state.

/// SplitMix64: small, fast, and good from any seed, so that each instrument can have a generator of its own.
struct SeededGenerator: RandomNumberGenerator, BitwiseCopyable {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  @inline(__always) mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z &>> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z &>> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z &>> 31)
  }

  /// Below `bound`, by multiplication instead of division; the bias is one in 2^32.
  @inline(__always) mutating func below(_ bound: UInt32) -> UInt32 {
    Self.below(bound, bits: UInt32(truncatingIfNeeded: next() &>> 32))
  }

  /// The same from 32 given random bits.
  @inline(__always) static func below(_ bound: UInt32, bits: UInt32) -> UInt32 {
    UInt32(truncatingIfNeeded: (UInt64(bits) &* UInt64(bound)) &>> 32)
  }
}
