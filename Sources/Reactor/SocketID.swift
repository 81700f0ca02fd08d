/// Names one socket of one loop. The generation makes a name that outlived its socket harmless.
public struct SocketID: Sendable, Hashable, BitwiseCopyable {
  /// Place in every per-socket table.
  public let index: UInt32
  public let generation: UInt32

  @inlinable public init(index: UInt32, generation: UInt32) {
    self.index = index
    self.generation = generation
  }
}

/// Why a socket ended.
public enum CloseReason: Sendable, Equatable {
  /// Our own `close` or `closeAfterFlush`.
  case local
  /// The peer closed its side.
  case peer
  /// The kernel reported an errno (reset, timed out, broken pipe …).
  case failed(errno: Int32)
  /// Encryption could not be set up or went wrong, in the words of OpenSSL; certificates that did not verify are told
  /// so.
  case tls(String)
}

/// What happens on the sockets of a loop. Called on the loop's thread only, never re-entered.
public protocol LoopHandler: AnyObject {
  /// A connection came in; refuse it by `sockets.close`. On an encrypted listener this is before the TLS handshake, so
  /// that limits and time-outs count it; what is appended waits until the handshake is done.
  func onAccept(_ socket: SocketID, listener: Int, peer: SocketAddress)
  /// An outgoing connection is up, its TLS handshake included; a failure comes as `onClosed`.
  func onConnect(_ socket: SocketID)
  /// Asked about every connection before `onAccept`: true when the handler has taken the descriptor away, to another
  /// loop for example.
  func passesOn(_ descriptor: Int32, listener: Int) -> Bool
  /// Bytes came in; valid, and writable, during the call.
  func onReceive(_ socket: SocketID, _ bytes: UnsafeMutableRawBufferPointer)
  /// Nothing more will come for this socket. Exactly once per socket.
  func onClosed(_ socket: SocketID, reason: CloseReason)
  /// Once per turn, after the completions and before the sends: the place to drain rings and mailboxes.
  func onTurn(nowNanos: Int64)
  /// About every `LoopLimits.sweepNanos`: all time-outs of all sockets.
  func onSweep(nowNanos: Int64)
  /// Whether there is work that came without a completion. Asked when the loop is about to sleep.
  func hasWork() -> Bool
  /// Monotonic time at which `onTurn` must run at the latest; `.max` for no matter.
  func deadlineNanos() -> Int64
  /// Work is being collected until `deadlineNanos`: wake-ups are not wanted before that.
  var isHoldingBack: Bool { get }
}

extension LoopHandler {
  public func passesOn(_ descriptor: Int32, listener: Int) -> Bool { false }
  public var isHoldingBack: Bool { false }
}

/// Bounds of one loop, all set at start.
public struct LoopLimits: Sendable {
  /// Sockets open at a time.
  public var socketsMax = 16_384
  /// Bytes of all outboxes together. The overhead of encryption may exceed it, by about two blocks of 4 KiB for each
  /// socket that has cipher text under way.
  public var outboundBytesMax = 1 << 30
  /// Receive buffers shared by all sockets: a power of two.
  public var receiveBuffers = 512
  public var receiveBufferBytes = 16_384
  /// Period of the coarse time-out sweep.
  public var sweepNanos: Int64 = 50_000_000
  /// How long a socket may take to hand over its last bytes before it is cut.
  public var drainNanos: Int64 = 5_000_000_000
  /// How long the peer's end is waited for after ours, so that unread input does not reset what we sent.
  public var lingerNanos: Int64 = 1_000_000_000
  /// Longest TLS handshake, of either role.
  public var handshakeNanos: Int64 = 10_000_000_000

  /// Never sleeps: for loops with a core of their own.
  public var isBusyPolling = false

  public init() {}
}
