import Market

// What an order must be before money is looked at: fields, product, price, instrument, and the intraday window, in
// the order of the REST contract, with its texts. Pure.

/// Checks orders against the rules, the calendar and the position that they would change.
struct OrderValidation {
  let rules: Rules
  let calendar: SessionCalendar

  /// Nil when the order may go on. `instrument` is nil when the master does not know the symbol.
  func refusal(of order: PlaceOrder, instrument: Instrument?, position: Position?, now: Int64) -> Refusal? {
    fieldRefusal(order) ?? productRefusal(order) ?? priceRefusal(order)
      ?? instrumentRefusal(order, instrument) ?? windowRefusal(order, position, now)
  }

  private func fieldRefusal(_ order: PlaceOrder) -> Refusal? {
    if order.symbol.isEmpty { return Refusal("Missing required field: symbol") }
    if order.quantity <= 0 { return Refusal("Quantity must be a positive number.") }
    if order.quantity > rules.limits.quantityMax {
      return Refusal("Quantity must not exceed \(rules.limits.quantityMax).")
    }
    if order.price < 0 { return Refusal("Price must be a non-negative number.") }
    if order.triggerPrice < 0 { return Refusal("Trigger price must be a non-negative number.") }
    if order.price > rules.limits.priceMax || order.triggerPrice > rules.limits.priceMax {
      return Refusal("Price must not exceed \(rules.limits.priceMax / Price.scale).")
    }
    if order.strategy.utf8.count > rules.limits.strategyBytesMax {
      return Refusal("Strategy must not exceed \(rules.limits.strategyBytesMax) bytes.")
    }
    return nil
  }

  private func productRefusal(_ order: PlaceOrder) -> Refusal? {
    let exchange = order.exchange
    if !exchange.isTradable { return Refusal("Orders are not allowed on \(exchange.code): an index cannot be traded.") }
    if order.product == .nrml, exchange == .nse || exchange == .bse {
      return Refusal(
        "NRML product not allowed for \(exchange.code) equity segment. Use CNC for delivery or MIS for intraday.")
    }
    if order.product == .cnc, exchange.isDerivative {
      return Refusal(
        "CNC product not allowed for \(exchange.code) derivatives segment. "
          + "Use NRML for carryforward or MIS for intraday.")
    }
    if !rules.exchanges.contains(exchange) {
      return Refusal("Exchange \(exchange.code) is not available in the sandbox. Available: \(availableExchanges).")
    }
    if !rules.products.contains(order.product) {
      return Refusal("Product \(order.product.code) is not available in the sandbox.")
    }
    return nil
  }

  private func priceRefusal(_ order: PlaceOrder) -> Refusal? {
    let type = order.priceType
    if type.usesPrice, order.price == 0 { return Refusal("\(type.code) orders require price") }
    if type.usesTrigger, order.triggerPrice == 0 { return Refusal("\(type.code) orders require trigger_price") }
    if !rules.priceTypes.contains(type) {
      return Refusal("\(type.code) orders are not available in the sandbox. Use MARKET or LIMIT.")
    }
    return nil
  }

  private func instrumentRefusal(_ order: PlaceOrder, _ instrument: Instrument?) -> Refusal? {
    guard let instrument else { return Refusal("Symbol \(order.symbol) not found on \(order.exchange.code)") }
    if instrument.kind == .index { return Refusal("\(order.symbol) is an index and cannot be traded.") }
    let lot = Int64(max(1, instrument.lotSize))
    if order.exchange.isDerivative, order.quantity % lot != 0 {
      return Refusal("Quantity must be in multiples of lot size \(lot)")
    }
    return nil
  }

  /// New intraday exposure is refused from the square-off time on and before the exchange's morning; an order that
  /// only reduces an intraday position is not.
  private func windowRefusal(_ order: PlaceOrder, _ position: Position?, _ now: Int64) -> Refusal? {
    guard order.product == .mis, let squareOff = calendar.squareOffMinute(of: order.exchange) else { return nil }
    let minute = ISTTime(epochNanos: now).minuteOfDay
    if minute < squareOff, minute >= SessionCalendar.intradayStartMinute { return nil }
    let held = position?.quantity ?? 0
    if held * order.side.sign < 0, order.quantity <= held.magnitude { return nil }
    return Refusal(
      "MIS orders cannot be placed after square-off time (\(Self.clockText(squareOff)) IST). "
        + "Trading resumes at \(Self.clockText(SessionCalendar.intradayStartMinute)) AM IST.")
  }

  private var availableExchanges: String {
    Exchange.allCases.filter { rules.exchanges.contains($0) }.map(\.code).joined(separator: ", ")
  }

  private static func clockText(_ minute: Int) -> String {
    "\(minute / 60 < 10 ? "0" : "")\(minute / 60):\(minute % 60 < 10 ? "0" : "")\(minute % 60)"
  }
}

extension Refusal {
  /// A delivery sale of more shares than the account has.
  static func shortage(_ key: InstrumentKey, wanted: Int64, position: Int64, holding: Int64) -> String {
    let available = position + holding
    if available <= 0 {
      return "Cannot sell \(key.symbol) in CNC. No positions or holdings available. "
        + "Only shares that are held can be sold for delivery; use MIS to sell short."
    }
    return "Cannot sell \(wanted) shares of \(key.symbol) in CNC. "
      + "Only \(available) shares available (Position: \(position), Holdings: \(holding))"
  }

  static func insufficientFunds(required: Int128, available: Int64) -> String {
    let needed = Int64(clamping: required)
    return "Insufficient funds. Required: ₹\(Money.text(needed)), Available: ₹\(Money.text(available)), "
      + "Shortage: ₹\(Money.text(Int64(clamping: required - Int128(available))))"
  }

  static func noQuote(_ symbol: String) -> Refusal {
    Refusal(
      "Cannot place MARKET order for \(symbol) - unable to fetch current price. "
        + "Please try again later or use LIMIT order with a specific price.")
  }
}
