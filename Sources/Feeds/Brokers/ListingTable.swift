import Normalize

/// What a feed calls its instruments, by dense id. Immutable, shared by the sockets of a feed; cold path.
public final class ListingTable: Sendable {
  private let listings: [UInt32: FeedListing]

  /// Of several listings of an instrument the first stays.
  public init(_ listings: [FeedListing]) {
    self.listings = Dictionary(listings.map { ($0.instrument, $0) }) { first, _ in first }
  }

  public subscript(instrument: UInt32) -> FeedListing? { listings[instrument] }
  public var count: Int { listings.count }
  public var all: some Collection<FeedListing> { listings.values }
}
