// What every decoder answers when it is asked for the next thing in a frame.

/// What `next` of a decoder did.
public enum DecodeStep: UInt8, Sendable {
  /// One tick was filled in.
  case tick
  /// A deep book, or one side of it, was filled in.
  case book
  /// Something that is no market data: the decoder's `event` says what.
  case event
  /// The frame is used up.
  case end
  /// The frame, or the rest of it, is no good. What came before is, nothing follows.
  case malformed
}
