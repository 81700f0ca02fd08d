import Market

// Cancellation by the user.

extension Engine {
  /// Cancels an order that can still fill and releases its margin.
  public mutating func cancel(orderID: String, user: String, now: Int64, into effects: inout Effects) -> Reply {
    guard let id = OrderID(text: orderID), let order = ledger.order(id, of: user) else {
      return .refused(Refusal(status: 404, "Order \(orderID.prefix(Self.echoedCharactersMax)) not found"))
    }
    guard order.status.isPending else {
      return .refused(Refusal("Cannot cancel order in \(order.status.code) status"))
    }
    finish(order, as: .cancelled, reason: "", user: user, time: now, into: &effects)
    return .accepted(id)
  }

  /// Characters of a client's text that an answer repeats.
  private static var echoedCharactersMax: Int { 64 }
}
