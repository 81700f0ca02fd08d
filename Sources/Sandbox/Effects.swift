import Market

// What the caller of the engine must do after a command or tick: make durable, then tell; and subscribe. Reused from
// call to call; it only allocates when something happened.

/// An order as it stood at one event.
public struct OrderEvent: Sendable, Equatable {
  public let user: String
  public let order: Order
}

/// What commands and ticks brought about, in order.
public struct Effects: Sendable {
  /// To be made durable before anyone is told of anything here, as one group.
  public var records: [Record] = []
  /// To be told afterwards; see `OrderUpdateJSON`.
  public var updates: [OrderEvent] = []
  /// Instruments whose ticks the engine begins (+1) or ceases (-1) to need.
  public var wants: [Want] = []

  public init() {}

  public var isEmpty: Bool { records.isEmpty && updates.isEmpty && wants.isEmpty }

  public mutating func removeAll() {
    records.removeAll(keepingCapacity: true)
    updates.removeAll(keepingCapacity: true)
    wants.removeAll(keepingCapacity: true)
  }
}
