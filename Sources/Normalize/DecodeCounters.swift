// What a decoder saw, for metrics. Plain numbers: the feed loop owns the decoder and publishes copies.

/// Counts of one decoder since it was made.
public struct DecodeCounters: Sendable, BitwiseCopyable, Equatable {
  public var frames: UInt64 = 0
  public var heartbeats: UInt64 = 0
  public var ticks: UInt64 = 0
  /// Deep books, or single sides of them.
  public var books: UInt64 = 0
  /// Packets that are no market data but mean something: disconnect, market status.
  public var events: UInt64 = 0
  /// Packets of instruments that are not in the token map.
  public var unknownTokens: UInt64 = 0
  /// Packets of a length that the protocol does not name; skipped.
  public var unknownLengths: UInt64 = 0
  /// Packets of a kind that the decoder does not know; skipped by the length that they state.
  public var unknownKinds: UInt64 = 0
  /// Frames that are malformed, in whole or in part: every reason below, frames that end inside a packet, and packets
  /// that state impossible lengths.
  public var malformed: UInt64 = 0
  /// Packets dropped for a price that is no number, below zero where that cannot be, or beyond the range of a price.
  public var badPrices: UInt64 = 0
  /// Packets that state more rows than their kind can have.
  public var badCounts: UInt64 = 0
  /// Packets with a quantity or a time that cannot be: the tick comes without that field. No reason for `malformed`.
  public var badNumbers: UInt64 = 0

  public init() {}

  /// Frames and packets that no tick could be made of.
  public var rejected: UInt64 { malformed &+ unknownTokens &+ unknownLengths &+ unknownKinds }
}
