// The bytes of one value in every form that clients want it in: made when the first client of a form is met, shared
// by all others. Owned by one fan-out loop; nothing here allocates after `init` once an instrument is prepared.

import Market
import TickRing
import WebSocket

/// A frame that is ready to be copied. Valid until the next `begin`.
struct Frame: BitwiseCopyable {
  var start: UnsafeRawPointer
  var count: Int
}

struct TickFrames: ~Copyable {
  private var encoder: TickEncoder
  private let epochMillis: UInt64
  /// By form: the flags of an entry that say how its client wants its bytes.
  private let frames: UnsafeMutablePointer<Frame>
  /// Forms that `frames` holds, a bit each.
  private var made: UInt8 = 0
  private var tick: UnsafePointer<Tick>
  private var mode = Mode.ltp
  private var sequence: UInt64 = 0
  /// Bytes of the text without its tail, which is the same for all text forms; 0 until one is wanted.
  private var bodyBytes = 0
  private let plain: UnsafeMutableRawPointer
  private let sequenced: UnsafeMutableRawPointer
  private let binary: UnsafeMutableRawPointer
  /// Compressed twins of `plain` and `sequenced`.
  private let deflated: UnsafeMutableRawPointer
  private let deflatedSequenced: UnsafeMutableRawPointer
  private let deflatedRoom: Int
  private let deflater: PayloadDeflater?

  /// Room before the payload for the longest header of a server's frame, kept aligned.
  private static let headRoom = 16

  /// - Parameter deflater: nil when no client may have its messages compressed.
  init(
    registry: InstrumentRegistry, feedNames: [String], epochMillis: Int64, tick: UnsafePointer<Tick>,
    books: DeepBookTable?, deflater: PayloadDeflater?
  ) {
    encoder = TickEncoder(registry: registry, feedNames: feedNames, books: books)
    self.epochMillis = UInt64(clamping: epochMillis)
    self.tick = tick
    self.deflater = deflater
    let bytes = Self.headRoom + encoder.bytesMax(.depth)
    plain = .allocate(byteCount: bytes, alignment: 16)
    sequenced = .allocate(byteCount: bytes, alignment: 16)
    binary = .allocate(
      byteCount: Self.headRoom + (books == nil ? BinaryEncoder.tickBytesMax : BinaryEncoder.bookBytesMax), alignment: 16
    )
    deflatedRoom = PayloadDeflater.roomBytes(payloadCount: encoder.bytesMax(.depth))
    deflated = .allocate(byteCount: Self.headRoom + deflatedRoom, alignment: 16)
    deflatedSequenced = .allocate(byteCount: Self.headRoom + deflatedRoom, alignment: 16)
    frames = .allocate(capacity: EntryFlags.forms)
    frames.initialize(repeating: Frame(start: plain, count: 0), count: EntryFlags.forms)
  }

  deinit {
    plain.deallocate()
    sequenced.deallocate()
    binary.deallocate()
    deflated.deallocate()
    deflatedSequenced.deallocate()
    frames.deallocate()
  }

  /// Renders what never changes of an instrument, so that its first tick need not.
  mutating func prepare(_ instrument: UInt32) { encoder.prepare(instrument) }

  /// Another value: forgets the frames of the last one. `tick` stays untouched until the next `begin`.
  @inline(__always)
  mutating func begin(_ tick: UnsafePointer<Tick>, _ mode: Mode, _ sequence: UInt64) {
    self.tick = tick
    self.mode = mode
    self.sequence = sequence
    made = 0
    bodyBytes = 0
  }

  /// The frame for a subscriber's entry.
  @inline(__always)
  mutating func frame(ofEntry entry: UInt32) -> Frame {
    let form = EntryFlags.form(ofEntry: entry)
    if made & (1 &<< UInt8(truncatingIfNeeded: form)) == 0 { make(form) }
    return frames[form]
  }

