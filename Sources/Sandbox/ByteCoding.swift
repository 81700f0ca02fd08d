// Little-endian fields and length-prefixed text, for the journal. The reader trusts nothing: every length is checked
// against what is left. Used by one thread at a time.

/// The bytes are not what their reader expects.
struct MalformedBytes: Error {
  let reason: String
}

extension Array where Element == UInt8 {
  mutating func put<T: FixedWidthInteger>(_ value: T) {
    Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
  }

  /// At most 65535 bytes; every text of the ledger is bounded far below that when it enters.
  mutating func put(_ text: String) {
    precondition(text.utf8.count <= Int(UInt16.max), "a text of the ledger is too long")
    put(UInt16(text.utf8.count))
    append(contentsOf: text.utf8)
  }

  mutating func put(_ flag: Bool) { put(UInt8(flag ? 1 : 0)) }

  /// Overwrites four bytes.
  mutating func set(_ value: UInt32, at offset: Int) {
    Swift.withUnsafeBytes(of: value.littleEndian) { replaceSubrange(offset..<offset + 4, with: $0) }
  }
}

/// Reads fields from the front of a range of bytes.
struct ByteReader {
  private let bytes: UnsafeRawBufferPointer
  private var offset = 0

  /// The bytes must outlive the reader.
  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  var remaining: Int { bytes.count - offset }

  mutating func integer<T: FixedWidthInteger>(_ type: T.Type = T.self) throws(MalformedBytes) -> T {
    let size = MemoryLayout<T>.size
    guard remaining >= size else { throw MalformedBytes(reason: "a field ends too early") }
    defer { offset += size }
    return T(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: T.self))
  }

  mutating func flag() throws(MalformedBytes) -> Bool {
    let value = try integer(UInt8.self)
    guard value <= 1 else { throw MalformedBytes(reason: "a flag is neither 0 nor 1") }
    return value == 1
  }

  mutating func text() throws(MalformedBytes) -> String {
    let part = try range(Int(try integer(UInt16.self)))
    guard let text = String(validating: part, as: UTF8.self) else {
      throw MalformedBytes(reason: "a text is not UTF-8")
    }
    return text
  }

  /// The next `count` bytes.
  mutating func range(_ count: Int) throws(MalformedBytes) -> UnsafeRawBufferPointer {
    guard count <= remaining else { throw MalformedBytes(reason: "a length exceeds what is left") }
    defer { offset += count }
    return UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count])
  }
}
