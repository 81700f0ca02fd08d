// Dhan v2 binary frames to ticks, single sides of deep books, and events. Owned by one feed loop. Allocates nothing,
// keeps no state between frames; what belongs together but comes in packets of its own (open interest, previous close)
// is laid together by a `TickOverlay`.
// A frame is any number of packets, little-endian. This file walks through the market feed's; the depth feeds, whose
// header is another one, are in an extension.

import Market

/// Decodes frames of one kind of Dhan socket: `begin` with a frame, then `next` until it answers `.end` or `.malformed`.
public struct DhanDecoder: ~Copyable {
  /// Bytes of the market feed's packets by kind. The length in a header is not always right, so it is used only for
  /// kinds that are not known.
  enum PacketBytes {
    static let header = 8
    static let ticker = 16
    static let marketDepth = 112
    static let quote = 50
    static let openInterest = 12
    static let previousClose = 16
    static let full = 162
    static let disconnect = 10
  }

  /// Response codes of the market feed.
  enum Code {
    static let heartbeat: UInt8 = 0
    static let ticker: UInt8 = 2
    /// Of version 1; the layout is not documented.
    static let marketDepth: UInt8 = 3
    static let quote: UInt8 = 4
    static let openInterest: UInt8 = 5
    static let previousClose: UInt8 = 6
    static let marketStatus: UInt8 = 7
    static let full: UInt8 = 8
    static let disconnect: UInt8 = 50
  }

  public internal(set) var counters = DecodeCounters()
  /// What the last `.event` was.
  public internal(set) var event = DhanEvent.none
  /// The packet of the last tick, book or event. Valid as long as the frame is.
  public internal(set) var packet = UnsafeRawBufferPointer(start: nil, count: 0)
  private let map: TokenMap
  private let tokens: TokenTable
  let feed: UInt8
  private let acceptsUnknown: Bool
  let connection: DhanConnection
  var cursor: UnsafeRawPointer?
  var bytesLeft = 0
  var receivedNanos: Int64 = 0
  /// A packet of this frame was dropped for what it holds, while the packets after it could be read.
  private var isDamaged = false

  /// - Parameters:
  ///   - map: keys are segment and security id.
  ///   - feed: written into every tick and book.
  ///   - acceptsUnknown: packets of unknown tokens become ticks of the instrument `TokenMap.absent`, for looking into
  ///     frames; otherwise they are dropped.
  ///   - connection: which socket the frames come from.
  public init(tokens map: TokenMap, feed: UInt8, acceptsUnknown: Bool = false, connection: DhanConnection = .market) {
    self.map = map
    tokens = map.table
    self.feed = feed
    self.acceptsUnknown = acceptsUnknown
    self.connection = connection
  }

  /// Starts a frame, which must stay in place until `next` is done with it. An empty frame is a heartbeat.
  public mutating func begin(_ frame: UnsafeRawBufferPointer, receivedNanos: Int64) {
    cursor = frame.baseAddress
    bytesLeft = frame.count
    self.receivedNanos = receivedNanos
    isDamaged = false
    counters.frames &+= 1
    if frame.isEmpty { counters.heartbeats &+= 1 }
  }

  /// Fills in the tick (market feed) or one side of a book (depth feeds) of the next packet, or sets `event`. Packets of
  /// unknown tokens and kinds are skipped and counted. Only the prefix of the tick that its mode names is written, and
  /// of that only what `presence` says; sequences and the publishing time are left alone. A packet with an impossible
  /// price is dropped; the frame then ends with `.malformed`, after the packets that follow.
  public mutating func next(
    into tick: UnsafeMutablePointer<Tick>, book: UnsafeMutablePointer<DeepBook>
  ) -> DecodeStep {
    connection == .market ? nextTick(into: tick) : nextSide(into: book)
  }

  private mutating func nextTick(into tick: UnsafeMutablePointer<Tick>) -> DecodeStep {
    while bytesLeft > 0, let start = cursor {
      guard bytesLeft >= PacketBytes.header else { return fail() }
      let code = start.byte(0)
      let length = Self.length(of: start, code: code, bytesLeft: bytesLeft)
      guard length >= PacketBytes.header, length <= bytesLeft else { return fail() }
      advance(length)
      switch code {
      case Code.full, Code.quote, Code.ticker, Code.openInterest, Code.previousClose:
        guard let instrument = instrument(segment: start.byte(3), token: start.little32(4)) else { continue }
        guard Self.fill(tick, from: start, code: code) else {
          dropForPrice()
          continue
        }
        tick.pointee.instrument = instrument
        tick.pointee.feed = feed
        tick.pointee.receivedTime = receivedNanos
        packet = UnsafeRawBufferPointer(start: start, count: length)
        counters.ticks &+= 1
        return .tick
      case Code.disconnect: return report(.disconnect(code: start.little16(8)), start, length)
      case Code.marketStatus: return report(.marketStatus(segment: start.byte(3)), start, length)
      case Code.heartbeat: counters.heartbeats &+= 1
      default: counters.unknownKinds &+= 1
      }
    }
    return finish()
  }

  /// Bytes of a packet: fixed for known kinds, else what the header says, which may be anything. A heartbeat without a
  /// length is alone in its frame.
  @inline(__always)
  private static func length(of packet: UnsafeRawPointer, code: UInt8, bytesLeft: Int) -> Int {
    switch code {
    case Code.ticker: return PacketBytes.ticker
    case Code.marketDepth: return PacketBytes.marketDepth
    case Code.quote: return PacketBytes.quote
    case Code.openInterest: return PacketBytes.openInterest
    case Code.previousClose: return PacketBytes.previousClose
    case Code.full: return PacketBytes.full
    case Code.disconnect: return PacketBytes.disconnect
    default:
      let length = Int(packet.little16(1))
      return code == Code.heartbeat && length == 0 ? bytesLeft : length
    }
  }

  // MARK: What both kinds of feed need

  /// Moves on behind a packet that is there as a whole.
  @inline(__always) mutating func advance(_ length: Int) {
    cursor = cursor.map { $0 + length }
    bytesLeft &-= length
  }

  /// Instrument of a packet; nil for a packet to skip.
  @inline(__always) mutating func instrument(segment: UInt8, token: UInt32) -> UInt32? {
    let instrument = tokens.instrument(of: TokenMap.key(segment: segment, token: UInt64(token)))
    if instrument == TokenMap.absent {
      counters.unknownTokens &+= 1
      if !acceptsUnknown { return nil }
    }
    return instrument
  }

  mutating func report(_ event: DhanEvent, _ start: UnsafeRawPointer, _ length: Int) -> DecodeStep {
    self.event = event
    packet = UnsafeRawBufferPointer(start: start, count: length)
    counters.events &+= 1
    return .event
  }

  mutating func dropForPrice() {
    counters.badPrices &+= 1
    if !isDamaged { counters.malformed &+= 1 }
    isDamaged = true
  }

  /// Nothing more can be read in this frame.
  mutating func fail() -> DecodeStep {
    if !isDamaged { counters.malformed &+= 1 }
    isDamaged = false
    bytesLeft = 0
    return .malformed
  }

  /// The frame is used up; whether something in it was bad is told once.
  mutating func finish() -> DecodeStep {
    defer { isDamaged = false }
    return isDamaged ? .malformed : .end
  }
}
