// Names for what a frame calls by token. Values, made once.

import Market

/// Instruments of a broker's list, for inspectors. Their ids are the places in this list.
public struct InspectedInstruments: Sendable {
  let listings: [FeedListing]
  private let keys: [InstrumentKey]

  /// No names.
  public init() { self.init(rows: EmptyCollection()) }

  /// The rows of a broker's list. Those that its feed does not carry are never met.
  public init(rows: some Sequence<MasterRow>) {
    var listings: [FeedListing] = []
    var keys: [InstrumentKey] = []
    for row in rows where !row.feedToken.isEmpty {
      listings.append(FeedListing(instrument: UInt32(keys.count), segment: row.segment, token: row.feedToken))
      keys.append(row.instrument.key)
    }
    self.listings = listings
    self.keys = keys
  }

  /// Nil for a token that was not in the list.
  func key(of instrument: UInt32) -> InstrumentKey? {
    Int(instrument) < keys.count ? keys[Int(instrument)] : nil
  }
}
