/// Frames and packets of a feed that no tick could be made of, by reason.
public struct FeedRejections: Sendable, Equatable {
  /// Frames that are malformed, in whole or in part.
  public var malformed: UInt64 = 0
  /// Packets of these with a price that is no number or cannot be.
  public var badPrices: UInt64 = 0
  /// And with more rows than there can be.
  public var badCounts: UInt64 = 0
  /// Of an instrument that is in no list.
  public var unknownTokens: UInt64 = 0
  /// Of a length or kind that the protocol does not name.
  public var unknownKinds: UInt64 = 0
  /// A quantity or time that cannot be: the tick comes without it, so it is no part of the total.
  public var badNumbers: UInt64 = 0

  public init() {}

  public var total: UInt64 { malformed &+ unknownTokens &+ unknownKinds }

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
