// Upstox market data feed v3 to ticks: every binary frame is one protobuf `FeedResponse`. Owned by one feed loop, which
// pulls tick after tick into memory of its choice. Allocates nothing after it was made and keeps no state between
// frames: a tick holds what its entry said, and parts that the entry left out are absent. Merging them is `TickOverlay`.
// A frame is checked from end to end before its first tick comes out, so a malformed one gives none.

import Market

/// What a frame says beside ticks.
public enum UpstoxEvent: UInt8, Sendable {
  case none
  /// States of the segments: `packet` is a `MarketInfo`, to be read with `UpstoxMarketStatus`.
  case marketStatus
}

/// Decodes Upstox v3 frames: `begin` with a frame, then `next` until it answers `.end` or `.malformed`.
public struct UpstoxDecoder: ~Copyable {
  /// Levels of a side in the deepest mode.
  public static let deepLevels = 30
  /// `frameType` of a frame about the states of segments.
  public static let marketInfoType: Int32 = 2

  public private(set) var counters = DecodeCounters()
  /// What the last `.event` was.
  public private(set) var event = UpstoxEvent.none
  /// Bytes behind the last `.tick` or `.book` (the entry of the map of feeds) or `.event`, while the frame is there.
  public private(set) var packet = UnsafeRawBufferPointer(start: nil, count: 0)
  /// Instrument key of the last `.tick` or `.book`.
  public private(set) var key = UnsafeRawBufferPointer(start: nil, count: 0)
  /// Which parts the entry of the last `.tick` or `.book` had.
  public private(set) var contents = UpstoxContents()
  /// Raw type of the frame: 0 initial, 1 live, 2 market status.
  public private(set) var frameType: Int32 = 0
  /// The server's time of sending, in ms since the epoch; 0 when the frame has none.
  public private(set) var frameMillis: Int64 = 0

  private let map: TextTokenMap
  private let keys: TextTokenTable
  private let feed: UInt8
  private let acceptsUnknown: Bool
  /// For every key of the map, where its last entry in this frame ends: a key that comes again replaces the entry
  /// before. Entries of earlier frames stay, but an entry is only ever compared after this frame has set it.
  private let lastEntries: UnsafeMutablePointer<UInt32>
  private var reader = ProtobufReader(UnsafeRawBufferPointer(start: nil, count: 0))
  private var receivedNanos: Int64 = 0
  /// The frame is malformed, or an entry of it was dropped for what it holds.
  private var isDamaged = false
  private var hasBook = false

  /// - Parameters:
  ///   - feed: written into every tick.
  ///   - acceptsUnknown: entries of unknown keys give ticks of the instrument `TokenMap.absent` instead of being
  ///     dropped, as often as the key comes.
  public init(keys map: TextTokenMap, feed: UInt8, acceptsUnknown: Bool = false) {
    self.map = map
    keys = map.table
    self.feed = feed
    self.acceptsUnknown = acceptsUnknown
    lastEntries = .allocate(capacity: max(map.count, 1))
    lastEntries.initialize(repeating: 0, count: max(map.count, 1))
  }

  deinit { lastEntries.deallocate() }

  /// Starts a frame, which must stay in place until `next` is done with it. An empty one is valid and says nothing.
  public mutating func begin(_ frame: UnsafeRawBufferPointer, receivedNanos: Int64) {
    self.receivedNanos = receivedNanos
    counters.frames &+= 1
    event = .none
    frameType = 0
    frameMillis = 0
    hasBook = false
    isDamaged = false
    if frame.count <= Int(Int32.max), check(frame) {
      reader = ProtobufReader(frame)
    } else {
      reader = ProtobufReader(UnsafeRawBufferPointer(start: nil, count: 0))
      frameType = 0
      frameMillis = 0
      damage()
    }
  }

  /// Fills in the next tick of the frame, or the deep book that belongs to the tick before. Entries of unknown keys are
  /// skipped and counted. Only the prefix of the tick that its mode names is written, and of that only what `presence`
  /// says; sequences and the publishing time are left alone. An entry with an impossible price is dropped; the frame
  /// then ends with `.malformed`, after the entries that follow.
  public mutating func next(
    into tick: UnsafeMutablePointer<Tick>, book: UnsafeMutablePointer<DeepBook>
  ) -> DecodeStep {
    if hasBook {
      hasBook = false
      fill(book)
      return .book
    }
    while reader.next() == .field {
      switch reader.tag {
      case UpstoxTag.Response.feeds:
        packet = reader.bytes
        if fill(tick, entryEnd: reader.offset) { return .tick }
      case UpstoxTag.Response.marketInfo:
        packet = reader.bytes
        event = .marketStatus
        counters.events &+= 1
        return .event
      default: break
      }
    }
    defer { isDamaged = false }
    return isDamaged ? .malformed : .end
  }

