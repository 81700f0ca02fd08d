// Fixed-offset reads of foreign bytes in the order of the machine. The caller has checked the length once for the
// whole packet.

extension UnsafeRawPointer {
  @inlinable @inline(__always) func little16(_ offset: Int) -> UInt16 {
    UInt16(littleEndian: loadUnaligned(fromByteOffset: offset, as: UInt16.self))
  }

  @inlinable @inline(__always) func little32(_ offset: Int) -> UInt32 {
    UInt32(littleEndian: loadUnaligned(fromByteOffset: offset, as: UInt32.self))
  }

  @inlinable @inline(__always) func little64(_ offset: Int) -> UInt64 {
    UInt64(littleEndian: loadUnaligned(fromByteOffset: offset, as: UInt64.self))
  }

  /// 64 bits in two's complement.
  @inlinable @inline(__always) func littleSigned64(_ offset: Int) -> Int64 { Int64(bitPattern: little64(offset)) }

  @inlinable @inline(__always) func byte(_ offset: Int) -> UInt8 { load(fromByteOffset: offset, as: UInt8.self) }
}