  @inline(never)
  private mutating func make(_ form: Int) {
    made |= 1 &<< UInt8(truncatingIfNeeded: form)
    if form & EntryFlags.binaryForm != 0 {
      frames[form] = makeBinary()
    } else if form & EntryFlags.deflatedForm != 0 {
      frames[form] = makeDeflated(form)
    } else {
      frames[form] = form & EntryFlags.sequencedForm == 0 ? makePlain() : makeSequenced()
    }
  }

  /// The value as an answer to `snapshot`: flagged, with its age. Overwrites the frames of this value.
  mutating func snapshot(ofEntry entry: UInt32, ageMillis: Int64) -> Frame {
    let form = EntryFlags.form(ofEntry: entry)
    if form & EntryFlags.binaryForm != 0 {
      made &= ~(1 &<< UInt8(truncatingIfNeeded: form))
      let record = binary + Self.headRoom
      if mode == .depth, let book = encoder.deepBook(of: tick) {
        return Self.framed(
          record, BinaryEncoder.encode(book, tick, ageMillis: UInt64(ageMillis), into: record), .binary)
      }
      return Self.framed(
        record, BinaryEncoder.encodeSnapshot(tick, mode, ageMillis: UInt64(ageMillis), into: record), .binary)
    }
    let text = plain + Self.headRoom
    made = 0
    let body = encodeBody()
    bodyBytes = 0
    let isSequenced = form & EntryFlags.sequencedForm != 0
    let tail = TickEncoder.writeSnapshotTail(
      ageMillis: ageMillis, sequence: isSequenced ? sequence : nil, epoch: epochMillis, into: text + body)
    return Self.framed(text, body &+ tail)
  }

  // MARK: Forms

  private mutating func encodeBody() -> Int {
    if bodyBytes == 0 { bodyBytes = encoder.encode(tick, mode, into: plain + Self.headRoom) }
    return bodyBytes
  }

  /// Ends the text in the plain buffer and puts the frame header before it. The byte it adds lies behind the body, so
  /// the other forms can still be made from the body.
  private mutating func makePlain() -> Frame {
    let text = plain + Self.headRoom
    let body = encodeBody()
    return Self.framed(text, body &+ TickEncoder.writeTail(into: text + body))
  }

  private mutating func makeSequenced() -> Frame {
    let text = sequenced + Self.headRoom
    let body = encodeBody()
    text.copyMemory(from: plain + Self.headRoom, byteCount: body)
    return Self.framed(
      text, body &+ TickEncoder.writeTail(sequence: sequence, epoch: epochMillis, into: text + body))
  }

  private func makeBinary() -> Frame {
    let record = binary + Self.headRoom
    if mode == .depth, let book = encoder.deepBook(of: tick) {
      return Self.framed(record, BinaryEncoder.encode(book, tick, into: record), .binary)
    }
    return Self.framed(record, BinaryEncoder.encode(tick, mode, into: record), .binary)
  }

  /// The text form compressed; as it is when that does not make it smaller.
  private mutating func makeDeflated(_ form: Int) -> Frame {
    let textForm = form & EntryFlags.sequencedForm
    let text = frame(ofEntry: UInt32(textForm) << 29)
    guard let deflater else { return text }
    // The payload of every form begins behind the head room of its buffer.
    let start = UnsafeRawPointer(textForm == 0 ? plain : sequenced) + Self.headRoom
    let payload = UnsafeRawBufferPointer(start: start, count: text.count &- (start - text.start))
    let target = (textForm == 0 ? deflated : deflatedSequenced) + Self.headRoom
    guard let count = deflater.deflate(payload, to: UnsafeMutableRawBufferPointer(start: target, count: deflatedRoom))
    else { return text }
    return Self.framed(target, count, rsv: FrameHeader.compressedRSV)
  }

  @inline(__always)
  private static func framed(
    _ payload: UnsafeMutableRawPointer, _ count: Int, _ opcode: Opcode = .text, rsv: UInt8 = 0
  ) -> Frame {
    let header = FrameWriter.headerBytes(payloadCount: count, isMasked: false)
    FrameWriter.writeHeader(opcode, payloadCount: count, rsv: rsv, to: payload - header)
    return Frame(start: UnsafeRawPointer(payload - header), count: header &+ count)
  }
}
