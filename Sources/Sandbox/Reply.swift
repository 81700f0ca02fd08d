// Answers to commands. Texts are those of the REST contract; only the layer above knows about JSON.

/// The answer to a command.
public enum Reply: Sendable, Equatable {
  /// Accepted, or cancelled; the order may have filled already.
  case accepted(OrderID)
  case refused(Refusal)
  /// The order needs a price that is not known. The engine watches the instrument from now on (see `Effects.wants`)
  /// until the wait is ended by `retry` or by `placeWithoutQuote`, exactly one of which must follow.
  case needsQuote(QuoteWait)
}

/// Why a command was not carried out.
public struct Refusal: Sendable, Equatable {
  /// HTTP status.
  public let status: Int
  public let message: String
  /// Set when the refused order was recorded.
  public let orderID: OrderID?

  public init(status: Int = 400, _ message: String, orderID: OrderID? = nil) {
    self.status = status
    self.message = message
    self.orderID = orderID
  }
}

/// An order that waits for the first price of its instrument.
public struct QuoteWait: Sendable, Equatable {
  /// Id in the registry.
  public let instrument: UInt32
  public let order: PlaceOrder
  public let user: String
}
