// Strict UTF-8 (RFC 3629) that can be fed in pieces: no overlong forms, no surrogates, nothing above U+10FFFF.
// A value of three bytes; any thread; nothing allocates.

/// Validates text as it arrives and stops at the first byte that can no longer become valid.
public struct UTF8Validator: Sendable, BitwiseCopyable {
  /// Continuation bytes still due for the character under way.
  @usableFromInline var missing: UInt8 = 0
  /// Bounds of the next continuation byte. Only the one after E0, ED, F0 and F4 is narrower than 80...BF.
  @usableFromInline var lowest: UInt8 = 0x80
  @usableFromInline var highest: UInt8 = 0xBF

  @inlinable public init() {}

  /// Whether the text so far does not end inside a character.
  @inlinable public var isComplete: Bool { missing == 0 }

  /// Takes the next `count` bytes. Returns false as soon as the text cannot be valid any more; the validator is of no
  /// further use then.
  public mutating func consume(_ bytes: UnsafeRawPointer, count: Int) -> Bool {
    var offset = 0
    while offset < count {
      if missing == 0 {
        offset = Self.skipASCII(bytes, from: offset, count: count)
        if offset == count { return true }
      }
      guard consume(bytes.load(fromByteOffset: offset, as: UInt8.self)) else { return false }
      offset &+= 1
    }
    return true
  }

  /// First offset at or after `offset` that is not ASCII, or `count`.
  @inline(__always)
  private static func skipASCII(_ bytes: UnsafeRawPointer, from start: Int, count: Int) -> Int {
    let highBits: UInt64 = 0x8080_8080_8080_8080
    var offset = start
    while offset &+ 32 <= count {
      let first = bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
      let second = bytes.loadUnaligned(fromByteOffset: offset &+ 8, as: UInt64.self)
      let third = bytes.loadUnaligned(fromByteOffset: offset &+ 16, as: UInt64.self)
      let fourth = bytes.loadUnaligned(fromByteOffset: offset &+ 24, as: UInt64.self)
      if (first | second | third | fourth) & highBits != 0 { break }
      offset &+= 32
    }
    while offset &+ 8 <= count {
      let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) & highBits
      if word != 0 { return offset &+ (word.trailingZeroBitCount &>> 3) }
      offset &+= 8
    }
    while offset < count && bytes.load(fromByteOffset: offset, as: UInt8.self) < 0x80 { offset &+= 1 }
    return offset
  }

  @inline(__always)
  private mutating func consume(_ byte: UInt8) -> Bool {
    if missing > 0 {
      guard byte >= lowest && byte <= highest else { return false }
      missing &-= 1
      lowest = 0x80
      highest = 0xBF
      return true
    }
    switch byte {
    case 0x00...0x7F: break
    case 0xC2...0xDF: missing = 1
    case 0xE0: expect(2, from: 0xA0, through: 0xBF)
    case 0xED: expect(2, from: 0x80, through: 0x9F)
    case 0xE1...0xEF: missing = 2
    case 0xF0: expect(3, from: 0x90, through: 0xBF)
    case 0xF4: expect(3, from: 0x80, through: 0x8F)
    case 0xF1...0xF3: missing = 3
    default: return false
    }
    return true
  }

  @inline(__always)
  private mutating func expect(_ count: UInt8, from lowest: UInt8, through highest: UInt8) {
    missing = count
    self.lowest = lowest
    self.highest = highest
  }
}
