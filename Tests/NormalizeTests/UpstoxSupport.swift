// Builds protobuf messages byte by byte, and runs whole frames through the Upstox decoder. The builder shares nothing
// with the reader under test.

import Market
import Normalize

/// A message in the making: fields in the order of the calls.
struct Message {
  private(set) var bytes: [UInt8] = []

  static func varint(_ value: UInt64) -> [UInt8] {
    var rest = value
    var bytes: [UInt8] = []
    while rest >= 0x80 {
      bytes.append(UInt8(rest & 0x7F) | 0x80)
      rest >>= 7
    }
    return bytes + [UInt8(rest)]
  }

  func integer(_ field: UInt64, _ value: Int64) -> Message {
    adding(Self.varint(field << 3) + Self.varint(UInt64(bitPattern: value)))
  }

  func double(_ field: UInt64, _ value: Double) -> Message {
    adding(Self.varint(field << 3 | 1) + (0..<8).map { UInt8(truncatingIfNeeded: value.bitPattern >> ($0 * 8)) })
  }

  func bytes(_ field: UInt64, _ value: [UInt8]) -> Message {
    adding(Self.varint(field << 3 | 2) + Self.varint(UInt64(value.count)) + value)
  }

  func text(_ field: UInt64, _ value: String) -> Message { bytes(field, Array(value.utf8)) }
  func message(_ field: UInt64, _ value: Message) -> Message { bytes(field, value.bytes) }
  func raw(_ value: [UInt8]) -> Message { adding(value) }

  private func adding(_ more: [UInt8]) -> Message {
    var copy = self
    copy.bytes += more
    return copy
  }

  // MARK: Messages of Upstox

  static func ltpc(_ price: Double, millis: Int64 = 1_770_000_000_123, quantity: Int64 = 7, close: Double = 99)
    -> Message
  {
    Message().double(1, price).integer(2, millis).integer(3, quantity).double(4, close)
  }

  static func quote(_ bid: Double, _ bidQuantity: Int64, _ ask: Double, _ askQuantity: Int64) -> Message {
    Message().integer(1, bidQuantity).double(2, bid).integer(3, askQuantity).double(4, ask)
  }

  static func levels(_ count: Int) -> Message {
    (0..<count).reduce(Message()) { levels, level in
      let step = Double(level)
      return levels.message(1, .quote(100 - step, Int64(level) + 1, 101 + step, Int64(level) + 11))
    }
  }

  static func candle(_ interval: String, open: Double = 10, high: Double = 12, low: Double = 9) -> Message {
    Message().text(1, interval).double(2, open).double(3, high).double(4, low).double(5, 11)
  }

  /// Average price 100.5, volume 1000, open interest 50, bid for 300, offered 400.
  static func totals() -> Message {
    Message().double(5, 100.5).integer(6, 1000).double(7, 50).double(9, 300).double(10, 400)
  }

  /// A feed whose union holds `full` with a market message.
  static func market(_ market: Message, mode: Int64 = 1) -> Message {
    Message().message(2, Message().message(1, market)).integer(4, mode)
  }

  static func entry(_ key: String, _ feed: Message) -> Message { Message().text(1, key).message(2, feed) }

  /// A live frame.
  static func frame(_ feeds: [(key: String, feed: Message)], millis: Int64 = 1_770_000_000_555) -> [UInt8] {
    feeds.reduce(Message().integer(1, 1)) { $0.message(2, .entry($1.key, $1.feed)) }.integer(3, millis).bytes
  }

  static func frame(_ feed: Message) -> [UInt8] { frame([("A", feed)]) }
}

/// One frame through a decoder that knows the keys A, B, C as instruments 0, 1, 2.
struct UpstoxRun {
  var ticks: [Tick] = []
  var keys: [String] = []
  /// Levels of each book.
  var books: [(bids: [DepthLevel], asks: [DepthLevel], head: DeepBook)] = []
  var segments: [String: Int32] = [:]
  var events = 0
  var last = DecodeStep.end
  var counters = DecodeCounters()
  var frameMillis: Int64 = 0
  var frameType: Int32 = 0

  static let receivedNanos: Int64 = 1_700_000_000_123_456_789

  init(_ frame: some Collection<UInt8>, acceptsUnknown: Bool = false) {
    let map = TextTokenMap(["A", "B", "C"].enumerated().map { .init(token: $1, instrument: UInt32($0)) })
    var decoder = UpstoxDecoder(keys: map, feed: 7, acceptsUnknown: acceptsUnknown)
    self.init(frame, &decoder)
  }

  init(_ frame: some Collection<UInt8>, _ decoder: inout UpstoxDecoder) {
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: frame.count, alignment: 1)
    defer { copy.deallocate() }
    copy.copyBytes(from: frame)
    var tick = Tick()
    var book = DeepBook()
    decoder.begin(UnsafeRawBufferPointer(copy), receivedNanos: Self.receivedNanos)
    stepping: while true {
      last = decoder.next(into: &tick, book: &book)
      switch last {
      case .tick:
        ticks.append(tick)
        keys.append(String(decoding: decoder.key, as: UTF8.self))
      case .book:
        books.append(
          ((0..<Int(book.bidLevels)).map { book.bids[$0] }, (0..<Int(book.askLevels)).map { book.asks[$0] }, book))
      case .event:
        events += 1
        for (segment, state) in UpstoxMarketStatus(decoder.packet) {
          segments[String(decoding: segment, as: UTF8.self)] = state.rawValue
        }
      case .end, .malformed: break stepping
      }
    }
    counters = decoder.counters
    frameMillis = decoder.frameMillis
    frameType = decoder.frameType
  }

  /// The only tick of the frame.
  var tick: Tick? { ticks.count == 1 ? ticks[0] : nil }
}

extension Tick {
  var bits: Presence { Presence(rawValue: presence) }
}

/// Rupees in the unit of a tick.
func rupees(_ value: Double) -> Int64 { Int64((value * 1e8).rounded()) }
