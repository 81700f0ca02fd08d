// What the decoder says about an entry beside the tick, for whoever looks closer. Trivial values.

import Market

/// Which parts an entry had.
public struct UpstoxContents: Sendable, BitwiseCopyable, Equatable {
  /// Branch of the message that holds the fields.
  public enum Kind: UInt8, Sendable, BitwiseCopyable {
    case none, ltpc
    /// Upstox's `full` of an instrument that trades, with 5 or 30 levels.
    case market
    case index, optionGreeks
  }

  public var kind = Kind.none
  /// Raw mode that was asked for: 0 ltpc, 1 full with 5 levels, 2 option_greeks, 3 full with 30 levels.
  public var requestMode: Int32 = 0
  public var hasTrade = false
  /// Whether there was a book, be it empty, or a first level.
  public var hasLevels = false
  /// Levels of the book on the wire, also beyond those that are kept.
  public var levelCount = 0

  public init() {}

  @inline(__always) static var deepMode: Int32 { 3 }

  /// Whether a deep book follows the tick.
  @inline(__always) public var isDeep: Bool {
    kind == .market && hasLevels && (requestMode == Self.deepMode || levelCount > Tick.depthLevels)
  }
}
