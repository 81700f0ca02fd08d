// The XOR mask over payloads that clients send (RFC 6455 §5.3), in place.
// Pure; any thread; nothing allocates.

/// Applies a mask key; applying it twice restores the bytes.
public enum Masking {
  /// XORs `count` bytes with the key, which repeats every four bytes.
  ///
  /// - Parameters:
  ///   - key: the key as one native load of its four bytes reads it, so `FrameHeader.maskKey`.
  ///   - phase: how many bytes of the payload lie before `bytes`, to go on in mid payload.
  @inlinable
  public static func apply(_ key: UInt32, to bytes: UnsafeMutableRawPointer, count: Int, phase: Int = 0) {
    assert(count >= 0 && phase >= 0)
    // Rotated so that the byte due at `bytes[0]` comes first in memory.
    let bits = UInt32(truncatingIfNeeded: (phase & 3) &* 8)
    let little = UInt32(littleEndian: key)
    let rotated = (little &>> bits) | (bits == 0 ? 0 : little &<< (32 &- bits))
    var word = (UInt64(rotated) | UInt64(rotated) &<< 32).littleEndian

    var offset = 0
    // Eight bytes at a time; the compiler makes vectors of it.
    while offset &+ 8 <= count {
      let value = bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
      bytes.storeBytes(of: value ^ word, toByteOffset: offset, as: UInt64.self)
      offset &+= 8
    }
    word = word.littleEndian
    while offset < count {
      let value = bytes.load(fromByteOffset: offset, as: UInt8.self)
      bytes.storeBytes(of: value ^ UInt8(truncatingIfNeeded: word), toByteOffset: offset, as: UInt8.self)
      word &>>= 8
      offset &+= 1
    }
  }
}
