// Frames of a server out of received pieces: the bench's own reader, which checks little, because what a generator
// spends per message is taken from the server beside it. Trivial; whoever holds it frees it.

import Glibc

struct FrameReader: BitwiseCopyable {
  enum Event: BitwiseCopyable {
    /// A data message; valid until the next call.
    case message(UnsafeRawBufferPointer)
    case ping(UnsafeRawBufferPointer)
    case pong
    case close(UnsafeRawBufferPointer)
    case needMore
    /// Masked, fragmented or too long: nothing that a benchmark should go on with.
    case broken
  }

  private var chunk: UnsafeRawPointer?
  private var chunkCount = 0
  private var position = 0
  /// The beginning of a frame whose end has not come yet.
  private var partial: UnsafeMutableRawPointer?
  private var partialCount = 0
  private var partialCapacity = 0
  /// `partial` was delivered: to be emptied.
  private var isPartialDone = false

  private static let frameBytesMax = 16 << 20
  private static let headerBytesMax = 10

  mutating func receive(_ bytes: UnsafeRawBufferPointer) {
    chunk = bytes.baseAddress
    chunkCount = bytes.count
    position = 0
  }

  mutating func release() {
    free(partial)
    self = FrameReader()
  }

  @inline(__always) mutating func next() -> Event {
    if isPartialDone {
      isPartialDone = false
      partialCount = 0
    }
    if partialCount > 0 { return nextAcross() }
    let left = chunkCount &- position
    if left == 0 { return .needMore }
    let start = chunk.unsafelyUnwrapped + position
    guard let (header, payload) = Self.header(start, left) else { return keep(left) }
    if payload < 0 { return .broken }
    if left < header &+ payload { return keep(left) }
    position &+= header &+ payload
    return Self.event(start, header, payload)
  }

  /// Sizes of header and payload; nil while the header is not whole, a negative payload for what is refused.
  @inline(__always) private static func header(_ start: UnsafeRawPointer, _ count: Int) -> (Int, Int)? {
    if count < 2 { return nil }
    let second = start.load(fromByteOffset: 1, as: UInt8.self)
    if start.load(as: UInt8.self) & 0x80 == 0 || second & 0x80 != 0 { return (0, -1) }
    if second < 126 { return (2, Int(second)) }
    if second == 126 {
      if count < 4 { return nil }
      return (4, Int(UInt16(bigEndian: start.loadUnaligned(fromByteOffset: 2, as: UInt16.self))))
    }
    if count < headerBytesMax { return nil }
    let length = UInt64(bigEndian: start.loadUnaligned(fromByteOffset: 2, as: UInt64.self))
    return (headerBytesMax, length > UInt64(frameBytesMax) ? -1 : Int(length))
  }

  @inline(__always) private static func event(_ start: UnsafeRawPointer, _ header: Int, _ payload: Int) -> Event {
    let bytes = UnsafeRawBufferPointer(start: start + header, count: payload)
    switch start.load(as: UInt8.self) & 0x0F {
    case 1, 2: return .message(bytes)
    case 8: return .close(bytes)
    case 9: return .ping(bytes)
    case 10: return .pong
    default: return .broken
    }
  }

  // MARK: Frames in pieces

  @inline(never) private mutating func keep(_ count: Int) -> Event {
    copy(count)
    return .needMore
  }

  private mutating func copy(_ count: Int) {
    if partialCount + count > partialCapacity {
      partialCapacity = max(4096, 2 * (partialCount + count))
      guard let larger = realloc(partial, partialCapacity) else { fatalError("no memory for a frame") }
      partial = larger
    }
    (partial! + partialCount).copyMemory(from: chunk! + position, byteCount: count)
    partialCount += count
    position += count
  }

  @inline(never) private mutating func nextAcross() -> Event {
    while position < chunkCount {
      guard let (header, payload) = Self.header(UnsafeRawPointer(partial!), partialCount) else {
        copy(1)
        continue
      }
      if payload < 0 { return .broken }
      let missing = header + payload - partialCount
      copy(min(missing, chunkCount - position))
      if partialCount == header + payload {
        isPartialDone = true
        return Self.event(UnsafeRawPointer(partial!), header, payload)
      }
    }
    // The header may have become whole with the last byte, for a message without payload.
    if let (header, payload) = Self.header(UnsafeRawPointer(partial!), partialCount), header + payload == partialCount {
      isPartialDone = true
      return Self.event(UnsafeRawPointer(partial!), header, payload)
    }
    return .needMore
  }
}
