// Unpacks gzip data that comes in pieces. Memory is one block of output, whatever the data unpack to. Cold path; one
// thread.

import CZlib

/// A whole file that may be packed.
public enum GzipFile {
  /// Largest list after unpacking: the brokers' have some tens of MB.
  public static let unpackedBytesMax = 1 << 30

  /// The bytes as they are, or unpacked where they are gzip data; nil when these are damaged or unpack to more than
  /// `unpackedBytesMax`.
  public static func unpacked(_ bytes: [UInt8]) -> [UInt8]? {
    guard bytes.starts(with: GzipReader.magic) else { return bytes }
    let reader = GzipReader()
    var unpacked: [UInt8] = []
    do {
      try bytes.withUnsafeBytes { bytes in
        try reader.read(bytes) { block in
          guard unpacked.count + block.count <= unpackedBytesMax else { throw GzipReader.Damaged() }
          unpacked += block
        }
      }
      try reader.finish()
    } catch {
      return nil
    }
    return unpacked
  }
}

/// A stream of gzip data, of one or several members.
final class GzipReader {
  struct Damaged: Error {}

  /// First bytes of gzip data.
  static let magic: [UInt8] = [0x1F, 0x8B]
  private static let blockBytes = 1 << 16
  /// zlib's largest window, and 16 for the gzip wrapper.
  private static let windowBits: Int32 = 15 + 16

  // zlib's state points back to the stream, so this must not move.
  private let stream: UnsafeMutablePointer<z_stream>
  private let block: UnsafeMutableRawBufferPointer
  private var isBetweenMembers = true

  init() {
    stream = .allocate(capacity: 1)
    stream.initialize(to: z_stream())
    guard tg_inflate_init(stream, Self.windowBits) == Z_OK else { fatalError("out of memory") }
    block = .allocate(byteCount: Self.blockBytes, alignment: 16)
  }

  deinit {
    inflateEnd(stream)
    stream.deallocate()
    block.deallocate()
  }

  /// Hands what the bytes unpack to over to `body`, block by block.
  func read(_ bytes: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
    guard let base = bytes.baseAddress, bytes.count > 0 else { return }
    // zlib does not write to its input.
    stream.pointee.next_in = UnsafeMutablePointer(mutating: base.assumingMemoryBound(to: UInt8.self))
    stream.pointee.avail_in = UInt32(bytes.count)
    repeat {
      if isBetweenMembers {
        if stream.pointee.avail_in == 0 { return }
        inflateReset(stream)
        isBetweenMembers = false
      }
      stream.pointee.next_out = block.baseAddress?.assumingMemoryBound(to: UInt8.self)
      stream.pointee.avail_out = UInt32(block.count)
      let result = inflate(stream, Z_NO_FLUSH)
      let count = block.count - Int(stream.pointee.avail_out)
      if count > 0 { try body(UnsafeRawBufferPointer(rebasing: block[..<count])) }
      switch result {
      case Z_STREAM_END: isBetweenMembers = true
      case Z_OK: break
      // Nothing to do: all input is taken and all output handed over.
      case Z_BUF_ERROR: return
      default: throw Damaged()
      }
    } while stream.pointee.avail_in > 0 || stream.pointee.avail_out == 0
  }

  /// The data have ended.
  func finish() throws { if !isBetweenMembers { throw Damaged() } }
}
