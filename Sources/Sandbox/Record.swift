import Market

// One event of the engine as it becomes durable: the state after it of everything it touched. The live ledger and the
// ledger rebuilt from the journal change by applying these and in no other way, so they cannot differ.

/// State after one event of one account. All parts of a record apply, or none.
public struct Record: Sendable, Equatable {
  public let user: String
  /// Nanoseconds since the epoch.
  public let time: Int64
  public var order: Order?
  public var trade: Trade?
  public var position: Position?
  public var holding: Holding?
  public var funds: Funds?

  public init(user: String, time: Int64) {
    self.user = user
    self.time = time
  }
}
