// Result of reading a broker's instrument list: values, made once and handed around freely. One shape for all brokers.

import Market

/// One row of a broker's list in common form.
public struct MasterRow: Sendable {
  /// Common symbol, expiry, strike, lot, tick; `brokerSymbol` is the broker's own.
  public var instrument: Instrument
  /// Broker's exchange code as it stands in the list, e.g. `NSE_FNO`.
  public var brokerExchange: String
  /// `token` of the common symbol table, always text.
  public var token: String
  /// What the feed needs to name it: see `FeedListing`.
  public var segment: UInt8
  public var feedToken: String

  public init(
    instrument: Instrument, brokerExchange: String, token: String, segment: UInt8, feedToken: String
  ) {
    self.instrument = instrument
    self.brokerExchange = brokerExchange
    self.token = token
    self.segment = segment
    self.feedToken = feedToken
  }
}
