// Close codes (RFC 6455 §7.4) and the value that says which rule a peer broke.
// Pure values; any thread; nothing allocates.

/// Close codes that we send ourselves, and the rule which codes may stand in a close frame at all.
public enum CloseCode {
  /// The purpose of the connection is fulfilled.
  public static let normal: UInt16 = 1000
  /// The server stops, or the page is left.
  public static let goingAway: UInt16 = 1001
  /// The peer broke a rule of the protocol.
  public static let protocolError: UInt16 = 1002
  /// Text, or the reason of a close frame, was not UTF-8.
  public static let invalidPayload: UInt16 = 1007
  /// A rule of this endpoint was broken and no other code fits.
  public static let policyViolation: UInt16 = 1008
  /// A message is larger than we take.
  public static let messageTooBig: UInt16 = 1009
  /// We cannot go on: here, a peer that shows no life.
  public static let internalError: UInt16 = 1011

  /// Whether a close frame may carry `code`. 1004-1006 and 1015 are reserved for use inside an endpoint; 1012-1014
  /// are registered but not part of the RFC and are refused like everything unassigned below 3000.
  @inlinable public static func isValidOnWire(_ code: UInt16) -> Bool {
    switch code {
    case 1000...1003, 1007...1011, 3000...4999: true
    default: false
    }
  }
}

/// A rule that the peer broke: the code to close with, and a short English reason that fits a close frame.
public struct Violation: Sendable, BitwiseCopyable {
  public let code: UInt16
  public let reason: StaticString

  @inlinable public init(code: UInt16, reason: StaticString) {
    self.code = code
    self.reason = reason
  }

  @inlinable static func `protocol`(_ reason: StaticString) -> Violation {
    Violation(code: CloseCode.protocolError, reason: reason)
  }
}
