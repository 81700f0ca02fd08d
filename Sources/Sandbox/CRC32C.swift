// CRC-32C (Castagnoli, reflected polynomial 0x82F63B78), as the journal's frames carry it. Table driven, four bytes a
// step: the journal's thread waits for the disk far longer than for this.

enum CRC32C {
  /// Four tables of 256: the effect of a byte that is followed by 0, 1, 2 or 3 others.
  private static let tables: [UInt32] = {
    var tables = [UInt32](repeating: 0, count: 1024)
    for byte in 0..<256 {
      var value = UInt32(byte)
      for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ 0x82F6_3B78 : value >> 1 }
      tables[byte] = value
    }
    for index in 256..<1024 {
      let shorter = tables[index - 256]
      tables[index] = shorter >> 8 ^ tables[Int(shorter & 0xFF)]
    }
    return tables
  }()

  /// Checksum of `bytes`; `seed` continues an earlier one, or sets apart what must not be mistaken for another.
  static func checksum(_ bytes: UnsafeRawBufferPointer, seed: UInt32 = 0) -> UInt32 {
    tables.withUnsafeBufferPointer { tables in
      var value = ~seed
      var offset = 0
      while offset + 4 <= bytes.count {
        value ^= UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
        value =
          tables[768 + Int(value & 0xFF)] ^ tables[512 + Int(value >> 8 & 0xFF)]
          ^ tables[256 + Int(value >> 16 & 0xFF)] ^ tables[Int(value >> 24)]
        offset += 4
      }
      while offset < bytes.count {
        value = value >> 8 ^ tables[Int((value ^ UInt32(bytes[offset])) & 0xFF)]
        offset += 1
      }
      return ~value
    }
  }
}
