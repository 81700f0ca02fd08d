import Market

// The order event as subscribers and the bus get it, rendered once for all of them. Not on the tick path: called
// after the event is durable.

/// Renders order events.
public enum OrderUpdateJSON {
  /// The object of 18 keys, on topic `ANALYZE_{user}_orders`.
  public static func render(_ event: OrderEvent) -> OrderUpdate {
    let order = event.order
    let exchange = order.key.exchange
    var out: [UInt8] = []
    out.reserveCapacity(512)
    text("type", "order_update", isFirst: true, into: &out)
    text("user_id", event.user, into: &out)
    text("mode", "analyze", into: &out)
    text("broker", "sandbox", into: &out)
    text("orderid", order.id.text, into: &out)
    text("symbol", order.key.symbol, into: &out)
    text("exchange", exchange.code, into: &out)
    text("action", order.side.code, into: &out)
    number("quantity", "\(order.quantity)", into: &out)
    number("price", decimal(order.price, exchange), into: &out)
    number("trigger_price", decimal(order.triggerPrice, exchange), into: &out)
    text("pricetype", order.priceType.code, into: &out)
    text("product", order.product.code, into: &out)
    text("order_status", order.status.code, into: &out)
    number("filled_quantity", "\(order.filledQuantity)", into: &out)
    number("pending_quantity", "\(order.pendingQuantity)", into: &out)
    number("average_price", decimal(order.averagePrice, exchange), into: &out)
    text("rejection_reason", order.rejectionReason, into: &out)
    out.append(UInt8(ascii: "}"))
    return OrderUpdate(userID: event.user, topic: "ANALYZE_\(event.user)_orders", json: out)
  }

  /// As reported, always with a point: clients take it for floating point.
  private static func decimal(_ price: Int64, _ exchange: Exchange) -> String {
    let text = Price.text(Money.reportedPrice(price, on: exchange))
    return text.utf8.contains(UInt8(ascii: ".")) ? text : text + ".0"
  }

  private static func key(_ name: String, isFirst: Bool, into out: inout [UInt8]) {
    out.append(UInt8(ascii: isFirst ? "{" : ","))
    string(name, into: &out)
    out.append(UInt8(ascii: ":"))
  }

  private static func text(_ name: String, _ value: String, isFirst: Bool = false, into out: inout [UInt8]) {
    key(name, isFirst: isFirst, into: &out)
    string(value, into: &out)
  }

  private static func number(_ name: String, _ value: String, into out: inout [UInt8]) {
    key(name, isFirst: false, into: &out)
    out += value.utf8
  }

  /// A JSON string; other than what must be escaped, UTF-8 goes out as it is.
  private static func string(_ value: String, into out: inout [UInt8]) {
    let hex = Array("0123456789abcdef".utf8)
    out.append(UInt8(ascii: "\""))
    for byte in value.utf8 {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"): out += [UInt8(ascii: "\\"), byte]
      case 0..<0x20: out += Array("\\u00".utf8) + [hex[Int(byte >> 4)], hex[Int(byte & 15)]]
      default: out.append(byte)
      }
    }
    out.append(UInt8(ascii: "\""))
  }
}
