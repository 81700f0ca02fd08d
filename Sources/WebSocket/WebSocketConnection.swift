// An open connection, as a machine over received bytes: chunks go in, events are pulled out (RFC 6455 §5-§7).
// No I/O, no clock, no closure. Owned by the thread that owns the socket. A frame that lies whole in its chunk is
// unmasked where it is and delivered from there without any allocation; only frames and messages in pieces are copied.
// Compressed messages are collected as they come and decompressed as a whole, into memory that all connections share.

/// The protocol state of one connection after its handshake.
///
/// Give every received chunk to `receive`, then call `next` until it says `.needMore`. Writing is the caller's:
/// it answers `.ping` with a pong, and after `.closed` or `.violation` sends a close frame if `mustSendClose`, tells
/// so with `closeSent`, and ends the connection when `isFinished`.
public struct WebSocketConnection: ~Copyable {
  /// What happened. Pointers are valid until the next call of any method, of this or of another connection with the
  /// same inflater.
  public enum Event: BitwiseCopyable {
    /// A whole text message, valid UTF-8.
    case text(UnsafeRawBufferPointer)
    /// A whole binary message.
    case binary(UnsafeRawBufferPointer)
    /// To be answered with a pong of the same payload.
    case ping(UnsafeRawBufferPointer)
    case pong(UnsafeRawBufferPointer)
    /// The peer closes; the answer carries the same code. The reason is valid UTF-8.
    case closed(code: UInt16?, reason: UnsafeRawBufferPointer)
    /// The peer broke the protocol or a limit. Close with `code`; nothing more is read.
    case violation(code: UInt16, reason: StaticString)
    /// All bytes are taken; the chunk's memory is the caller's again.
    case needMore
  }

  /// What the next byte belongs to.
  enum Stage: UInt8, BitwiseCopyable {
    case header
    /// The payload of `frame`, which is not whole in its chunk or belongs to a fragmented message.
    case payload
    /// The four bytes that a ping announces and that may be missing.
    case pingProbe
    /// The two bytes after those four, which tell.
    case pingVerdict
    /// After a close frame or a violation: everything is dropped.
    case ended
  }

  let options: ConnectionOptions
  /// Present when compression was agreed to.
  let inflater: PayloadInflater?
  /// Largest message that is decompressed; a larger one ends the connection with 1009. At most `messageBytesMax`.
  public var inflatedBytesMax: Int
  var chunk: UnsafeMutableRawPointer?
  var chunkCount = 0
  var position = 0

  var stage = Stage.header
  var partial = PartialHeader()
  var truncatedPing: TruncatedPing
  var frame = FrameHeader.none
  var frameBytesMissing = 0

  /// Kind of the message under way: text, binary, or `.continuation` for none.
  var message = Opcode.continuation
  /// The message under way is compressed.
  var isCompressed = false
  var messageFragments = 0
  /// Bytes of finished frames of that message. They come first in `buffer`; a frame in pieces follows them.
  var messageBytes = 0
  var utf8 = UTF8Validator()
  var buffer = ReassemblyBuffer()
  /// The last event pointed into `buffer`.
  var hasDeliveredBuffer = false

  /// A close frame was sent.
  public private(set) var isCloseSent = false
  /// The peer sent a close frame.
  public internal(set) var isCloseReceived = false
  /// The peer broke the protocol.
  public internal(set) var isFailed = false

  /// - Parameter inflater: of the thread's own, when compression was agreed to (`DeflateAgreement`); else nil.
  public init(_ options: ConnectionOptions, inflater: PayloadInflater? = nil) {
    precondition(options.messageBytesMax >= 0 && options.messageBytesMax <= Int.max / 4 && options.fragmentsMax > 0)
    self.options = options
    self.inflater = inflater
    inflatedBytesMax = options.messageBytesMax
    truncatedPing =
      if options.role != .server || !options.toleratesTruncatedPing || inflater != nil {
        .ruledOut
      } else {
        options.expectsTruncatedPing ? .expected : .possible
      }
  }

  /// A close frame is due from us: as the answer to the peer's, or because of a violation.
  public var mustSendClose: Bool { (isCloseReceived || isFailed) && !isCloseSent }

  /// One side has begun to close: no more data may be sent.
  public var isClosing: Bool { isCloseSent || isCloseReceived || isFailed }

  /// Nothing is left to say: the transport can be closed (by the server first, RFC 6455 §7.1.1).
  public var isFinished: Bool { (isCloseReceived || isFailed) && isCloseSent }

  /// Reserved bits that data frames may carry.
  var allowedRSV: UInt8 { inflater == nil ? 0 : FrameHeader.compressedRSV }

  /// Bytes of memory held for a frame or message in pieces.
  public var bufferedCapacityBytes: Int { buffer.capacity }

  /// The caller sent a close frame. From here on only `.closed` and `.violation` are reported; messages and pings that
  /// were under way are read and dropped.
  public mutating func closeSent() { isCloseSent = true }

  /// Hands over a received chunk. It stays the caller's memory, is unmasked in place, and must stay untouched until
  /// `next` says `.needMore`. The previous chunk must be drained.
  public mutating func receive(_ bytes: UnsafeMutableRawBufferPointer) {
    precondition(position == chunkCount, "a chunk was handed over before the previous one was drained")
    chunk = bytes.baseAddress
    chunkCount = bytes.count
    position = 0
  }

  /// The next event. Frees or reuses what the previous event pointed to.
  public mutating func next() -> Event {
    while true {
      if hasDeliveredBuffer { dropDelivered() }
      let event: Event? =
        switch stage {
        case .header: readHeader()
        case .payload: readPayload()
        case .pingProbe: probePing()
        case .pingVerdict: judgePing()
        case .ended: skipAll()
        }
      guard let event else { continue }
      if isCloseSent && event.isMootAfterClose { continue }
      return event
    }
  }

  private mutating func dropDelivered() {
    hasDeliveredBuffer = false
    buffer.truncate(to: messageBytes)
    if buffer.count == 0 && (buffer.capacity > options.bufferBytesRetained || stage == .ended) { buffer.release() }
  }

  private mutating func skipAll() -> Event {
    position = chunkCount
    return .needMore
  }
}

extension WebSocketConnection.Event {
  /// Whether nobody wants to hear of it once our close frame is on its way.
  fileprivate var isMootAfterClose: Bool {
    switch self {
    case .text, .binary, .ping, .pong: true
    case .closed, .violation, .needMore: false
    }
  }
}
