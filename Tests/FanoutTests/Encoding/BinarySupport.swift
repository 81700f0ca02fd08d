// A reader of binary records that knows docs/binary.md only: its offsets are written out and it shares nothing with the
// encoder. And the vectors of Tests/Fixtures/binary, which were packed by other means.

import Fanout
import Foundation
import JSONText
import Market
import Testing

/// One record as bytes.
struct WireRecord {
  let bytes: [UInt8]

  private func unsigned(_ offset: Int, _ count: Int) -> UInt64 {
    (0..<count).reversed().reduce(0) { $0 << 8 | UInt64(bytes[offset + $1]) }
  }

  func u8(_ offset: Int) -> UInt8 { bytes[offset] }
  func u16(_ offset: Int) -> UInt16 { UInt16(unsigned(offset, 2)) }
  func u32(_ offset: Int) -> UInt32 { UInt32(unsigned(offset, 4)) }
  func u64(_ offset: Int) -> UInt64 { unsigned(offset, 8) }
  func i64(_ offset: Int) -> Int64 { Int64(bitPattern: unsigned(offset, 8)) }

  /// The record's fields as a tick whose fields are zero where the presence bit is clear. `publishedTime` is the delay.
  var tick: Tick {
    var tick = Tick()
    tick.instrument = u32(4)
    tick.mode = u8(2)
    tick.sequence = u64(8)
    tick.presence = UInt32(u16(16))
    tick.feed = u8(18)
    tick.publishedTime = Int64(u32(20))
    tick.receivedTime = i64(24)
    tick.exchangeTime = i64(32)
    tick.lastTradeTime = i64(40)
    tick.ltp = i64(48)
    if u8(2) == 1 { return tick }
    tick.open = i64(56)
    tick.high = i64(64)
    tick.low = i64(72)
    tick.close = i64(80)
    tick.volume = i64(88)
    tick.lastTradeQuantity = i64(96)
    tick.averagePrice = i64(104)
    tick.totalBuyQuantity = i64(112)
    tick.totalSellQuantity = i64(120)
    tick.openInterest = i64(128)
    tick.upperCircuit = i64(136)
    tick.lowerCircuit = i64(144)
    tick.bidPrice = i64(152)
    tick.askPrice = i64(160)
    tick.bidQuantity = u32(168)
    tick.askQuantity = u32(172)
    if u8(2) == 2 { return tick }
    tick.openInterestHigh = i64(176)
    tick.openInterestLow = i64(184)
    tick.bidLevels = u8(192)
    tick.askLevels = u8(193)
    for level in 0..<5 {
      tick.bids[level] = self.level(200 + 16 * level)
      tick.asks[level] = self.level(280 + 16 * level)
    }
    return tick
  }

  private func level(_ offset: Int) -> DepthLevel {
    DepthLevel(price: i64(offset), quantity: u32(offset + 8), orders: u32(offset + 12))
  }
}

/// Runs an encoder on memory of one byte more than an even address, with guard bytes around `room` bytes; nil when it
/// wrote outside them.
func binary(room: Int, _ encode: (UnsafeMutableRawPointer) -> Int) -> [UInt8]? {
  let guardBytes = 65
  return withUnsafeTemporaryAllocation(byteCount: room + 2 * guardBytes, alignment: 16) { buffer in
    for index in buffer.indices { buffer[index] = 0xA5 }
    let count = encode(buffer.baseAddress! + guardBytes)
    let isIntact =
      buffer[..<guardBytes].allSatisfy { $0 == 0xA5 } && buffer[(guardBytes + room)...].allSatisfy { $0 == 0xA5 }
    return isIntact ? Array(buffer[guardBytes..<guardBytes + count]) : nil
  }
}

/// The record of a tick in a buffer of exactly its size.
func binary(_ tick: Tick, _ mode: Mode) -> [UInt8]? {
  var copy = tick
  return binary(room: BinaryEncoder.bytes(mode)) { BinaryEncoder.encode(&copy, mode, into: $0) }
}

/// Bytes of a vector.
func binaryVector(_ name: String) throws -> String {
  let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()
  let text = try Data(contentsOf: folder.appendingPathComponent("Fixtures/binary/vectors.json"))
  let row = try JSONDocument(Array(text)).root.elements.first { $0["name"]?.string == name }
  return try #require(row?["hex"]?.string, "no vector \(name)")
}

func hex(_ bytes: [UInt8]?) -> String? {
  bytes.map { $0.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined() }
}
