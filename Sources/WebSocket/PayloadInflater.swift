// Decompresses the payloads of messages that came with permessage-deflate (RFC 7692 §7.2.2). The peer keeps nothing
// between messages, so one inflater with one output buffer serves all connections of a loop, on that loop's thread.
// Allocates the output on demand up to the largest message; a message within what was needed before allocates nothing.

import CZlib
import Glibc

/// A decompressor without memory of earlier messages.
public final class PayloadInflater {
  /// What became of a payload.
  public enum Outcome: BitwiseCopyable {
    /// The message. Valid until the next call.
    case message(UnsafeRawBufferPointer)
    /// The message is larger than allowed; the rest was not decompressed.
    case tooLarge
    /// Not a deflate stream, or one that ends inside a block.
    case malformed
  }

  private enum Progress {
    /// All input is taken and more may follow.
    case open
    /// All input is taken, and it ended with a block that says to be the last.
    case ended
    case tooLarge
    case malformed
  }

  private static let firstCapacityBytes = 16_384
  /// zlib's window; the largest there is, since what a smaller one compressed needs no more.
  private static let windowBits: Int32 = 15

  // zlib's state points back to the stream, so this must not move.
  private let stream: UnsafeMutablePointer<z_stream>
  private var output: UnsafeMutableRawPointer?
  /// Bytes of memory held for output.
  public private(set) var capacityBytes = 0
  private var outputCount = 0

  public init() {
    stream = .allocate(capacity: 1)
    stream.initialize(to: z_stream())
    guard tg_inflate_init(stream, -Self.windowBits) == Z_OK else { fatalError("out of memory") }
  }

  deinit {
    inflateEnd(stream)
    stream.deallocate()
    free(output)
  }

  /// Decompresses one message.
  ///
  /// A payload of no bytes, which some senders make of an empty message, is an empty message. So is one that ends with
  /// a block marked as the last, though the byte that should follow it is missing.
  ///
  /// - Parameters:
  ///   - payload: of the whole message as it came, unmasked.
  ///   - bytesMax: largest message allowed. No more than this and one byte are ever written.
  public func inflate(_ payload: UnsafeRawBufferPointer, bytesMax: Int) -> Outcome {
    precondition(bytesMax >= 0 && bytesMax <= Int.max / 4)
    outputCount = 0
    guard payload.count > 0 else { return .message(message) }
    guard payload.count <= Int(UInt32.max) else { return .tooLarge }
    inflateReset(stream)
    switch feed(payload, bytesMax) {
    case .ended: return .message(message)
    case .tooLarge: return .tooLarge
    case .malformed: return .malformed
    case .open: break
    }
    let progress = withUnsafeBytes(of: PayloadDeflater.tail) { feed($0, bytesMax) }
    switch progress {
    case .ended: return .message(message)
    case .open: return isBetweenBlocks ? .message(message) : .malformed
    case .tooLarge: return .tooLarge
    case .malformed: return .malformed
    }
  }

  private var message: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: output, count: outputCount) }

  /// After a whole block, with no bit of the next one read: zlib tells both in `data_type`.
  private var isBetweenBlocks: Bool {
    let unusedBits: Int32 = 0x3F
    let isAfterBlock: Int32 = 0x80
    return stream.pointee.data_type & (unusedBits | isAfterBlock) == isAfterBlock
  }

  /// Decompresses a piece of input. Every turn takes input or fills the room it was given, so both bound the turns.
  private func feed(_ input: UnsafeRawBufferPointer, _ bytesMax: Int) -> Progress {
    guard let source = input.baseAddress else { return .open }
    stream.pointee.next_in = UnsafeMutablePointer(mutating: source.assumingMemoryBound(to: UInt8.self))
    stream.pointee.avail_in = UInt32(input.count)
    while true {
      if outputCount == capacityBytes { grow(bytesMax) }
      // One byte more than allowed, to tell a message of just that size from a larger one.
      let room = UInt32(clamping: min(capacityBytes, bytesMax + 1) - outputCount)
      guard room > 0, let output else { return .tooLarge }
      stream.pointee.next_out = (output + outputCount).assumingMemoryBound(to: UInt8.self)
      stream.pointee.avail_out = room
      let result = CZlib.inflate(stream, Z_NO_FLUSH)
      outputCount += Int(room - stream.pointee.avail_out)
      guard outputCount <= bytesMax else { return .tooLarge }
      switch result {
      case Z_STREAM_END:
        if stream.pointee.avail_in == 0 { return .ended }
        // Blocks may follow the last one: the sender ended its stream and began another (RFC 7692 §7.2.3.4).
        inflateReset(stream)
      case Z_OK, Z_BUF_ERROR:
        if stream.pointee.avail_out > 0 { return stream.pointee.avail_in == 0 ? .open : .malformed }
      case Z_MEM_ERROR: fatalError("out of memory")
      default: return .malformed
      }
    }
  }

  private func grow(_ bytesMax: Int) {
    let wanted = min(max(capacityBytes * 2, Self.firstCapacityBytes), bytesMax + 1)
    guard wanted > capacityBytes else { return }
    guard let grown = realloc(output, wanted) else { fatalError("out of memory") }
    output = grown
    capacityBytes = wanted
  }
}
