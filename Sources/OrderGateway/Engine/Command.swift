import Sandbox

// What REST asks of the engine thread, and how it is answered.

/// Why a command got no answer of the engine.
enum EngineUnavailable: Error, Sendable, Equatable {
  /// The journal failed: nothing can be acknowledged any more.
  case journalFailed
  /// Too many commands are waiting already.
  case overloaded
  /// The gateway is ending.
  case stopping
}

/// Resumed exactly once, by the journal thread, or at once when the command does not reach the engine.
typealias CommandReply = CheckedContinuation<Result<Reply, EngineUnavailable>, Never>

/// One message to the engine thread.
enum Command: Sendable {
  case place(PlaceOrder, user: String, CommandReply)
  case cancel(orderID: String, user: String, CommandReply)
  /// Reads the engine at the given time, and returns what hands the result over.
  case query(@Sendable (borrowing Engine, Int64) -> @Sendable () -> Void)
}
