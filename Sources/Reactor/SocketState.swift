/// What a loop knows about one socket. Trivial, in one flat table; loop thread only.
@usableFromInline struct SocketState: BitwiseCopyable {
  @usableFromInline enum Phase: UInt8, BitwiseCopyable {
    case free
    case connecting
    /// Connected by us; the TLS handshake is under way.
    case securing
    case open
    /// Sends what is left, then ends its own side.
    case draining
    /// Its side is ended; waits for the peer's end.
    case lingering
    /// Waits for the kernel to give back its operations.
    case closing
  }

  @usableFromInline struct Flags: OptionSet, Sendable, BitwiseCopyable {
    @usableFromInline let rawValue: UInt16
    @usableFromInline init(rawValue: UInt16) { self.rawValue = rawValue }
    /// Is in the dirty list.
    @usableFromInline static let dirty = Flags(rawValue: 1)
    @usableFromInline static let receiving = Flags(rawValue: 2)
    @usableFromInline static let sending = Flags(rawValue: 4)
    @usableFromInline static let connecting = Flags(rawValue: 8)
    @usableFromInline static let cancelled = Flags(rawValue: 16)
    @usableFromInline static let peerEnded = Flags(rawValue: 32)
    /// Came in through a listener.
    @usableFromInline static let accepted = Flags(rawValue: 64)
    /// Ends with a reset: no orderly shutdown before.
    @usableFromInline static let resets = Flags(rawValue: 128)
  }

  @usableFromInline var descriptor: Int32 = -1
  @usableFromInline var generation: UInt32 = 0
  @usableFromInline var phase: Phase = .free
  @usableFromInline var flags: Flags = []
  /// 0 local, -1 peer, -2 TLS (the text is in `Sockets.failures`), else errno.
  @usableFromInline var reason: Int32 = 0
  @usableFromInline var outbox = BlockList()
  /// The TLS side of an encrypted socket. Its outbox above then holds plain text, its cipher text is in the session.
  @usableFromInline var session: UnsafeMutablePointer<TLSSession>?
  /// Bytes in the outbox, those in the kernel's hands included; of an encrypted socket plain and cipher text.
  @usableFromInline var bytesPending = 0
  /// Bytes appended and sent since the socket exists.
  @usableFromInline var bytesAppended: UInt64 = 0
  @usableFromInline var bytesSent: UInt64 = 0
  /// Bytes appended when the loop last settled the socket: what came later the kernel was not offered yet.
  @usableFromInline var bytesOffered: UInt64 = 0
  /// A place in the stream and when it was reached by appending: a new one is set by the first send after all before
  /// it has left, so that the age of what waits is known without a time for every byte.
  @usableFromInline var markBytes: UInt64 = 0
  @usableFromInline var markNanos: Int64 = 0
  /// Stream offsets that a send must not cross.
  @usableFromInline var fences: InlineArray<4, UInt64> = .init(repeating: 0)
  @usableFromInline var fenceCount: UInt8 = 0
  /// Vector of the send under way, if it has one.
  @usableFromInline var vector: UnsafeMutablePointer<SendVector>?
  /// Time at which draining or lingering ends by force.
  @usableFromInline var deadlineNanos: Int64 = .max

  /// Flags of operations that the kernel holds.
  @usableFromInline static let operations: Flags = [.receiving, .sending, .connecting]

  var isIdle: Bool { flags.isDisjoint(with: Self.operations) }

  /// Values of `reason` that are no errno.
  static let reasonLocal: Int32 = 0
  static let reasonPeer: Int32 = -1
  static let reasonTLS: Int32 = -2
}
