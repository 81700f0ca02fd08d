/// What an operation was; the top byte of its token.
public enum Operation: UInt8, Sendable {
  case wake = 1
  case accept, connect, receive, send, cancel
}

/// Identifies an operation from submission to completion: operation, generation, index. No pointer to a Swift object.
public struct Token: Sendable, Equatable, BitwiseCopyable {
  public let bits: UInt64

  public init(bits: UInt64) { self.bits = bits }

  public init(_ operation: Operation, index: UInt32, generation: UInt32 = 0) {
    bits = UInt64(operation.rawValue) << 56 | UInt64(generation & 0xFF_FFFF) << 32 | UInt64(index)
  }

  public var operation: Operation? { Operation(rawValue: UInt8(truncatingIfNeeded: bits >> 56)) }
  public var index: UInt32 { UInt32(truncatingIfNeeded: bits) }
  public var generation: UInt32 { UInt32(truncatingIfNeeded: bits >> 32) & 0xFF_FFFF }
}

/// The end of an operation, or one result of a multishot one.
public struct Completion: Sendable, BitwiseCopyable {
  public var token: Token
  /// Bytes, a descriptor, or a negative errno.
  public var result: Int32
  /// The operation goes on by itself.
  public var isContinuing: Bool
  /// Buffer that holds received bytes; -1 for none. The loop gives it back.
  public var buffer: Int32

  public init(token: Token, result: Int32, isContinuing: Bool = false, buffer: Int32 = -1) {
    self.token = token
    self.result = result
    self.isContinuing = isContinuing
    self.buffer = buffer
  }
}

/// How a loop performs I/O. Chosen at compile time per loop: the kernel's ring, epoll, or a scripted one in tests. All
/// calls come from the loop's thread; memory that is passed stays valid until the operation has completed. A descriptor
/// has at most one operation that takes in, and one that sends or connects.
public protocol IOBackend: AnyObject {
  /// Every connection until cancelled; results are descriptors.
  func accept(_ descriptor: Int32, _ token: Token)
  func connect(_ descriptor: Int32, address: UnsafeMutableRawPointer, length: UInt32, _ token: Token)
  /// Everything that comes until it ends; results carry a buffer.
  func receive(_ descriptor: Int32, _ token: Token)
  func send(_ descriptor: Int32, _ bytes: UnsafeRawPointer, _ count: Int, _ token: Token)
  func send(_ descriptor: Int32, header: UnsafeMutableRawPointer, _ token: Token)
  /// Ends every operation on the descriptor: each completes, with -ECANCELED unless it was quicker.
  func cancelAll(_ descriptor: Int32, _ token: Token)
  /// A completion whenever the descriptor becomes readable; it is to be read then.
  func watch(_ descriptor: Int32, _ token: Token)

  /// Submits what was asked for and waits for at least one completion or the time-out; 0 does not wait.
  /// - Returns: completions that can be read with `completion(at:)` until the next call.
  func turn(timeoutNanos: Int64) -> Int
  func completion(at index: Int) -> Completion
  func bytes(of buffer: Int32) -> UnsafeMutableRawPointer
  func giveBack(_ buffer: Int32)
}
