// Decoders of Angel and Dhan, and the overlay that Dhan's updates go through, over one realistic packet of each kind.

import Market
import Normalize

extension Pieces {
  private static let token: UInt32 = 1333

  /// Packet bytes that live as long as the program.
  private struct Packet {
    let bytes: UnsafeMutableRawBufferPointer

    init(count: Int) {
      bytes = .allocate(byteCount: count, alignment: 8)
      bytes.initializeMemory(as: UInt8.self, repeating: 0)
    }

    func store(_ value: some FixedWidthInteger & BitwiseCopyable, at offset: Int) {
      bytes.storeBytes(of: value.littleEndian, toByteOffset: offset, as: type(of: value))
    }
  }

  /// Mode 1, 2, 3 or 4 of SmartStream, an equity at some 3,000 rupees.
  private static func smartStream(mode: UInt8, count: Int) -> UnsafeRawBufferPointer {
    let packet = Packet(count: count)
    packet.store(mode, at: 0)
    packet.store(UInt8(1), at: 1)
    packet.bytes[2...].copyBytes(from: "\(token)".utf8)
    for offset in stride(from: 35, to: count - 8, by: 8) where mode < 4 {
      packet.store(Int64(300_000 + offset), at: offset)
    }
    guard mode >= 3 else { return UnsafeRawBufferPointer(packet.bytes) }
    for entry in 0..<(mode == 3 ? 10 : 40) {
      let offset = mode == 3 ? 147 + entry * 20 : 43 + entry * 10
      if mode == 3 {
        packet.store(UInt16(entry < 5 ? 1 : 0), at: offset)
        packet.store(Int64(100 + entry), at: offset + 2)
        packet.store(Int64(300_000 + entry * 5), at: offset + 10)
        packet.store(UInt16(3), at: offset + 18)
      } else {
        packet.store(Int32(100 + entry), at: offset)
        packet.store(Int32(300_000 + entry * 5), at: offset + 4)
        packet.store(Int16(3), at: offset + 8)
      }
    }
    return UnsafeRawBufferPointer(packet.bytes)
  }

  /// A packet of Dhan's market feed whose prices have two decimals.
  private static func dhan(code: UInt8, count: Int, prices: [Int]) -> UnsafeRawBufferPointer {
    let packet = Packet(count: count)
    packet.store(code, at: 0)
    packet.store(UInt16(count), at: 1)
    packet.store(UInt8(1), at: 3)
    packet.store(token, at: 4)
    for (index, offset) in prices.enumerated() {
      packet.store(Float(3_456.55 + Double(index) * 0.05).bitPattern, at: offset)
    }
    return UnsafeRawBufferPointer(packet.bytes)
  }

  /// One side of a depth feed with as many rows.
  private static func dhanSide(rows: Int) -> UnsafeRawBufferPointer {
    let packet = Packet(count: 12 + rows * 16)
    packet.store(UInt16(packet.bytes.count), at: 0)
    packet.store(UInt8(41), at: 2)
    packet.store(UInt8(1), at: 3)
    packet.store(token, at: 4)
    packet.store(UInt32(rows), at: 8)
    for row in 0..<rows {
      packet.store((3_456.55 - Double(row) * 0.05).bitPattern, at: 12 + row * 16)
      packet.store(UInt32(100 + row), at: 20 + row * 16)
    }
    return UnsafeRawBufferPointer(packet.bytes)
  }

  private static var tokens: TokenMap {
    TokenMap([FeedListing(instrument: 0, segment: 1, token: "\(token)")], withSegment: true)
  }

  static func decodeAngel(_ measure: inout Measure) {
    let tick = UnsafeMutablePointer<Tick>.allocate(capacity: 1)
    let book = UnsafeMutablePointer<DeepBook>.allocate(capacity: 1)
    tick.initialize(to: Tick())
    book.initialize(to: DeepBook())
    for (mode, count, name) in [(1, 51, "ltp"), (2, 123, "quote"), (3, 379, "full"), (4, 443, "20 levels")] {
      let frame = smartStream(mode: UInt8(mode), count: count)
      var decoder = SmartStreamDecoder(tokens: tokens, feed: 0)
      measure.piece("decode angel \(name)") { index in
        decoder.begin(frame, receivedNanos: Int64(index))
        while decoder.next(into: tick, book: book) != .end {}
      }
      precondition(decoder.counters.ticks + decoder.counters.books == decoder.counters.frames)
    }
  }

  static func decodeDhan(_ measure: inout Measure) {
    let tick = UnsafeMutablePointer<Tick>.allocate(capacity: 1)
    let book = UnsafeMutablePointer<DeepBook>.allocate(capacity: 1)
    tick.initialize(to: Tick())
    book.initialize(to: DeepBook())
    let levels = (0..<5).flatMap { [74 + $0 * 20, 78 + $0 * 20] }
    let quote = dhan(code: 4, count: 50, prices: [8, 18, 34, 38, 42, 46])
    let frames: [(String, DhanConnection, UnsafeRawBufferPointer)] = [
      ("ltp", .market, dhan(code: 2, count: 16, prices: [8])), ("quote", .market, quote),
      ("full", .market, dhan(code: 8, count: 162, prices: [8, 18, 46, 50, 54, 58] + levels)),
      ("side of 20", .depth20, dhanSide(rows: 20)), ("side of 200", .depth200, dhanSide(rows: 200)),
    ]
    for (name, connection, frame) in frames {
      var decoder = DhanDecoder(tokens: tokens, feed: 0, connection: connection)
      measure.piece("decode dhan \(name)") { index in
        decoder.begin(frame, receivedNanos: Int64(index))
        while decoder.next(into: tick, book: book) != .end {}
      }
      precondition(decoder.counters.ticks + decoder.counters.books == decoder.counters.frames)
    }
    var decoder = DhanDecoder(tokens: tokens, feed: 0)
    var overlay = TickOverlay(count: 1)
    measure.piece("decode dhan quote and overlay") { index in
      decoder.begin(quote, receivedNanos: Int64(index))
      while decoder.next(into: tick, book: book) != .end { _ = overlay.apply(tick) }
    }
  }
}
