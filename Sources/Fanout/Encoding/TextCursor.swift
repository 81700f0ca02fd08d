// Appends JSON text to raw memory: the inner operations of the tick encoders. Owned by one encode call; no allocation,
// no bounds check. The caller of an encoder guarantees room for the worst case plus `slackBytes`, because numbers and
// copied blocks are stored in whole words and may scribble past the end of the text.

import JSONText

struct TextCursor {
  /// Bytes after the text that may be overwritten.
  static let slackBytes = 32
  private static let blockBytes = 16

  private(set) var at: UnsafeMutableRawPointer

  @inline(__always)
  init(_ start: UnsafeMutableRawPointer) { at = start }

  /// A constant piece; folds to immediate stores.
  @inline(__always)
  mutating func text(_ literal: StaticString) {
    at.copyMemory(from: literal.utf8Start, byteCount: literal.utf8CodeUnitCount)
    at += literal.utf8CodeUnitCount
  }

  /// Copies in blocks of 16 bytes: reads and writes up to 15 bytes past the end.
  @inline(__always)
  mutating func block(_ source: UnsafeRawPointer, count: Int) {
    var done = 0
    while done < count {
      let block = (source + done).loadUnaligned(as: SIMD16<UInt8>.self)
      (at + done).storeBytes(of: block, as: SIMD16<UInt8>.self)
      done &+= Self.blockBytes
    }
    at += count
  }

  @inline(__always)
  mutating func integer(_ value: Int64) { at += DecimalText.write(value, to: at) }

  @inline(__always)
  mutating func integer(_ value: UInt64) { at += DecimalText.write(value, to: at) }

  /// A number in units of 1e-8.
  @inline(__always)
  mutating func price(_ value: Int64) { at += DecimalText.writeFixed8(value, to: at) }

  /// Takes back what was written last.
  @inline(__always)
  mutating func drop(_ count: Int) { at -= count }
}
