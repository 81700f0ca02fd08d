// Compresses the payloads of messages for permessage-deflate (RFC 7692 §7.2.1), each on its own, so that one result
// serves every client. One per loop; used by that loop's thread only.
// All memory is taken at the start; nothing allocates per message.

import CZlib

/// A compressor without memory of earlier messages.
public final class PayloadDeflater {
  /// What may be chosen. The defaults suit ticks of some hundred bytes: what a larger window or more memory costs per
  /// message (clearing it) buys nothing there, and 12 bits are what OpenAlgo's own server has.
  public struct Options: Sendable, BitwiseCopyable {
    /// 1 (fast) to 9 (small).
    public var level = 1
    /// Messages refer back at most two to this power bytes: 9 to 15.
    public var windowBits = 12
    /// 1 to 9: the compressor takes 2^(windowBits + 2) + 2^(memoryLevel + 9) bytes.
    public var memoryLevel = 4
    /// Payloads below this size are not worth the work.
    public var payloadBytesMin = 64

    public init() {}
  }

  /// How far back its results may refer, for `DeflateAgreement.accepts`.
  public let windowBits: Int
  /// Payloads below this size are left alone.
  public let payloadBytesMin: Int
  // zlib's state points back to the stream, so this must not move.
  private let stream: UnsafeMutablePointer<z_stream>

  /// An empty block without its header's bits: what a flush ends with, and what the protocol leaves out.
  static let tail = UInt32(littleEndian: 0xFFFF_0000)

  public init(_ options: Options = Options()) {
    precondition((1...9).contains(options.level) && (9...15).contains(options.windowBits))
    precondition((1...9).contains(options.memoryLevel) && options.payloadBytesMin >= 0)
    windowBits = options.windowBits
    payloadBytesMin = options.payloadBytesMin
    stream = .allocate(capacity: 1)
    stream.initialize(to: z_stream())
    // A negative window means deflate without any wrapping.
    let result = tg_deflate_init(
      stream, Int32(options.level), -Int32(options.windowBits), Int32(options.memoryLevel))
    guard result == Z_OK else { fatalError("out of memory") }
  }

  deinit {
    deflateEnd(stream)
    stream.deallocate()
  }

  /// Room with which a payload of this size is compressed if it can be made smaller at all.
  @inlinable public static func roomBytes(payloadCount: Int) -> Int { payloadCount &+ 4 }

  /// Compresses one message.
  ///
  /// - Parameters:
  ///   - payload: of the whole message, not masked.
  ///   - destination: with `roomBytes` or less; holds the compressed payload afterwards, and is scratch beyond it.
  /// - Returns: bytes of the compressed payload, always fewer than those of `payload`; nil when it does not get smaller
  ///   or does not fit, and the message is to be sent as it is.
  public func deflate(_ payload: UnsafeRawBufferPointer, to destination: UnsafeMutableRawBufferPointer) -> Int? {
    let tailBytes = MemoryLayout.size(ofValue: Self.tail)
    let room = min(destination.count, Self.roomBytes(payloadCount: payload.count))
    guard let source = payload.baseAddress, let target = destination.baseAddress, payload.count > 0,
      payload.count >= payloadBytesMin, room > tailBytes, room <= Int(UInt32.max)
    else { return nil }
    deflateReset(stream)
    stream.pointee.next_in = UnsafeMutablePointer(mutating: source.assumingMemoryBound(to: UInt8.self))
    stream.pointee.avail_in = UInt32(payload.count)
    stream.pointee.next_out = target.assumingMemoryBound(to: UInt8.self)
    stream.pointee.avail_out = UInt32(room)
    let result = CZlib.deflate(stream, Z_SYNC_FLUSH)
    // The flush is known to be complete only if a byte of room is left.
    guard result == Z_OK, stream.pointee.avail_in == 0, stream.pointee.avail_out > 0 else { return nil }
    let count = room - Int(stream.pointee.avail_out) - tailBytes
    assert(count > 0 && count < payload.count)
    assert(target.loadUnaligned(fromByteOffset: count, as: UInt32.self) == Self.tail)
    return count
  }
}
