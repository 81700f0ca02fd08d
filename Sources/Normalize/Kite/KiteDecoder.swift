// Kite ticker v3 binary frames to ticks (Zerodha). Owned by one feed loop, which pulls tick after tick into memory
// of its choice. Allocates nothing, keeps no state between frames: every packet is complete for its mode.
// A frame is a packet count, then per packet a length and that many bytes; all integers are big-endian.

import Market

/// Decodes Kite frames: `begin` with a frame, then `next` until it answers something else than `.tick`.
public struct KiteDecoder: ~Copyable {
  /// Bytes of a packet by kind; the kind is known by the length alone.
  enum PacketBytes {
    static let ltp = 8
    static let indexQuote = 28
    static let indexFull = 32
    static let quote = 44
    static let full = 184
  }

  public private(set) var counters = DecodeCounters()
  private let map: TokenMap
  private let tokens: TokenTable
  private let feed: UInt8
  private let acceptsUnknown: Bool
  private var cursor: UnsafeRawPointer?
  private var bytesLeft = 0
  private var packetsLeft = 0
  private var packetBytes = 0
  private var receivedNanos: Int64 = 0

  /// - Parameters:
  ///   - feed: written into every tick.
  ///   - acceptsUnknown: packets of unknown tokens become ticks of the instrument `TokenMap.absent`, for looking into
  ///     frames; otherwise they are dropped.
  public init(tokens map: TokenMap, feed: UInt8, acceptsUnknown: Bool = false) {
    self.map = map
    tokens = map.table
    self.feed = feed
    self.acceptsUnknown = acceptsUnknown
  }

  /// The packet of the last tick, without its length. Valid as long as the frame is.
  public var packet: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: cursor.map { $0 - packetBytes }, count: packetBytes)
  }

  /// Starts a frame, which must stay in place until `next` is done with it. A frame of fewer than two bytes is a
  /// heartbeat and holds no tick.
  public mutating func begin(_ frame: UnsafeRawBufferPointer, receivedNanos: Int64) {
    self.receivedNanos = receivedNanos
    counters.frames &+= 1
    guard let base = frame.baseAddress, frame.count >= 2 else {
      counters.heartbeats &+= 1
      cursor = nil
      packetsLeft = 0
      packetBytes = 0
      bytesLeft = 0
      return
    }
    packetsLeft = Int(base.bigEndian16(0))
    packetBytes = 0
    cursor = base + 2
    bytesLeft = frame.count - 2
  }

  /// Fills in the next tick of the frame. Packets of unknown tokens or lengths are skipped and counted. Only the
  /// prefix of the tick that its mode names is written; sequences and the publishing time are left alone.
  public mutating func next(into tick: UnsafeMutablePointer<Tick>) -> DecodeStep {
    guard var position = cursor else { return .end }
    while packetsLeft > 0 {
      guard bytesLeft >= 2 else { return fail() }
      let length = Int(position.bigEndian16(0))
      guard bytesLeft &- 2 >= length else { return fail() }
      let packet = position + 2
      position = packet + length
      cursor = position
      packetBytes = length
      bytesLeft &-= 2 &+ length
      packetsLeft &-= 1
      // The packet after the next, if all are of one length; if not, nothing is lost but the hint.
      if bytesLeft >= length &+ 8 { tokens.prefetch(UInt64(position.bigEndian32(length &+ 4))) }
      guard Self.isKnown(length: length) else {
        counters.unknownLengths &+= 1
        continue
      }
      let token = packet.bigEndian32(0)
      let instrument = tokens.instrument(of: UInt64(token))
      if instrument == TokenMap.absent {
        counters.unknownTokens &+= 1
        if !acceptsUnknown { continue }
      }
      tick.pointee.instrument = instrument
      tick.pointee.feed = feed
      tick.pointee.receivedTime = receivedNanos
      Self.fill(tick, from: packet, length: length, unit: KiteSegment.unit(ofToken: token))
      counters.ticks &+= 1
      return .tick
    }
    // Bytes after the last packet mean nothing; they are left unread.
    return .end
  }

  private mutating func fail() -> DecodeStep {
    counters.malformed &+= 1
    packetsLeft = 0
    return .malformed
  }

  @inline(__always) private static func isKnown(length: Int) -> Bool {
    switch length {
    case PacketBytes.ltp, PacketBytes.quote, PacketBytes.full, PacketBytes.indexQuote, PacketBytes.indexFull: true
    default: false
    }
  }
}

/// The segment of a Kite token is its low byte; it decides the unit of prices.
enum KiteSegment {
  static let cds: UInt8 = 3
  static let bcd: UInt8 = 6
  static let indices: UInt8 = 9
  static let nco: UInt8 = 12

  /// 1e-8 price units per unit on the wire: divisor 1e7 for currency of NSE, 1e4 for BSE currency and NSE
  /// commodities, 100 (paise) for everything else.
  @inline(__always) static func unit(ofToken token: UInt32) -> Int64 {
    let segment = UInt8(truncatingIfNeeded: token)
    if segment == cds { return Price.scale / 10_000_000 }
    return segment == bcd || segment == nco ? Price.scale / 10_000 : Price.scale / 100
  }
}
