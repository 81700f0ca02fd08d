// The header in front of every frame (RFC 6455 §5.2): two bytes, an optional longer length, an optional mask key.
// Pure function of bytes; any thread; nothing allocates.

/// A parsed frame header.
public struct FrameHeader: Sendable, BitwiseCopyable {
  /// Longest possible header: 2 bytes, 8 of length, 4 of mask key.
  public static let bytesMax = 14
  /// Longest payload of a control frame.
  public static let controlPayloadMax = 125
  /// The reserved bit (RSV1) that says, on the first frame of a message, that the message is compressed (RFC 7692 §6).
  public static let compressedRSV: UInt8 = 0x40

  /// Last frame of its message.
  public let isFinal: Bool
  /// The three reserved bits as they stand in the first byte: 0x40, 0x20, 0x10.
  public let rsv: UInt8
  public let opcode: Opcode
  /// Whether the payload is masked with `maskKey`.
  public let isMasked: Bool
  /// Size of this header.
  public let headerBytes: Int
  public let payloadCount: Int
  /// The key's four bytes in memory order, that is as one unaligned load reads them; 0 when there is none.
  public let maskKey: UInt32

  /// Stands where no frame is under way.
  static let none = FrameHeader(
    isFinal: true, rsv: 0, opcode: .continuation, isMasked: false, headerBytes: 0, payloadCount: 0, maskKey: 0)

  /// What the bytes at hand amount to.
  public enum ParseResult: Sendable, BitwiseCopyable {
    /// Nothing wrong so far, and not complete.
    case needMore
    case header(FrameHeader)
    case violation(Violation)
  }

  /// Reads the header at `bytes`. A violation is reported as soon as the byte that makes it one is there.
  ///
  /// - Parameters:
  ///   - bytes: start of the frame; at least `count` readable bytes.
  ///   - role: our side. A server insists on masked frames, a client on unmasked ones.
  ///   - allowedRSV: reserved bits (0x40, 0x20, 0x10) that an agreed extension uses on data frames.
  public static func parse(
    _ bytes: UnsafeRawPointer, count: Int, role: Role, allowedRSV: UInt8 = 0
  ) -> ParseResult {
    guard count > 0 else { return .needMore }
    let first = bytes.load(as: UInt8.self)
    let rsv = first & 0x70
    guard let opcode = Opcode(rawValue: first & 0x0F) else { return .violation(.protocol("reserved opcode")) }
    guard rsv & ~allowedRSV == 0, rsv == 0 || !opcode.isControl else {
      return .violation(.protocol("reserved bit set"))
    }
    let isFinal = first & 0x80 != 0
    guard isFinal || !opcode.isControl else { return .violation(.protocol("fragmented control frame")) }

    guard count > 1 else { return .needMore }
    let second = bytes.load(fromByteOffset: 1, as: UInt8.self)
    let isMasked = second & 0x80 != 0
    let shortLength = Int(second & 0x7F)
    guard isMasked == role.expectsMaskedInput else {
      return .violation(.protocol(isMasked ? "masked frame from a server" : "unmasked frame from a client"))
    }
    guard shortLength <= controlPayloadMax || !opcode.isControl else {
      return .violation(.protocol("control frame too long"))
    }

    var headerBytes = 2
    var payloadCount = shortLength
    if shortLength == 126 {
      guard count >= 4 else { return .needMore }
      payloadCount = Int(UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt16.self)))
      guard payloadCount > 125 else { return .violation(.protocol("length not in its shortest form")) }
      headerBytes = 4
    } else if shortLength == 127 {
      guard count >= 10 else { return .needMore }
      let length = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt64.self))
      guard length >> 63 == 0 else { return .violation(.protocol("length above 63 bits")) }
      guard length > 0xFFFF else { return .violation(.protocol("length not in its shortest form")) }
      payloadCount = Int(length)
      headerBytes = 10
    }

    var maskKey: UInt32 = 0
    if isMasked {
      guard count >= headerBytes + 4 else { return .needMore }
      maskKey = bytes.loadUnaligned(fromByteOffset: headerBytes, as: UInt32.self)
      headerBytes += 4
    }
    return .header(
      FrameHeader(
        isFinal: isFinal, rsv: rsv, opcode: opcode, isMasked: isMasked, headerBytes: headerBytes,
        payloadCount: payloadCount, maskKey: maskKey))
  }
}
