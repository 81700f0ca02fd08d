// Recognises the ping of one known client (the AmiBroker plug-in): `89 84` and a mask key, and then not the four bytes
// that it announces but the next frame. A strict parser takes the next frame's first four bytes for the payload and
// fails two bytes later. Pure values; owned by the connection; nothing allocates.
//
// The rule. Let s be the bytes after the mask key of a ping that announces exactly four.
//   1. The ping is complete and genuine unless s looks like the start of a frame that such a client sends: FIN, no
//      reserved bit, opcode text, close, ping or pong (81 only between messages), mask bit set, at most 125 bytes in a
//      control frame and not 1 in a close frame, a text length in its shortest form, below 64 KiB and within the limit.
//   2. Otherwise it is answered at once with the four bytes, since to wait for more could be to wait for ever, and the
//      two bytes that follow decide. If they can start a frame where the payload ends, the ping was genuine. Only if
//      they cannot, so that the stream would break the protocol if the ping were genuine, was it truncated, and s is
//      read again as the next frame.
// A stream that keeps to the protocol is therefore never misread, whatever its payloads. A truncating client is misread
// only if two bytes of its random mask key look like a header (7 in 512), and then fails as it would without this.
//   3. What was found holds for the connection: after a genuine ping of four bytes the rule is off; after a truncated
//      one, every ping whose s passes step 1 with its first two bytes is taken as empty without waiting.

/// What is known about the peer's pings, and the tests that tell.
enum TruncatedPing: UInt8, BitwiseCopyable {
  /// The peer's pings are genuine, or tolerance is off.
  case ruledOut
  /// Nothing is known yet.
  case possible
  /// The peer truncates its pings.
  case expected

  /// Number of bytes that such a ping announces.
  static let announcedCount = 4

  /// Step 1 over the first `start.count` bytes after the mask key (up to four): could they start a frame?
  static func couldStartFrame(_ start: PartialHeader, isInMessage: Bool, messageBytesMax: Int) -> Bool {
    assert(start.count <= announcedCount)
    guard start.count > 0 else { return true }
    let first = start.bytes[0]
    let isText = first == 0x81 && !isInMessage
    guard isText || (0x88...0x8A).contains(first) else { return false }

    guard start.count > 1 else { return true }
    let second = start.bytes[1]
    let length = Int(second & 0x7F)
    guard second & 0x80 != 0, length != 127, isText || length <= FrameHeader.controlPayloadMax else { return false }
    guard first != 0x88 || length != 1 else { return false }
    guard length == 126 else { return length <= messageBytesMax || !isText }

    guard start.count == 4 else { return true }
    let longLength = Int(start.bytes[2]) << 8 | Int(start.bytes[3])
    return longLength > 125 && longLength <= messageBytesMax
  }
}

/// The bytes of a header that has not arrived as a whole.
struct PartialHeader: BitwiseCopyable {
  private(set) var bytes = InlineArray<16, UInt8>(repeating: 0)
  private(set) var count = 0

  var isEmpty: Bool { count == 0 }

  mutating func append(_ byte: UInt8) {
    bytes[count] = byte
    count += 1
  }

  /// The first four bytes as one native load of them reads.
  var firstWord: UInt32 { withUnsafeBytes(of: bytes) { $0.load(as: UInt32.self) } }

  mutating func removeAll() { count = 0 }

  mutating func removeFirst(_ removed: Int) {
    assert(removed <= count)
    for index in removed..<count { bytes[index - removed] = bytes[index] }
    count -= removed
  }

  /// Parses what is there from `offset` on.
  func parse(from offset: Int = 0, role: Role, allowedRSV: UInt8 = 0) -> FrameHeader.ParseResult {
    withUnsafeBytes(of: bytes) { raw in
      guard let base = raw.baseAddress else { return .needMore }
      return FrameHeader.parse(base + offset, count: count - offset, role: role, allowedRSV: allowedRSV)
    }
  }
}
