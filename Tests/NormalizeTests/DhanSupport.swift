// Runs whole frames through a Dhan decoder, and makes packets.

import Market
import Normalize

struct DhanRun {
  var updates: [Update] = []
  var last = DecodeStep.end
  var counters = DecodeCounters()

  static let receivedNanos: Int64 = 1_700_000_000_123_456_789
  static let keys: [(UInt8, String)] = [(1, "1333"), (2, "52175"), (5, "1333")]

  var ticks: [Tick] { updates.filter { $0.step == .tick }.map(\.tick) }
  var events: [DhanEvent] { updates.filter { $0.step == .event }.map(\.event) }

  /// Every key (segment, security id) is the instrument of its index.
  init(
    _ frame: some Collection<UInt8>, keys: [(UInt8, String)] = Self.keys, acceptsUnknown: Bool = false,
    connection: DhanConnection = .market
  ) {
    let listings = keys.enumerated().map {
      FeedListing(instrument: UInt32($0.offset), segment: $0.element.0, token: $0.element.1)
    }
    var decoder = DhanDecoder(
      tokens: TokenMap(listings, withSegment: true), feed: 7, acceptsUnknown: acceptsUnknown, connection: connection)
    let book = UnsafeMutablePointer<DeepBook>.allocate(capacity: 1)
    book.initialize(to: DeepBook())
    defer { book.deallocate() }
    var tick = Tick()
    withExactCopy(frame) { raw in
      decoder.begin(raw, receivedNanos: Self.receivedNanos)
      while true {
        last = decoder.next(into: &tick, book: book)
        guard last != .end, last != .malformed else { break }
        updates.append(Update(last, tick, book, decoder.packet, event: decoder.event))
      }
      if last == .malformed, decoder.next(into: &tick, book: book) != .end { last = .event }
    }
    counters = decoder.counters
  }
}

/// A row of the depth feeds; one without a price is empty.
struct DhanRow {
  var price = 0.0
  var quantity: UInt32 = 0
  var orders: UInt32 = 0
}

/// A Dhan packet with fields at the offsets of the protocol.
struct DhanPacket {
  private(set) var bytes: [UInt8]

  static let lengths: [UInt8: Int] = [2: 16, 3: 112, 4: 50, 5: 12, 6: 16, 8: 162, 50: 10]

  /// Of the market feed.
  init(code: UInt8, segment: UInt8 = 1, token: UInt32 = 1333, length: Int? = nil) {
    let length = length ?? Self.lengths[code] ?? 8
    bytes = [UInt8](repeating: 0, count: length)
    bytes[0] = code
    bytes[3] = segment
    self = with(UInt16(length), at: 1).with(token, at: 4)
  }

  /// Of a depth feed: rows of price, quantity, orders.
  init(
    depthCode: UInt8, rows: [DhanRow], number: UInt32, segment: UInt8 = 1, token: UInt32 = 1333
  ) {
    bytes = [UInt8](repeating: 0, count: 12 + rows.count * 16)
    bytes[2] = depthCode
    bytes[3] = segment
    self = with(UInt16(bytes.count), at: 0).with(token, at: 4).with(number, at: 8)
    for (index, row) in rows.enumerated() {
      let offset = 12 + index * 16
      self = with(row.price.bitPattern, at: offset).with(row.quantity, at: offset + 8).with(row.orders, at: offset + 12)
    }
  }

  func with(_ value: some FixedWidthInteger, at offset: Int) -> DhanPacket {
    var packet = self
    withUnsafeBytes(of: value.littleEndian) { packet.bytes.replaceSubrange(offset..<offset + $0.count, with: $0) }
    return packet
  }

  func with(_ value: Float, at offset: Int) -> DhanPacket { with(value.bitPattern, at: offset) }
}
