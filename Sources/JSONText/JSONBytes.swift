// What reading JSON looks for in bytes: ends of strings, blanks, escapes. Pure; any thread.
// Only `unescaped` allocates.

enum JSONBytes {
  private static let ones: UInt64 = 0x0101_0101_0101_0101
  private static let tops: UInt64 = 0x8080_8080_8080_8080

  @inline(__always) static func isBlank(_ byte: UInt8) -> Bool {
    byte <= 0x20 && (byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09)
  }

  /// The place of the next quote, backslash or control character, at the latest the end of the text. Eight bytes at a
  /// time: a borrow can mark a byte too many, but never one before the first that counts.
  @inline(__always)
  static func endOfPlainText(_ text: UnsafeRawBufferPointer, from start: Int) -> Int {
    var at = start
    while at &+ 8 <= text.count {
      let word = text.loadUnaligned(fromByteOffset: at, as: UInt64.self)
      let quotes = word ^ (ones &* UInt64(UInt8(ascii: "\"")))
      let backslashes = word ^ (ones &* UInt64(UInt8(ascii: "\\")))
      let found =
        ((quotes &- ones) & ~quotes | (backslashes &- ones) & ~backslashes | (word &- ones &* 0x20) & ~word) & tops
      if found != 0 { return at &+ found.trailingZeroBitCount >> 3 }
      at &+= 8
    }
    while at < text.count, text[at] >= 0x20, text[at] != UInt8(ascii: "\""), text[at] != UInt8(ascii: "\\") {
      at &+= 1
    }
    return at
  }

  /// Four hexadecimal digits; nil when they are not there.
  static func hex(_ text: UnsafeRawBufferPointer, at start: Int) -> UInt16? {
    guard start + 4 <= text.count else { return nil }
    var value: UInt16 = 0
    for place in start..<start + 4 {
      let byte = text[place]
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | UInt16(byte - 0x30)
      case UInt8(ascii: "a")...UInt8(ascii: "f"): value = value << 4 | UInt16(byte - 0x57)
      case UInt8(ascii: "A")...UInt8(ascii: "F"): value = value << 4 | UInt16(byte - 0x37)
      default: return nil
      }
    }
    return value
  }

  /// The text of a string body that the reader has accepted. A lone surrogate becomes U+FFFD.
  /// - Parameter scalarsMax: what lies behind that many Unicode scalars is left out, and costs nothing.
  static func unescaped(_ body: UnsafeRawBufferPointer, scalarsMax: Int = .max) -> String {
    var units: [UInt8] = []
    var scalars = 0
    var at = 0
    while at < body.count {
      let byte = body[at]
      // Bytes that continue a scalar belong to the one that was counted.
      if byte & 0xC0 != 0x80 {
        if scalars == scalarsMax { break }
        scalars += 1
      }
      if byte == UInt8(ascii: "\\") {
        at = unescape(body, at, into: &units)
      } else {
        units.append(byte)
        at += 1
      }
    }
    return String(decoding: units, as: UTF8.self)
  }

  /// Appends what the escape at `start` stands for; returns the place behind it.
  private static func unescape(_ body: UnsafeRawBufferPointer, _ start: Int, into units: inout [UInt8]) -> Int {
    switch body[start + 1] {
    case UInt8(ascii: "u"):
      let first = hex(body, at: start + 2) ?? 0xFFFD
      var end = start + 6
      var scalar = Unicode.Scalar(UInt32(first))
      if (0xD800..<0xDC00).contains(first), end + 6 <= body.count, body[end] == UInt8(ascii: "\\"),
        body[end + 1] == UInt8(ascii: "u"), let second = hex(body, at: end + 2), (0xDC00..<0xE000).contains(second)
      {
        scalar = Unicode.Scalar(0x10000 + (UInt32(first) - 0xD800) << 10 + (UInt32(second) - 0xDC00))
        end += 6
      }
      units.append(contentsOf: String(scalar.map(Character.init) ?? "\u{FFFD}").utf8)
      return end
    case UInt8(ascii: "b"): units.append(0x08)
    case UInt8(ascii: "f"): units.append(0x0C)
    case UInt8(ascii: "n"): units.append(0x0A)
    case UInt8(ascii: "r"): units.append(0x0D)
    case UInt8(ascii: "t"): units.append(0x09)
    default: units.append(body[start + 1])
    }
    return start + 2
  }
}
