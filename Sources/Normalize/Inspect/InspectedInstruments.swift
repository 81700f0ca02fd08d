// Names for what a frame calls by token. Values, made once.

import Market

/// Instruments of a broker's list, for inspectors. Their ids are the places in this list.
public struct InspectedInstruments: Sendable {
  let listings: [FeedListing]
  private let keys: [InstrumentKey]

  /// No names.
  public init() { self.init(rows: EmptyCollection()) }

  /// The rows of a broker's list.
  public init(rows: some Sequence<MasterRow>) {
    var listings: [FeedListing] = []
    var keys: [InstrumentKey] = []
    for row in rows {
      listings.append(FeedListing(instrument: UInt32(keys.count), segment: row.segment, token: row.feedToken))
      keys.append(row.instrument.key)
    }
    self.listings = listings
    self.keys = keys
  }

  /// Kite's list, whose tokens hold the segment.
  public init(_ master: KiteMaster) {
    keys = master.instruments.map(\.key)
    listings = master.tokens.enumerated().map { FeedListing(instrument: UInt32($0), token: String($1)) }
  }

  /// Nil for a token that was not in the list.
  func key(of instrument: UInt32) -> InstrumentKey? {
    Int(instrument) < keys.count ? keys[Int(instrument)] : nil
  }
}
