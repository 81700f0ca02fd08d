/// Frames and packets of a feed that no tick could be made of, by reason; of the last, a field is missing.
public struct FeedRejections: Sendable, Equatable {
  /// Frames that end inside a packet, state impossible lengths, or are nothing that the protocol knows.
  public var malformed: UInt64 = 0
  /// A price that is no number or cannot be.
  public var badPrices: UInt64 = 0
  /// More rows than there can be.
  public var badCounts: UInt64 = 0
  /// Of an instrument that is in no list.
  public var unknownTokens: UInt64 = 0
  /// Of a length or kind that the protocol does not name.
  public var unknownKinds: UInt64 = 0
  /// A quantity or time that cannot be: the tick comes without it.
  public var badNumbers: UInt64 = 0

  public init() {}

  public var total: UInt64 { reasons.reduce(0) { $0 &+ $1.count } }

  /// Every reason under its name in messages.
  public var reasons: [(name: String, count: UInt64)] {
    [
      ("malformed", malformed), ("bad_prices", badPrices), ("bad_counts", badCounts),
      ("unknown_tokens", unknownTokens), ("unknown_kinds", unknownKinds), ("bad_numbers", badNumbers),
    ]
  }

  /// What has come since an earlier count.
  public func since(_ earlier: FeedRejections) -> FeedRejections {
    var new = self
    new.malformed &-= earlier.malformed
    new.badPrices &-= earlier.badPrices
    new.badCounts &-= earlier.badCounts
    new.unknownTokens &-= earlier.unknownTokens
    new.unknownKinds &-= earlier.unknownKinds
    new.badNumbers &-= earlier.badNumbers
    return new
  }
}
