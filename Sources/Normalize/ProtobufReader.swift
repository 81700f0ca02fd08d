// Reads the protobuf wire format: one field per step, nothing copied, nothing allocated, any thread. It knows no schema:
// whoever reads goes by `tag` and enters a nested message with another reader over `bytes`. Every length is checked
// against the memory given, so hostile input ends in `.malformed` and nowhere else.
// https://protobuf.dev/programming-guides/encoding/

/// How the value of a field is written.
public enum ProtobufWire {
  @inlinable public static var varint: UInt32 { 0 }
  @inlinable public static var fixed64: UInt32 { 1 }
  @inlinable public static var lengthDelimited: UInt32 { 2 }
  @inlinable public static var fixed32: UInt32 { 5 }

  /// Tag of a field as it stands on the wire: number and wire type in one word. A known number with another wire type
  /// is an unknown field, so tags are compared whole.
  @inlinable @inline(__always) public static func tag(_ number: UInt32, _ wire: UInt32) -> UInt32 {
    number << 3 | wire
  }
}

/// Walks the fields of one message in the order of the wire.
public struct ProtobufReader: BitwiseCopyable {
  public enum Step: UInt8, Sendable { case field, end, malformed }

  /// A tag or a length has 32 bits, so more bytes than this are no tag and no length.
  @inline(__always) private static var shortVarintBytesMax: Int { 5 }
  @inline(__always) private static var varintBytesMax: Int { 10 }

  /// Start of the memory that is read. For no memory at all some address, from which nothing is read.
  private let base: UnsafeRawPointer
  /// Bytes read so far.
  public private(set) var offset = 0
  /// Where the message ends that is read now: `enter` narrows it to a nested one.
  public private(set) var end: Int
  /// Number and wire type of the field of the last step: see `ProtobufWire.tag`.
  public private(set) var tag: UInt32 = 0
  /// Value of a varint or fixed field; the length of a length-delimited one.
  public private(set) var scalar: UInt64 = 0

  /// The memory must stay as long as this reader and what it hands out are used.
  public init(_ message: UnsafeRawBufferPointer) {
    base = message.baseAddress ?? UnsafeRawPointer(bitPattern: 1).unsafelyUnwrapped
    end = message.count
  }

  /// Content of a length-delimited field.
  @inline(__always) public var bytes: UnsafeRawBufferPointer {
    let count = Int(truncatingIfNeeded: scalar)
    return UnsafeRawBufferPointer(start: base + (offset &- count), count: count)
  }

  /// A varint field as `int64`.
  @inline(__always) public var signed: Int64 { Int64(bitPattern: scalar) }
  /// A varint field as an enum or `int32`: what lies above 32 bits is dropped, as the format wants.
  @inline(__always) public var signed32: Int32 { Int32(truncatingIfNeeded: scalar) }
  /// A fixed64 field as `double`.
  @inline(__always) public var double: Double { Double(bitPattern: scalar) }

  /// Reads the next field, its value included. Groups (wire types 3 and 4), wire types 6 and 7 and field number 0 are
  /// malformed. After anything but `.field` the reader is spent.
  @inline(__always)
  public mutating func next() -> Step {
    guard offset < end else { return .end }
    guard readVarint(bytesMax: Self.shortVarintBytesMax), scalar <= UInt64(UInt32.max), scalar >= 8 else {
      return .malformed
    }
    tag = UInt32(truncatingIfNeeded: scalar)
    switch tag & 7 {
    case ProtobufWire.varint:
      return readVarint(bytesMax: Self.varintBytesMax) ? .field : .malformed
    case ProtobufWire.fixed64:
      guard end &- offset >= 8 else { return .malformed }
      scalar = UInt64(littleEndian: base.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
      offset &+= 8
      return .field
    case ProtobufWire.lengthDelimited:
      guard readVarint(bytesMax: Self.shortVarintBytesMax), scalar <= UInt64(end &- offset) else {
        return .malformed
      }
      offset &+= Int(truncatingIfNeeded: scalar)
      return .field
    case ProtobufWire.fixed32:
      guard end &- offset >= 4 else { return .malformed }
      scalar = UInt64(UInt32(littleEndian: base.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
      offset &+= 4
      return .field
    default: return .malformed
    }
  }

  /// Goes into the length-delimited field just read, which ends where this reader stands: the next steps are those of
  /// the message inside, up to its `.end`. For walks without a reader per message; the way back is `leave`.
  @inline(__always)
  public mutating func enter() {
    end = offset
    offset &-= Int(truncatingIfNeeded: scalar)
  }

  /// Goes on in the message around, which ends at `end`.
  @inline(__always)
  public mutating func leave(to end: Int) {
    assert(offset == self.end && end >= offset)
    self.end = end
  }

  @inline(__always)
  private mutating func readVarint(bytesMax: Int) -> Bool {
    guard offset < end else { return false }
    let first = base.load(fromByteOffset: offset, as: UInt8.self)
    if first < 0x80 {
      offset &+= 1
      scalar = UInt64(first)
      return true
    }
    let long = Self.longVarint(base + offset, bytesMax: min(end &- offset, bytesMax))
    offset &+= long.bytes
    scalar = long.value
    return long.bytes > 0
  }

  /// Value and length of a varint; no length where none ends within the bytes. Bits beyond the 64th, which the tenth
  /// byte may have, are dropped. Static, so that a reader can live in registers.
  private static func longVarint(_ start: UnsafeRawPointer, bytesMax: Int) -> (value: UInt64, bytes: Int) {
    var value: UInt64 = 0
    for index in 0..<bytesMax {
      let byte = start.load(fromByteOffset: index, as: UInt8.self)
      value |= UInt64(byte & 0x7F) &<< UInt64(truncatingIfNeeded: 7 &* index)
      if byte < 0x80 { return (value, index &+ 1) }
    }
    return (0, 0)
  }

  /// Whether bytes are the UTF-8 that a `string` field must be.
  public static func isUTF8(_ bytes: UnsafeRawBufferPointer) -> Bool {
    var place = 0
    while place &+ 8 <= bytes.count {
      if bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self) & 0x8080_8080_8080_8080 != 0 { break }
      place &+= 8
    }
    while place < bytes.count, bytes[place] < 0x80 { place &+= 1 }
    // Names of instruments are ASCII: only foreign text comes this far, and makes a String.
    return place == bytes.count || String(validating: bytes[place...], as: UTF8.self) != nil
  }
}
