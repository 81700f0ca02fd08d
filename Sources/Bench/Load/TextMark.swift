// Finding fields in messages without parsing them. Pure but for the mark's own memory; allocates at start only.

import CLinux
import Glibc

/// A piece of text that is looked for in every message, where it was last time first.
struct TextMark: BitwiseCopyable {
  /// Never freed: there are a handful in a run.
  private let text: UnsafeMutableRawPointer
  let count: Int

  init(_ text: String) {
    let bytes = Array(text.utf8)
    count = bytes.count
    self.text = .allocate(byteCount: max(1, count), alignment: 8)
    bytes.withUnsafeBytes { self.text.copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
  }

  /// Offset of the first byte.
  @inline(__always) func find(in message: UnsafeRawBufferPointer, hint: Int) -> Int? {
    guard let base = message.baseAddress else { return nil }
    if hint >= 0, hint &+ count <= message.count, memcmp(base + hint, text, count) == 0 { return hint }
    guard let place = tg_find(base, message.count, text, count) else { return nil }
    return UnsafeRawPointer(place) - base
  }

  /// The number after the mark, which may stand behind a colon and blanks: digits with at most two decimals, taken as
  /// hundredths. Nil without digits.
  @inline(__always) static func hundredths(_ message: UnsafeRawBufferPointer, from offset: Int) -> Int64? {
    var at = skip(message, from: offset)
    var value: Int64 = 0
    var decimals = -1
    let first = at
    while at < message.count {
      let byte = message[at]
      let digit = byte &- 0x30
      if digit <= 9 {
        if decimals < 2 { value = value &* 10 &+ Int64(digit) }
        if decimals >= 0 { decimals &+= 1 }
      } else if byte == UInt8(ascii: "."), decimals < 0 {
        decimals = 0
      } else {
        break
      }
      at &+= 1
    }
    if at == first { return nil }
    if decimals <= 0 { return value &* 100 }
    return decimals == 1 ? value &* 10 : value
  }

  @inline(__always) static func integer(_ message: UnsafeRawBufferPointer, from offset: Int) -> UInt64? {
    var at = skip(message, from: offset)
    let first = at
    var value: UInt64 = 0
    while at < message.count {
      let digit = message[at] &- 0x30
      if digit > 9 { break }
      value = value &* 10 &+ UInt64(digit)
      at &+= 1
    }
    return at == first ? nil : value
  }

  @inline(__always) private static func skip(_ message: UnsafeRawBufferPointer, from offset: Int) -> Int {
    var at = offset
    while at < message.count, message[at] == UInt8(ascii: " ") || message[at] == UInt8(ascii: ":") { at &+= 1 }
    return at
  }
}
