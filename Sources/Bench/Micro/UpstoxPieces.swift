// The decoder of Upstox over one realistic frame of each kind, built here from the table of its messages.

import Market
import Normalize

extension Pieces {
  /// A protobuf message in the making.
  private struct Message {
    var bytes: [UInt8] = []

    mutating func varint(_ field: UInt8, _ value: UInt64) {
      bytes.append(field << 3)
      add(value)
    }

    mutating func double(_ field: UInt8, _ value: Double) {
      bytes.append(field << 3 | 1)
      for shift in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: value.bitPattern >> (shift * 8))) }
    }

    mutating func add(_ field: UInt8, _ content: [UInt8]) {
      bytes.append(field << 3 | 2)
      add(UInt64(content.count))
      bytes += content
    }

    private mutating func add(_ value: UInt64) {
      var rest = value
      while rest >= 0x80 {
        bytes.append(UInt8(rest & 0x7F) | 0x80)
        rest >>= 7
      }
      bytes.append(UInt8(rest))
    }
  }

  private static let key = "NSE_EQ|INE002A01018"

  private static var ltpc: [UInt8] {
    var message = Message()
    message.double(1, 2_345.65)
    message.varint(2, 1_795_400_000_123)
    message.varint(3, 250)
    message.double(4, 2_330.1)
    return message.bytes
  }

  private static func market(levels: Int) -> [UInt8] {
    var book = Message()
    for level in 0..<levels {
      var quote = Message()
      quote.varint(1, UInt64(1_200 + level))
      quote.double(2, 2_345.6 - Double(level) * 0.05)
      quote.varint(3, UInt64(900 + level))
      quote.double(4, 2_345.7 + Double(level) * 0.05)
      book.add(1, quote.bytes)
    }
    var candles = Message()
    for interval in ["1d", "I1"] {
      var candle = Message()
      candle.add(1, Array(interval.utf8))
      for (field, price) in [(2, 2_331.0), (3, 2_350.0), (4, 2_328.4), (5, 2_345.65)] {
        candle.double(UInt8(field), price)
      }
      candle.varint(6, 3_500_000)
      candle.varint(7, 1_795_400_000_000)
      candles.add(1, candle.bytes)
    }
    var message = Message()
    message.add(1, ltpc)
    message.add(2, book.bytes)
    message.add(4, candles.bytes)
    message.double(5, 2_339.42)
    message.varint(6, 3_500_000)
    message.double(9, 812_000)
    message.double(10, 934_000)
    return message.bytes
  }

  /// A live frame of one instrument, which lives as long as the program.
  private static func frame(_ feed: Message) -> UnsafeRawBufferPointer {
    var entry = Message()
    entry.add(1, Array(key.utf8))
    entry.add(2, feed.bytes)
    var response = Message()
    response.varint(1, 1)
    response.add(2, entry.bytes)
    response.varint(3, 1_795_400_000_456)
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: response.bytes.count, alignment: 8)
    memory.copyBytes(from: response.bytes)
    return UnsafeRawBufferPointer(memory)
  }

  private static func fullFrame(levels: Int, mode: UInt64) -> UnsafeRawBufferPointer {
    var full = Message()
    full.add(1, market(levels: levels))
    var feed = Message()
    feed.add(2, full.bytes)
    feed.varint(4, mode)
    return frame(feed)
  }

  static func decodeUpstox(_ measure: inout Measure) {
    let tick = UnsafeMutablePointer<Tick>.allocate(capacity: 1)
    let book = UnsafeMutablePointer<DeepBook>.allocate(capacity: 1)
    tick.initialize(to: Tick())
    book.initialize(to: DeepBook())
    let keys = TextTokenMap([TextTokenMap.Entry(token: key, instrument: 0)])
    var last = Message()
    last.add(1, ltpc)
    let frames = [
      ("ltpc", frame(last)), ("full", fullFrame(levels: 5, mode: 1)), ("30 levels", fullFrame(levels: 30, mode: 3)),
    ]
    for (name, frame) in frames {
      var decoder = UpstoxDecoder(keys: keys, feed: 0)
      measure.piece("decode upstox \(name)") { index in
        decoder.begin(frame, receivedNanos: Int64(index))
        while decoder.next(into: tick, book: book) != .end {}
      }
      precondition(decoder.counters.ticks == decoder.counters.frames)
    }
  }
}
