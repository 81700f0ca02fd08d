import Market
import Sandbox

// Endpoints that change or look at single orders. Always the paper exchange's.

extension Endpoint {
  static let placeOrder: Respond = { values, principal, dependencies in
    guard let quantity = values.number("quantity"), quantity.isWhole else {
      return .error(400, "Fractional quantities are not available in the sandbox.", isAnalyzed: true)
    }
    guard let order = order(values, quantity: quantity) else { preconditionFailure("the schema let a bad order pass") }
    switch await dependencies.engine.place(order, user: principal.userID) {
    case .success(.accepted(let id)): return .analyzed { $0.text("orderid", id.text) }
    case .success(.refused(let refusal)): return .refused(refusal)
    case .success(.needsQuote): preconditionFailure("a waiting order was answered")
    case .failure(let reason): return .unavailable(reason)
    }
  }

  static let cancelOrder: Respond = { values, principal, dependencies in
    let orderID = values.text("orderid") ?? ""
    if orderID.isEmpty { return .error(400, "Order ID is missing") }
    switch await dependencies.engine.cancel(orderID: orderID, user: principal.userID) {
    case .success(.accepted(let id)):
      return .analyzed { json in
        json.text("orderid", id.text)
        json.text("message", "Order cancelled successfully")
      }
    case .success(.refused(let refusal)): return .refused(refusal)
    case .success(.needsQuote): preconditionFailure("a cancellation needs no price")
    case .failure(let reason): return .unavailable(reason)
    }
  }

  static let orderStatus: Respond = { values, principal, dependencies in
    let orderID = values.text("orderid") ?? ""
    if orderID.isEmpty { return .error(400, "Order ID is missing", isAnalyzed: true) }
    let user = principal.userID
    switch await dependencies.engine.query({ engine, _ in engine.order(orderID, user: user) }) {
    case .success(let row?):
      return .analyzed { json in
        json.object("data") { data in
          write(row, into: &data)
          // The original answers this name here and the other one everywhere else.
          data.text("price_type", row.priceType.code)
        }
      }
    case .success(nil):
      let shown = orderID.prefix(ValidationErrors.echoedCharactersMax)
      return .error(404, "Order \(shown) not found", isAnalyzed: true)
    case .failure(let reason): return .unavailable(reason)
    }
  }

  static let openPosition: Respond = { values, principal, dependencies in
    guard let exchange = Exchange(code: values.text("exchange") ?? ""),
      let product = Product(code: values.text("product") ?? "")
    else { return .analyzed { $0.integer("quantity", 0) } }
    let instrument = InstrumentKey(exchange, values.text("symbol") ?? "")
    let user = principal.userID
    let quantity = await dependencies.engine.query { engine, _ in
      engine.openQuantity(user: user, instrument: instrument, product: product)
    }
    switch quantity {
    case .success(let quantity): return .analyzed { $0.integer("quantity", quantity) }
    case .failure(let reason): return .unavailable(reason)
    }
  }

  /// The engine's form of a request that passed its schema.
  private static func order(_ values: FieldValues, quantity: RequestNumber) -> PlaceOrder? {
    guard let symbol = values.text("symbol"), let exchange = Exchange(code: values.text("exchange") ?? ""),
      let side = Side(code: values.text("action") ?? ""),
      let priceType = PriceType(code: values.text("pricetype") ?? PriceType.market.code),
      let product = Product(code: values.text("product") ?? Product.mis.code)
    else { return nil }
    return PlaceOrder(
      strategy: values.text("strategy") ?? "", exchange: exchange, symbol: symbol, side: side,
      quantity: quantity.truncated, priceType: priceType, product: product,
      price: priceType.usesPrice ? values.number("price")?.priceUnits ?? 0 : 0,
      triggerPrice: priceType.usesTrigger ? values.number("trigger_price")?.priceUnits ?? 0 : 0)
  }

  /// The members of an order row that every answer with orders has.
  static func write(_ row: OrderRow, into json: inout ResponseJSON) {
    json.text("orderid", row.orderID.text)
    json.text("symbol", row.symbol)
    json.text("exchange", row.exchange.code)
    json.text("action", row.side.code)
    json.integer("quantity", row.quantity)
    json.price("price", row.price)
    json.price("trigger_price", row.triggerPrice)
    json.text("pricetype", row.priceType.code)
    json.text("product", row.product.code)
    json.text("order_status", row.status.code)
    json.price("average_price", row.averagePrice)
    json.integer("filled_quantity", row.filledQuantity)
    json.integer("pending_quantity", row.pendingQuantity)
    json.text("rejection_reason", row.rejectionReason)
    json.text("timestamp", ISTTime(epochNanos: row.placedAt).text)
    json.text("strategy", row.strategy)
  }
}
