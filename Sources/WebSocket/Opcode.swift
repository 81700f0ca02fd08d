// The two words every part of the protocol shares: which side we are, and what a frame carries (RFC 6455 §5.2).
// Pure values; any thread; nothing allocates.

/// Which end of the connection we are. It decides who masks: a client always does, a server never.
public enum Role: UInt8, Sendable, BitwiseCopyable {
  case server, client

  /// Whether frames that arrive must be masked.
  @inlinable public var expectsMaskedInput: Bool { self == .server }
}

/// What a frame carries.
public enum Opcode: UInt8, Sendable, BitwiseCopyable {
  case continuation = 0x0
  case text = 0x1
  case binary = 0x2
  case close = 0x8
  case ping = 0x9
  case pong = 0xA

  /// Close, ping and pong: at most 125 bytes, never fragmented, allowed between the fragments of a message.
  @inlinable public var isControl: Bool { rawValue & 0x8 != 0 }
}
