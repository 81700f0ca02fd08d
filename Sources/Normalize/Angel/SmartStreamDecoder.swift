// Angel One SmartStream (WebSocket 2.0) frames to ticks and 20-level books. Owned by one feed loop. Allocates nothing,
// keeps no state between frames: every packet is complete for its mode.
// A binary frame is one packet, little-endian; its first byte is the subscription mode, which fixes its length. Text
// frames (`pong`, errors) are the session's business.

import Market

/// Decodes SmartStream frames: `begin` with a frame, then `next` until it answers `.end` or `.malformed`.
public struct SmartStreamDecoder: ~Copyable {
  /// Bytes of a packet by mode; a longer frame has a tail that means nothing.
  enum PacketBytes {
    static let ltp = 51
    static let quote = 123
    static let snapQuote = 379
    static let depth = 443
  }

  public private(set) var counters = DecodeCounters()
  private let map: TokenMap
  private let tokens: TokenTable
  private let feed: UInt8
  private let acceptsUnknown: Bool
  private var frame = UnsafeRawBufferPointer(start: nil, count: 0)
  private var packetBytes = 0
  private var isPending = false
  private var receivedNanos: Int64 = 0

  /// - Parameters:
  ///   - map: keys are exchange type and token.
  ///   - feed: written into every tick and book.
  ///   - acceptsUnknown: packets of unknown tokens become ticks of the instrument `TokenMap.absent`, for looking into
  ///     frames; otherwise they are dropped.
  public init(tokens map: TokenMap, feed: UInt8, acceptsUnknown: Bool = false) {
    self.map = map
    tokens = map.table
    self.feed = feed
    self.acceptsUnknown = acceptsUnknown
  }

  /// The packet of the last tick or book, without a tail. Valid as long as the frame is.
  public var packet: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: frame[..<packetBytes]) }

  /// Starts a frame, which must stay in place until `next` is done with it. An empty frame is a heartbeat.
  public mutating func begin(_ frame: UnsafeRawBufferPointer, receivedNanos: Int64) {
    self.frame = frame
    self.receivedNanos = receivedNanos
    packetBytes = 0
    isPending = !frame.isEmpty
    counters.frames &+= 1
    if frame.isEmpty { counters.heartbeats &+= 1 }
  }

  /// Fills in the tick of modes 1 to 3 or the book of mode 4. A packet of an unknown token is skipped and counted. Only
  /// the prefix of the tick that its mode names is written, and only the levels that the book has; sequences and the
  /// publishing time are left alone.
  public mutating func next(
    into tick: UnsafeMutablePointer<Tick>, book: UnsafeMutablePointer<DeepBook>
  ) -> DecodeStep {
    guard isPending, let packet = frame.baseAddress else { return .end }
    isPending = false
    guard let length = Self.length(ofMode: packet.byte(0)), frame.count >= length else { return fail() }
    let segment = packet.byte(1)
    var instrument = TokenMap.absent
    if let token = Self.token(packet + 2) {
      instrument = tokens.instrument(of: TokenMap.key(segment: segment, token: token))
    }
    if instrument == TokenMap.absent {
      counters.unknownTokens &+= 1
      if !acceptsUnknown { return .end }
    }
    packetBytes = length
    let unit = Self.unit(ofSegment: segment)
    if length == PacketBytes.depth {
      Self.fill(book, from: packet, unit: unit)
      book.pointee.instrument = instrument
      book.pointee.feed = feed
      book.pointee.receivedTime = receivedNanos
      counters.books &+= 1
      return .book
    }
    guard Self.fill(tick, from: packet, length: length, unit: unit) else { return failPrice() }
    tick.pointee.instrument = instrument
    tick.pointee.feed = feed
    tick.pointee.receivedTime = receivedNanos
    counters.ticks &+= 1
    return .tick
  }

  private mutating func fail() -> DecodeStep {
    counters.malformed &+= 1
    return .malformed
  }

  private mutating func failPrice() -> DecodeStep {
    counters.badPrices &+= 1
    packetBytes = 0
    return fail()
  }

  @inline(__always) private static func length(ofMode mode: UInt8) -> Int? {
    switch mode {
    case 1: PacketBytes.ltp
    case 2: PacketBytes.quote
    case 3: PacketBytes.snapQuote
    case 4: PacketBytes.depth
    default: nil
    }
  }

  /// 1e-8 price units per unit on the wire: divisor 1e7 for currency (13), 100 (paise) for everything else.
  @inline(__always) static func unit(ofSegment segment: UInt8) -> Int64 {
    segment == 13 ? Price.scale / 10_000_000 : Price.scale / 100
  }

  /// Tokens are text of at most 25 bytes that a zero may end. Nil for what is no decimal number in its only form, which
  /// the token map cannot hold either.
  @inline(__always) private static func token(_ text: UnsafeRawPointer) -> UInt64? {
    var value: UInt64 = 0
    var count = 0
    while count < 25 {
      let digit = text.byte(count) &- UInt8(ascii: "0")
      guard digit <= 9 else {
        guard text.byte(count) == 0 else { return nil }
        break
      }
      // Also before it could overflow: 2^56 is far from 2^64 by more than a digit.
      guard value < TokenMap.tokenMax / 10 else { return nil }
      value = value &* 10 &+ UInt64(digit)
      count &+= 1
    }
    guard count == 1 || (count > 0 && text.byte(0) != UInt8(ascii: "0")) else { return nil }
    return value
  }
}
