// What a decoder saw, for metrics. Plain numbers: the feed loop owns the decoder and publishes copies.

/// Counts of one decoder since it was made.
public struct DecodeCounters: Sendable, BitwiseCopyable, Equatable {
  public var frames: UInt64 = 0
  public var heartbeats: UInt64 = 0
  public var ticks: UInt64 = 0
  /// Packets of instruments that are not in the token map.
  public var unknownTokens: UInt64 = 0
  /// Packets of a length that the protocol does not name; skipped.
  public var unknownLengths: UInt64 = 0
  /// Frames that end inside a packet.
  public var malformed: UInt64 = 0

  public init() {}
}
