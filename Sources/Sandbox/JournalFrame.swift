// Frames: what the files of the journal consist of. A frame is written as a whole and valid as a whole, so a group of
// records is there entirely or not at all. Pure functions of bytes.
//
//   0 magic "TGJF"   4 payload length   8 sequence in the file   16 kind   17 version   18 record count
//   20 CRC-32C of bytes 0..<20 and the payload, seeded with the file's salt   24 payload, padded to 8 bytes

/// One frame of a log or snapshot.
struct JournalFrame {
  enum Kind: UInt8 {
    /// First of every file: salt and generation.
    case header = 1
    /// Records that became durable together.
    case group = 2
    /// Order and trade counters, in snapshots.
    case counters = 3
    /// Last of a snapshot.
    case end = 4
  }

  static let headerBytes = 24
  static let payloadBytesMax = 16 << 20
  static let alignment = 8
  private static let magic: UInt32 = 0x464A_4754
  private static let version: UInt8 = 1

  /// Nil when the frame is sound but of a kind or version that this program does not know.
  let kind: Kind?
  let recordCount: Int
  let payload: Range<Int>
  /// Offset behind the frame and its padding.
  let next: Int

  /// Appends a frame; `fill` appends the payload and returns the number of records in it.
  static func append(
    _ kind: Kind, sequence: UInt64, salt: UInt32, to out: inout [UInt8], fill: (inout [UInt8]) -> Int
  ) {
    let start = out.count
    assert(start % alignment == 0)
    out.put(magic)
    out.put(UInt32(0))
    out.put(sequence)
    out.put(kind.rawValue)
    out.put(version)
    out.put(UInt16(0))
    out.put(UInt32(0))
    let count = fill(&out)
    let length = out.count - start - headerBytes
    precondition(count <= Int(UInt16.max), "too many records for a frame")
    out.set(UInt32(length), at: start + 4)
    out.set(UInt32(kind.rawValue) | UInt32(version) << 8 | UInt32(count) << 16, at: start + 16)
    let checksum = out.withUnsafeBytes { Self.checksum($0, start: start, length: length, salt: salt) }
    out.set(checksum, at: start + 20)
    while out.count % alignment != 0 { out.append(0) }
  }

  /// The frame at `offset`, nil unless it is complete, unharmed and has this sequence (or a later one, if asked).
  static func read(
    _ bytes: UnsafeRawBufferPointer, at offset: Int, sequence: UInt64, salt: UInt32, orLater: Bool = false
  ) -> JournalFrame? {
    guard offset >= 0, bytes.count - offset >= headerBytes, word(bytes, offset) == magic else { return nil }
    let length = Int(word(bytes, offset + 4))
    guard length <= payloadBytesMax, bytes.count - offset - headerBytes >= length else { return nil }
    let found = UInt64(word(bytes, offset + 8)) | UInt64(word(bytes, offset + 12)) << 32
    guard found == sequence || (orLater && found > sequence) else { return nil }
    guard checksum(bytes, start: offset, length: length, salt: salt) == word(bytes, offset + 20) else { return nil }
    let attributes = word(bytes, offset + 16)
    let isKnown = attributes >> 8 & 0xFF == UInt32(version)
    let end = offset + headerBytes + length
    return JournalFrame(
      kind: isKnown ? Kind(rawValue: UInt8(attributes & 0xFF)) : nil, recordCount: Int(attributes >> 16),
      payload: offset + headerBytes..<end,
      next: (end + alignment - 1) / alignment * alignment)
  }

  /// Whether a frame that can only have been written after `sequence` stands at `offset` or behind: then what
  /// is broken at `offset` was once complete, and is not the rest of an interrupted write.
  static func hasFrame(_ bytes: UnsafeRawBufferPointer, from offset: Int, laterThan sequence: UInt64, salt: UInt32)
    -> Bool
  {
    assert(offset % alignment == 0)
    var candidate = offset
    while bytes.count - candidate >= headerBytes {
      if read(bytes, at: candidate, sequence: sequence + 1, salt: salt, orLater: true) != nil { return true }
      candidate += alignment
    }
    return false
  }

  private static func word(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> UInt32 {
    UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
  }

  private static func checksum(_ bytes: UnsafeRawBufferPointer, start: Int, length: Int, salt: UInt32) -> UInt32 {
    let head = UnsafeRawBufferPointer(rebasing: bytes[start..<start + headerBytes - 4])
    let payload = UnsafeRawBufferPointer(rebasing: bytes[start + headerBytes..<start + headerBytes + length])
    return CRC32C.checksum(payload, seed: CRC32C.checksum(head, seed: salt))
  }
}
