// Fixed-offset reads of foreign bytes. The caller has checked the length once for the whole packet.

extension UnsafeRawPointer {
  @inlinable @inline(__always) func bigEndian16(_ offset: Int) -> UInt16 {
    UInt16(bigEndian: loadUnaligned(fromByteOffset: offset, as: UInt16.self))
  }

  @inlinable @inline(__always) func bigEndian32(_ offset: Int) -> UInt32 {
    UInt32(bigEndian: loadUnaligned(fromByteOffset: offset, as: UInt32.self))
  }

  @inlinable @inline(__always) func bigEndian64(_ offset: Int) -> UInt64 {
    UInt64(bigEndian: loadUnaligned(fromByteOffset: offset, as: UInt64.self))
  }

  /// Signed 32 bits, widened.
  @inlinable @inline(__always) func signed32(_ offset: Int) -> Int64 {
    Int64(Int32(bitPattern: bigEndian32(offset)))
  }
}
