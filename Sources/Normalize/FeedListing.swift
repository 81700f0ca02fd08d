// What one feed calls an instrument: the bridge between a broker's list and its decoder. Cold path.

/// An instrument as one feed names it.
public struct FeedListing: Sendable, Hashable {
  /// Dense id of the registry.
  public var instrument: UInt32
  /// The protocol's code of exchange and segment; 0 where the token says it all.
  public var segment: UInt8
  /// The token as the protocol writes it: a decimal number, or Upstox's instrument key.
  public var token: String

  public init(instrument: UInt32, segment: UInt8 = 0, token: String) {
    self.instrument = instrument
    self.segment = segment
    self.token = token
  }
}

extension TokenMap {
  /// The map of a protocol whose tokens are numbers. Tokens that are not canonical decimals cannot come over the wire
  /// as numbers and are left out.
  /// - Parameter withSegment: whether the segment is part of the key, because tokens repeat across segments.
  public convenience init(_ listings: some Sequence<FeedListing>, withSegment: Bool) {
    self.init(
      listings.compactMap { listing in
        guard let token = UInt64(listing.token), token < Self.tokenMax, listing.token.first != "0" || token == 0
        else { return nil }
        let key = withSegment ? Self.key(segment: listing.segment, token: token) : token
        return Entry(token: key, instrument: listing.instrument)
      })
  }
}
