// Names of instruments, found by their bytes: an open-addressing table of hashes over one flat text. Filled once at
// start, read by any thread after that. What is looked up is foreign, what is in it is not, so a search ends after the
// longest run of neighbours that the masters make, whatever a client sends.

import Glibc

/// (exchange code, symbol) to number, in the order of insertion.
struct NameTable: Sendable {
  private struct Slot: BitwiseCopyable {
    static let free = Slot(hash: 0, id: .max)

    var hash: UInt32
    var id: UInt32
  }

  private struct Name: BitwiseCopyable {
    var start: UInt32
    var exchangeBytes: UInt16
    var symbolBytes: UInt16
  }

  private static let capacityMin = 64

  /// A power of two, at most half of them in use.
  private var slots = Array(repeating: Slot.free, count: capacityMin)
  private var names: [Name] = []
  /// Exchange code and symbol of every name, back to back.
  private var text: [UInt8] = []

  /// Gives the next number to a name; false when it has one.
  mutating func insert(_ exchange: String, _ symbol: String) -> Bool {
    Self.withBytes(of: exchange) { exchange in
      Self.withBytes(of: symbol) { symbol in insert(exchange, symbol) }
    }
  }

  private mutating func insert(_ exchange: UnsafeRawBufferPointer, _ symbol: UnsafeRawBufferPointer) -> Bool {
    if find(exchange, symbol) != nil { return false }
    precondition(
      exchange.count <= Int(UInt16.max) && symbol.count <= Int(UInt16.max) && text.count <= Int(UInt32.max),
      "instrument names take too much room")
    if 2 * (names.count + 1) > slots.count { grow() }
    place(Slot(hash: Self.hash(exchange, symbol), id: UInt32(names.count)))
    names.append(
      Name(start: UInt32(text.count), exchangeBytes: UInt16(exchange.count), symbolBytes: UInt16(symbol.count)))
    text.append(contentsOf: exchange)
    text.append(contentsOf: symbol)
    return true
  }

  private mutating func grow() {
    let old = slots
    slots = Array(repeating: .free, count: 2 * old.count)
    for slot in old where slot.id != Slot.free.id { place(slot) }
  }

  private mutating func place(_ slot: Slot) {
    var index = Int(slot.hash) & (slots.count - 1)
    while slots[index].id != Slot.free.id { index = (index + 1) & (slots.count - 1) }
    slots[index] = slot
  }

  /// Nil for a name that is not there.
  func find(_ exchange: UnsafeRawBufferPointer, _ symbol: UnsafeRawBufferPointer) -> UInt32? {
    // Longer than any name that is here: not worth the hashing.
    guard exchange.count <= Int(UInt16.max), symbol.count <= Int(UInt16.max) else { return nil }
    let hash = Self.hash(exchange, symbol)
    return slots.withUnsafeBufferPointer { slots in
      var index = Int(hash) & (slots.count &- 1)
      while slots[index].id != Slot.free.id {
        if slots[index].hash == hash, matches(slots[index].id, exchange, symbol) { return slots[index].id }
        index = (index &+ 1) & (slots.count &- 1)
      }
      return nil
    }
  }

  private func matches(
    _ id: UInt32, _ exchange: UnsafeRawBufferPointer, _ symbol: UnsafeRawBufferPointer
  ) -> Bool {
    let name = names[Int(id)]
    guard Int(name.exchangeBytes) == exchange.count, Int(name.symbolBytes) == symbol.count else { return false }
    return text.withUnsafeBytes { text in
      let start = Int(name.start)
      precondition(start + exchange.count + symbol.count <= text.count)
      return Self.isEqual(text, from: start, exchange) && Self.isEqual(text, from: start + exchange.count, symbol)
    }
  }

  @inline(__always)
  private static func isEqual(
    _ text: UnsafeRawBufferPointer, from start: Int, _ bytes: UnsafeRawBufferPointer
  ) -> Bool {
    guard let text = text.baseAddress, let base = bytes.baseAddress else { return bytes.isEmpty }
    return memcmp(text + start, base, bytes.count) == 0
  }

  /// Folds eight bytes at a time. Seedless on purpose: nobody from outside chooses what the table holds.
  private static func hash(_ exchange: UnsafeRawBufferPointer, _ symbol: UnsafeRawBufferPointer) -> UInt32 {
    var state = UInt64(truncatingIfNeeded: exchange.count) &* 0x9E37_79B9_7F4A_7C15
    fold(exchange, into: &state)
    fold(symbol, into: &state)
    return UInt32(truncatingIfNeeded: state ^ state >> 32)
  }

  @inline(__always)
  private static func fold(_ bytes: UnsafeRawBufferPointer, into state: inout UInt64) {
    var at = 0
    while at < bytes.count {
      var word: UInt64 = 0
      if at &+ 8 <= bytes.count {
        word = bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self)
      } else {
        for place in at..<bytes.count { word = word << 8 | UInt64(bytes[place]) }
      }
      let product = (state ^ word).multipliedFullWidth(by: 0xD6E8_FEB8_6659_FD93)
      state = product.high ^ product.low
      at &+= 8
    }
  }

  /// The UTF-8 of a text, copied only when it is not contiguous.
  static func withBytes<Result>(of text: String, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    var text = text
    return text.withUTF8 { body(UnsafeRawBufferPointer($0)) }
  }
}