  private mutating func damage() {
    if !isDamaged { counters.malformed &+= 1 }
    isDamaged = true
  }

  /// Fills the tick from the entry in `packet`; false when the entry gives none.
  @inline(__always)
  private mutating func fill(_ tick: UnsafeMutablePointer<Tick>, entryEnd: Int) -> Bool {
    key = Self.key(of: packet)
    let number = keys.number(of: key)
    if let number {
      // A later entry of the same key stands for both.
      if lastEntries[number] != UInt32(truncatingIfNeeded: entryEnd) { return false }
    } else if !acceptsUnknown {
      counters.unknownTokens &+= 1
      return false
    }
    var filling = UpstoxFilling(tick)
    filling.entry(packet)
    switch filling.finish() {
    case .nothing: return false
    case .badPrice:
      counters.badPrices &+= 1
      damage()
      return false
    case .good: if filling.hasBadNumber { counters.badNumbers &+= 1 }
    }
    contents = filling.contents
    tick.pointee.instrument = number.map { keys.instrument(at: $0) } ?? TokenMap.absent
    tick.pointee.feed = feed
    tick.pointee.receivedTime = receivedNanos
    hasBook = contents.isDeep
    counters.ticks &+= 1
    return true
  }

  /// Fills the book from the entry in `packet`, which gave the tick before.
  private mutating func fill(_ book: UnsafeMutablePointer<DeepBook>) {
    UpstoxBookFilling.fill(book, from: packet)
    book.pointee.instrument = keys.number(of: key).map { keys.instrument(at: $0) } ?? TokenMap.absent
    book.pointee.feed = feed
    book.pointee.receivedTime = receivedNanos
    counters.books &+= 1
  }

  /// The key of an entry: the last one where it is repeated, empty where there is none.
  @inline(__always)
  static func key(of entry: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    var key = UnsafeRawBufferPointer(start: nil, count: 0)
    var fields = ProtobufReader(entry)
    while fields.next() == .field {
      if fields.tag == UpstoxTag.Entry.key { key = fields.bytes }
    }
    return key
  }

  // MARK: Checking

  /// Whether the frame is well-formed in every message that is known. Notes on the way where the last entry of each
  /// key is, the frame's type and its time.
  private mutating func check(_ frame: UnsafeRawBufferPointer) -> Bool {
    var reader = ProtobufReader(frame)
    var ends = InlineArray<7, Int>(repeating: 0)
    var shapes = InlineArray<7, UpstoxShape>(repeating: .response)
    assert(UpstoxShape.depthMax == 7)
    var depth = 0
    var shape = UpstoxShape.response
    var key = UnsafeRawBufferPointer(start: nil, count: 0)
    while true {
      switch reader.next() {
      case .malformed: return false
      case .end:
        if depth == 0 { return true }
        if shape == .feedEntry {
          if let number = keys.number(of: key) { lastEntries[number] = UInt32(truncatingIfNeeded: reader.end) }
        }
        depth &-= 1
        shape = shapes[depth]
        reader.leave(to: ends[depth])
      case .field:
        if reader.tag & 7 != ProtobufWire.lengthDelimited {
          if shape == .response { note(reader) }
          continue
        }
        let inside = shape.inside(reader.tag)
        if inside == .opaque { continue }
        if inside == .text {
          guard ProtobufReader.isUTF8(reader.bytes) else { return false }
          if shape == .feedEntry { key = reader.bytes }
          continue
        }
        if inside == .feedEntry { key = UnsafeRawBufferPointer(start: nil, count: 0) }
        ends[depth] = reader.end
        shapes[depth] = shape
        depth &+= 1
        shape = inside
        reader.enter()
      }
    }
  }

  @inline(__always)
  private mutating func note(_ reader: ProtobufReader) {
    switch reader.tag {
    case UpstoxTag.Response.type: frameType = reader.signed32
    case UpstoxTag.Response.currentMillis: frameMillis = reader.signed
    default: break
    }
  }
}
