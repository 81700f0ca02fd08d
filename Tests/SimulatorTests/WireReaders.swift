// Readers of Angel's, Dhan's and Upstox's frames, written from the documented layouts alone and checked against
// documented examples, so that the encoders are not judged by code of their own kind.

import Foundation

extension [UInt8] {
  func little<Value: FixedWidthInteger>(_ offset: Int, as type: Value.Type = Value.self) -> Value {
    var value: Value = 0
    for index in (0..<MemoryLayout<Value>.size).reversed() {
      value = value << 8 | Value(truncatingIfNeeded: self[offset + index])
    }
    return value
  }

  func float(_ offset: Int) -> Double { Double(Float(bitPattern: little(offset, as: UInt32.self))) }
  func double(_ offset: Int) -> Double { Double(bitPattern: little(offset, as: UInt64.self)) }

  init(hex: String) {
    let digits = hex.filter { !$0.isWhitespace }.utf8.map { $0 < 0x3A ? $0 - 0x30 : $0 - 0x57 }
    self = stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
  }
}

struct Level: Equatable {
  var price: Double
  var quantity: Int
  var orders: Int
}

/// One SmartStream packet.
struct AngelPacket {
  let bytes: [UInt8]
  var mode: UInt8 { bytes[0] }
  var exchange: UInt8 { bytes[1] }
  var token: String { String(decoding: bytes[2..<27].prefix { $0 != 0 }, as: UTF8.self) }
  var divisor: Double { exchange == 13 ? 10_000_000 : 100 }
  var sequence: Int64 { bytes.little(27) }
  var exchangeMillis: Int64 { bytes.little(mode == 4 ? 35 : 35) }
  var last: Double { price(43) }
  var bids: [Level] { mode == 4 ? deep(43) : levels(flag: 1) }
  var asks: [Level] { mode == 4 ? deep(243) : levels(flag: 0) }

  func price(_ offset: Int) -> Double { Double(bytes.little(offset, as: Int64.self)) / divisor }

  private func levels(flag: UInt16) -> [Level] {
    (0..<10).map { 147 + 20 * $0 }.filter { bytes.little($0, as: UInt16.self) == flag }.map {
      Level(
        price: price($0 + 10), quantity: Int(bytes.little($0 + 2, as: Int64.self)),
        orders: Int(bytes.little($0 + 18, as: UInt16.self)))
    }
  }

  private func deep(_ start: Int) -> [Level] {
    (0..<20).map { start + 10 * $0 }.map {
      Level(
        price: Double(bytes.little($0 + 4, as: Int32.self)) / 100, quantity: Int(bytes.little($0, as: Int32.self)),
        orders: Int(bytes.little($0 + 8, as: Int16.self)))
    }
  }
}

/// One packet of Dhan's market feed.
struct DhanPacket {
  static let sizes: [UInt8: Int] = [2: 16, 4: 50, 5: 12, 6: 16, 8: 162, 50: 10]

  let bytes: [UInt8]
  var code: UInt8 { bytes[0] }
  var length: Int { Int(bytes.little(1, as: UInt16.self)) }
  var segment: UInt8 { bytes[3] }
  var id: UInt32 { bytes.little(4) }
  var last: Double { bytes.float(8) }
  /// Epoch seconds UTC.
  var tradeSeconds: UInt32 { bytes.little(code == 2 ? 12 : 14, as: UInt32.self) - 19_800 }

  /// All packets of a message; nil when they do not fill it exactly.
  static func all(_ message: [UInt8]) -> [DhanPacket]? {
    var packets: [DhanPacket] = []
    var rest = message[...]
    while let code = rest.first {
      guard let size = sizes[code], rest.count >= size else { return nil }
      packets.append(DhanPacket(bytes: Array(rest.prefix(size))))
      rest = rest.dropFirst(size)
    }
    return packets
  }

  func level(_ index: Int) -> (bid: Level, ask: Level) {
    let at = 62 + 20 * index
    return (
      Level(
        price: bytes.float(at + 12), quantity: Int(bytes.little(at, as: UInt32.self)),
        orders: Int(bytes.little(at + 8, as: UInt16.self))),
      Level(
        price: bytes.float(at + 16), quantity: Int(bytes.little(at + 4, as: UInt32.self)),
        orders: Int(bytes.little(at + 10, as: UInt16.self)))
    )
  }
}

/// One side of a book of Dhan's deep feeds.
struct DhanBook {
  let code: UInt8
  let segment: UInt8
  let id: UInt32
  let levels: [Level]

  static func all(_ message: [UInt8]) -> [DhanBook]? {
    var books: [DhanBook] = []
    var rest = message
    while !rest.isEmpty {
      let length = Int(rest.little(0, as: Int16.self))
      guard rest.count >= 12, length >= 12, length <= rest.count, (length - 12) % 16 == 0 else { return nil }
      let levels = (0..<(length - 12) / 16).map { 12 + 16 * $0 }.map {
        Level(
          price: rest.double($0), quantity: Int(rest.little($0 + 8, as: UInt32.self)),
          orders: Int(rest.little($0 + 12, as: UInt32.self)))
      }
      books.append(DhanBook(code: rest[2], segment: rest[3], id: rest.little(4), levels: levels))
      rest.removeFirst(length)
    }
    return books
  }
}

/// A protocol buffer as its fields, in order.
struct Proto {
  enum Value {
    case varint(UInt64)
    case double(Double)
    case bytes([UInt8])
  }

  let fields: [(number: Int, value: Value)]

  /// Nil when malformed.
  init?(_ bytes: [UInt8]) {
    var rest = bytes[...]
    var fields: [(number: Int, value: Value)] = []
    func varint() -> UInt64? {
      var value: UInt64 = 0
      for shift in stride(from: UInt64(0), to: 70, by: 7) {
        guard let byte = rest.popFirst() else { return nil }
        value |= UInt64(byte & 0x7F) << shift
        if byte & 0x80 == 0 { return value }
      }
      return nil
    }
    while !rest.isEmpty {
      guard let key = varint(), key >> 3 > 0 else { return nil }
      switch key & 7 {
      case 0:
        guard let value = varint() else { return nil }
        fields.append((Int(key >> 3), .varint(value)))
      case 1:
        guard rest.count >= 8 else { return nil }
        fields.append((Int(key >> 3), .double(Array(rest.prefix(8)).double(0))))
        rest = rest.dropFirst(8)
      case 2:
        guard let count = varint(), count <= UInt64(rest.count) else { return nil }
        fields.append((Int(key >> 3), .bytes(Array(rest.prefix(Int(count))))))
        rest = rest.dropFirst(Int(count))
      default: return nil
      }
    }
    self.fields = fields
  }

  func number(_ field: Int) -> UInt64 {
    for case (field, .varint(let value)) in fields { return value }
    return 0
  }

  func double(_ field: Int) -> Double {
    for case (field, .double(let value)) in fields { return value }
    return 0
  }

  func text(_ field: Int) -> String {
    for case (field, .bytes(let value)) in fields { return String(decoding: value, as: UTF8.self) }
    return ""
  }

  func messages(_ field: Int) -> [Proto] {
    fields.compactMap { number, value in
      guard number == field, case .bytes(let bytes) = value else { return nil }
      return Proto(bytes)
    }
  }

  func message(_ field: Int) -> Proto? { messages(field).first }
}
