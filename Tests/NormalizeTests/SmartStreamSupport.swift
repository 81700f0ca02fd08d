// Runs whole frames through a SmartStream decoder, and makes frames.

import Market
import Normalize

struct SmartStreamRun {
  var updates: [Update] = []
  var last = DecodeStep.end
  var counters = DecodeCounters()

  static let receivedNanos: Int64 = 1_700_000_000_123_456_789

  /// Every key (exchange type, token) is the instrument of its index.
  init(_ frame: some Collection<UInt8>, keys: [(UInt8, String)], acceptsUnknown: Bool = false) {
    let listings = keys.enumerated().map {
      FeedListing(instrument: UInt32($0.offset), segment: $0.element.0, token: $0.element.1)
    }
    var decoder = SmartStreamDecoder(
      tokens: TokenMap(listings, withSegment: true), feed: 7, acceptsUnknown: acceptsUnknown)
    let book = UnsafeMutablePointer<DeepBook>.allocate(capacity: 1)
    book.initialize(to: DeepBook())
    defer { book.deallocate() }
    var tick = Tick()
    withExactCopy(frame) { raw in
      decoder.begin(raw, receivedNanos: Self.receivedNanos)
      while true {
        last = decoder.next(into: &tick, book: book)
        guard last == .tick || last == .book else { break }
        updates.append(Update(last, tick, book, decoder.packet))
      }
    }
    counters = decoder.counters
  }
}

/// A SmartStream packet with fields at the offsets of the protocol.
struct SmartStreamFrame {
  private(set) var bytes: [UInt8]

  static let lengths: [UInt8: Int] = [1: 51, 2: 123, 3: 379, 4: 443]

  init(mode: UInt8, segment: UInt8 = 1, token: String = "2885") {
    bytes = [UInt8](repeating: 0, count: Self.lengths[mode] ?? 51)
    bytes[0] = mode
    bytes[1] = segment
    for (index, byte) in token.utf8.prefix(25).enumerated() { bytes[2 + index] = byte }
  }

  func with(_ value: some FixedWidthInteger, at offset: Int) -> SmartStreamFrame {
    var frame = self
    withUnsafeBytes(of: value.littleEndian) { frame.bytes.replaceSubrange(offset..<offset + $0.count, with: $0) }
    return frame
  }

  func with(_ value: Double, at offset: Int) -> SmartStreamFrame { with(value.bitPattern, at: offset) }

  /// Entry of the best five.
  func with(entry: Int, flag: UInt16, quantity: Int64, price: Int64, orders: UInt16) -> SmartStreamFrame {
    let offset = 147 + entry * 20
    return with(flag, at: offset).with(quantity, at: offset + 2).with(price, at: offset + 10)
      .with(orders, at: offset + 18)
  }
}
