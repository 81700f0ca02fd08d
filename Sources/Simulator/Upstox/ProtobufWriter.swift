// Protocol buffers written from the end to the front: what a message contains is there before its length is needed, so
// that nothing is measured twice. Into memory of the caller; pure, allocates nothing.

/// Writes one message backwards. Fields are given last first, and so are the bytes within them.
struct ProtobufWriter {
  private let base: UnsafeMutableRawPointer
  /// Where the message begins so far.
  private(set) var start: Int

  /// - Parameter end: where the message will end; all before it is free.
  init(_ base: UnsafeMutableRawPointer, end: Int) {
    self.base = base
    start = end
  }

  private mutating func put(_ byte: UInt8) {
    precondition(start > 0, "a message larger than its room")
    start -= 1
    base.storeBytes(of: byte, toByteOffset: start, as: UInt8.self)
  }

  mutating func raw(varint value: UInt64) {
    var groups = 1
    while groups < 10, value >> UInt64(7 * groups) != 0 { groups += 1 }
    for group in stride(from: groups - 1, through: 0, by: -1) {
      let isLast = group == groups - 1
      put(UInt8(truncatingIfNeeded: value >> UInt64(7 * group)) & 0x7F | (isLast ? 0 : 0x80))
    }
  }

  private mutating func tag(_ field: UInt64, _ wireType: UInt64) { raw(varint: field << 3 | wireType) }

  /// A number; 0 is what an absent one means, and is not written.
  mutating func varint(_ field: UInt64, _ value: UInt64) {
    if value == 0 { return }
    raw(varint: value)
    tag(field, 0)
  }

  mutating func double(_ field: UInt64, _ value: Double) {
    if value == 0 { return }
    precondition(start >= 8, "a message larger than its room")
    start -= 8
    base.putLittle(value.bitPattern, at: start)
    tag(field, 1)
  }

  mutating func bytes(_ field: UInt64, _ source: UnsafePointer<UInt8>, _ count: Int) {
    precondition(start >= count, "a message larger than its room")
    start -= count
    (base + start).copyMemory(from: source, byteCount: count)
    raw(varint: UInt64(count))
    tag(field, 2)
  }

  mutating func text(_ field: UInt64, _ text: StaticString) { bytes(field, text.utf8Start, text.utf8CodeUnitCount) }

  /// Closes a message whose contents end at `end` and begin here.
  mutating func message(_ field: UInt64, end: Int) {
    raw(varint: UInt64(end - start))
    tag(field, 2)
  }
}
