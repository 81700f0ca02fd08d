// What the parts of the Dhan feed are called. Values, used on the feed loop.

/// What a Dhan socket carries: the layouts of its packets depend on it.
public enum DhanConnection: UInt8, Sendable, CaseIterable {
  /// Ticker, quote, full with five levels, open interest, previous close.
  case market
  /// 20 levels a side.
  case depth20
  /// Up to 200 levels a side.
  case depth200
}

/// A packet that is no market data.
public enum DhanEvent: Sendable, BitwiseCopyable, Equatable {
  /// Nothing yet.
  case none
  /// The server is about to close. 800...814 are documented reasons, see `DhanDisconnect`.
  case disconnect(code: UInt16)
  /// A market opened or closed; the protocol does not say which.
  case marketStatus(segment: UInt8)
}

/// Documented reasons of a disconnect.
public enum DhanDisconnect: UInt16, Sendable, CaseIterable {
  case internalError = 800
  case instrumentLimit = 804
  case tooManyConnections = 805
  case notSubscribed = 806
  case tokenExpired = 807
  case authenticationFailed = 808
  case tokenInvalid = 809
  case clientInvalid = 810
  case invalidExpiry = 811
  case invalidDate = 812
  case invalidSecurity = 813
  case invalidRequest = 814

  /// Whether a connection with the same credentials would be refused again, or close another one of ours.
  public var needsOtherCredentials: Bool { (805...810).contains(rawValue) }
}
