// A book of more levels than travel in a tick (20, 50, 200), as some feeds send it on sockets of their own. Fixed
// layout, no reference inside, 6,464 bytes: made once per decoder, filled and handed on by pointer only.
// Layout and size are asserted in Tests/MarketTests.

/// Sides of a book that an update carries.
public struct BookSides: OptionSet, Sendable, BitwiseCopyable {
  public let rawValue: UInt8
  @inlinable @inline(__always) public init(rawValue: UInt8) { self.rawValue = rawValue }

  @inlinable public static var bids: BookSides { BookSides(rawValue: 1) }
  @inlinable public static var asks: BookSides { BookSides(rawValue: 2) }
}

/// Depth of one instrument beyond five levels. Prices in 1e-8 units, best first, times in nanoseconds since the epoch.
public struct DeepBook: Sendable, BitwiseCopyable {
  /// Most levels of a side that any feed sends.
  public static let levelsMax = 200

  public var instrument: UInt32
  public var feed: UInt8
  /// Raw value of the `BookSides` that this update brings. The other side has no levels, and means nothing.
  public var sides: UInt8
  /// Levels of a side that the feed promises: 20, 50 or 200.
  public var capacity: UInt16
  public var bidLevels: UInt16
  public var askLevels: UInt16
  public var reserved: UInt32
  /// Books of this instrument since the gateway's epoch, from 1. Set by the sequencer.
  public var sequence: UInt64
  public var receivedTime: Int64
  /// 0 when the feed sent none.
  public var exchangeTime: Int64
  public var publishedTime: Int64
  public var reserved2: Int64
  public var bids: InlineArray<200, DepthLevel>
  public var asks: InlineArray<200, DepthLevel>

  @inlinable public init() {
    instrument = 0
    feed = 0
    sides = 0
    capacity = 0
    bidLevels = 0
    askLevels = 0
    reserved = 0
    sequence = 0
    receivedTime = 0
    exchangeTime = 0
    publishedTime = 0
    reserved2 = 0
    bids = .init(repeating: DepthLevel())
    asks = .init(repeating: DepthLevel())
  }
}
