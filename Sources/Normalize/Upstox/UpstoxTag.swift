// Field numbers of Upstox's market data feed v3 (`MarketDataFeedV3.proto`), and which fields hold messages of their own.
// Constants and one pure function.

/// Tags as they stand on the wire: number and wire type.
enum UpstoxTag {
  @inline(__always) private static func varint(_ number: UInt32) -> UInt32 {
    ProtobufWire.tag(number, ProtobufWire.varint)
  }
  @inline(__always) private static func double(_ number: UInt32) -> UInt32 {
    ProtobufWire.tag(number, ProtobufWire.fixed64)
  }
  @inline(__always) private static func bytes(_ number: UInt32) -> UInt32 {
    ProtobufWire.tag(number, ProtobufWire.lengthDelimited)
  }

  enum Response {
    @inline(__always) static var type: UInt32 { varint(1) }
    @inline(__always) static var feeds: UInt32 { bytes(2) }
    @inline(__always) static var currentMillis: UInt32 { varint(3) }
    @inline(__always) static var marketInfo: UInt32 { bytes(4) }
  }

  /// An entry of any of the maps.
  enum Entry {
    @inline(__always) static var key: UInt32 { bytes(1) }
    @inline(__always) static var value: UInt32 { bytes(2) }
    @inline(__always) static var status: UInt32 { varint(2) }
  }

  enum Feed {
    @inline(__always) static var ltpc: UInt32 { bytes(1) }
    @inline(__always) static var full: UInt32 { bytes(2) }
    @inline(__always) static var firstLevel: UInt32 { bytes(3) }
    @inline(__always) static var requestMode: UInt32 { varint(4) }
  }

  enum LTPC {
    @inline(__always) static var lastPrice: UInt32 { double(1) }
    @inline(__always) static var lastTradeMillis: UInt32 { varint(2) }
    @inline(__always) static var lastQuantity: UInt32 { varint(3) }
    @inline(__always) static var close: UInt32 { double(4) }
    @inline(__always) static var equilibrium: UInt32 { bytes(5) }
  }

  enum Full {
    @inline(__always) static var market: UInt32 { bytes(1) }
    @inline(__always) static var index: UInt32 { bytes(2) }
  }

  enum Market {
    @inline(__always) static var ltpc: UInt32 { bytes(1) }
    @inline(__always) static var level: UInt32 { bytes(2) }
    @inline(__always) static var greeks: UInt32 { bytes(3) }
    @inline(__always) static var candles: UInt32 { bytes(4) }
    @inline(__always) static var averagePrice: UInt32 { double(5) }
    @inline(__always) static var volume: UInt32 { varint(6) }
    @inline(__always) static var openInterest: UInt32 { double(7) }
    @inline(__always) static var totalBuy: UInt32 { double(9) }
    @inline(__always) static var totalSell: UInt32 { double(10) }
  }

  enum Index {
    @inline(__always) static var ltpc: UInt32 { bytes(1) }
    @inline(__always) static var candles: UInt32 { bytes(2) }
  }

  enum FirstLevel {
    @inline(__always) static var ltpc: UInt32 { bytes(1) }
    @inline(__always) static var quote: UInt32 { bytes(2) }
    @inline(__always) static var greeks: UInt32 { bytes(3) }
    @inline(__always) static var volume: UInt32 { varint(4) }
    @inline(__always) static var openInterest: UInt32 { double(5) }
  }

  enum Quote {
    @inline(__always) static var bidQuantity: UInt32 { varint(1) }
    @inline(__always) static var bidPrice: UInt32 { double(2) }
    @inline(__always) static var askQuantity: UInt32 { varint(3) }
    @inline(__always) static var askPrice: UInt32 { double(4) }
  }

  enum Candle {
    @inline(__always) static var interval: UInt32 { bytes(1) }
    @inline(__always) static var open: UInt32 { double(2) }
    @inline(__always) static var high: UInt32 { double(3) }
    @inline(__always) static var low: UInt32 { double(4) }
  }

  /// The one element of `MarketLevel` and of `MarketOHLC`.
  @inline(__always) static var element: UInt32 { bytes(1) }

  enum MarketInfo {
    @inline(__always) static var segments: UInt32 { bytes(1) }
    @inline(__always) static var closingSessions: UInt32 { bytes(2) }
    @inline(__always) static var openingSessions: UInt32 { bytes(3) }
  }

  @inline(__always) static var statusText: UInt32 { bytes(1) }
}

/// What stands inside a length-delimited field.
enum UpstoxShape: UInt8 {
  /// Fields without a meaning here, or none at all: skipped.
  case opaque
  /// A `string`, which must be UTF-8.
  case text
  // Messages. Those without fields that hold more are all `leaf`.
  case leaf
  case response, feedEntry, feed, ltpc, full, market, index, firstLevel
  case levels, candles, candle
  case marketInfo, segmentEntry, sessionEntry, session

  /// Messages inside one another, at most: response, entry, feed, full, market, candles, candle.
  static var depthMax: Int { 7 }

  /// Shape of a length-delimited field with this tag inside a message of this shape.
  @inline(__always)
  func inside(_ tag: UInt32) -> UpstoxShape {
    switch self {
    case .levels: tag == UpstoxTag.element ? .leaf : .opaque
    case .candles: tag == UpstoxTag.element ? .candle : .opaque
    case .ltpc: tag == UpstoxTag.LTPC.equilibrium ? .leaf : .opaque
    case .candle: tag == UpstoxTag.Candle.interval ? .text : .opaque
    case .response:
      tag == UpstoxTag.Response.feeds ? .feedEntry : tag == UpstoxTag.Response.marketInfo ? .marketInfo : .opaque
    case .feedEntry: tag == UpstoxTag.Entry.key ? .text : tag == UpstoxTag.Entry.value ? .feed : .opaque
    case .feed:
      switch tag {
      case UpstoxTag.Feed.ltpc: .ltpc
      case UpstoxTag.Feed.full: .full
      case UpstoxTag.Feed.firstLevel: .firstLevel
      default: .opaque
      }
    case .full: tag == UpstoxTag.Full.market ? .market : tag == UpstoxTag.Full.index ? .index : .opaque
    case .market:
      switch tag {
      case UpstoxTag.Market.ltpc: .ltpc
      case UpstoxTag.Market.level: .levels
      case UpstoxTag.Market.greeks: .leaf
      case UpstoxTag.Market.candles: .candles
      default: .opaque
      }
    case .index: tag == UpstoxTag.Index.ltpc ? .ltpc : tag == UpstoxTag.Index.candles ? .candles : .opaque
    case .firstLevel:
      switch tag {
      case UpstoxTag.FirstLevel.ltpc: .ltpc
      case UpstoxTag.FirstLevel.quote, UpstoxTag.FirstLevel.greeks: .leaf
      default: .opaque
      }
    case .marketInfo:
      switch tag {
      case UpstoxTag.MarketInfo.segments: .segmentEntry
      case UpstoxTag.MarketInfo.closingSessions, UpstoxTag.MarketInfo.openingSessions: .sessionEntry
      default: .opaque
      }
    case .segmentEntry: tag == UpstoxTag.Entry.key ? .text : .opaque
    case .sessionEntry: tag == UpstoxTag.Entry.key ? .text : tag == UpstoxTag.Entry.value ? .session : .opaque
    case .session: tag == UpstoxTag.statusText ? .text : .opaque
    case .leaf, .opaque, .text: .opaque
    }
  }
}
