import Market

// Placement: validation, the price that margin is reserved with, the reservation, and the first look at the quote.

extension Engine {
  /// Accepts, fills or refuses an order, or asks for a price first.
  public mutating func place(_ order: PlaceOrder, user: String, now: Int64, into effects: inout Effects) -> Reply {
    admit(order, user: user, now: now, mayWait: true, into: &effects)
  }

  /// Places a waiting order again. Answers `needsQuote` once more when there is still no price: the wait goes on.
  public mutating func retry(_ wait: QuoteWait, now: Int64, into effects: inout Effects) -> Reply {
    guard hasQuote(wait.instrument) else { return .needsQuote(wait) }
    return placeWithoutQuote(wait, now: now, into: &effects)
  }

  /// Ends a wait whose price did not come in time. A LIMIT order rests; a MARKET order rests when an open position
  /// knows a price to reserve margin with, and is refused otherwise.
  public mutating func placeWithoutQuote(_ wait: QuoteWait, now: Int64, into effects: inout Effects) -> Reply {
    let reply = admit(wait.order, user: wait.user, now: now, mayWait: false, into: &effects)
    release(wait.instrument, into: &effects)
    return reply
  }

  /// The one way in for orders. `mayWait` is false when the wait for a first price is over.
  private mutating func admit(
    _ request: PlaceOrder, user: String, now: Int64, mayWait: Bool, into effects: inout Effects
  ) -> Reply {
    if let refusal = capacityRefusal(user: user, now: now) { return .refused(refusal) }
    let key = InstrumentKey(request.exchange, request.symbol)
    let instrument = registry.id(key)
    let position = ledger.position(PositionKey(key, request.product), of: user)
    let validation = OrderValidation(rules: rules, calendar: calendar)
    let row = instrument.map { registry[$0] }
    if let refusal = validation.refusal(of: request, instrument: row, position: position, now: now) {
      return .refused(refusal)
    }
    guard let instrument else { preconditionFailure("validation accepted an unknown instrument") }

    let quote = books.freshQuote(instrument)
    guard let price = marginPrice(request, quote: quote, position: position, mayWait: mayWait) else {
      return mayWait
        ? wait(for: instrument, request, user: user, into: &effects) : .refused(.noQuote(request.symbol))
    }
    let held = position?.quantity ?? 0
    let holding = ledger.holding(key, of: user)?.quantity ?? 0
    var order = newOrder(request, key: key, price: price, now: now)
    if request.product == .cnc, request.side == .sell, request.quantity > held + holding {
      let reason = Refusal.shortage(key, wanted: request.quantity, position: held, holding: holding)
      return reject(&order, reason: reason, user: user, now: now, into: &effects)
    }

    let funds = ledger.funds(of: user) ?? Funds(startingCapital: rules.startingCapital, now: now)
    order.fundedQuantity = fundedQuantity(request, held: held)
    let leverage = rules.leverage(exchange: request.exchange, product: request.product)
    let margin = Money.margin(quantity: order.fundedQuantity, price: price, leverage: leverage)
    if margin > 0, margin > Int128(funds.available) {
      return .refused(Refusal(Refusal.insufficientFunds(required: margin, available: funds.available)))
    }
    if quote == nil, mayWait { return wait(for: instrument, request, user: user, into: &effects) }

    order.margin = Int64(margin)
    open(order, user: user, funds: funds, into: &effects)
    if let quote, !quote.isSuspect { fillAtPlacement(order, user: user, quote: quote, time: now, into: &effects) }
    return .accepted(order.id)
  }

  /// Bounds on what one client can make the engine hold.
  private func capacityRefusal(user: String, now: Int64) -> Refusal? {
    let limits = rules.limits
    guard let account = ledger.account(user) else {
      if user.utf8.count > limits.userBytesMax { return Refusal("User id is too long.") }
      let isFull = ledger.accounts.count >= limits.accountsMax
      return isFull ? Refusal(status: 503, "The sandbox has no room for another account.") : nil
    }
    if account.pendingOrders.count >= limits.restingOrdersPerAccountMax {
      return Refusal(
        status: 429, "Too many pending orders: at most \(limits.restingOrdersPerAccountMax). Cancel some first.")
    }
    if account.orders.count >= limits.ordersPerSessionMax {
      let start = rules.sessionStart(at: now)
      let count = account.orders.count { $0.placedAt >= start }
      if count >= limits.ordersPerSessionMax {
        return Refusal(status: 429, "Too many orders in this session: at most \(limits.ordersPerSessionMax).")
      }
    }
    return nil
  }

  /// The price that margin is reserved with; nil while a MARKET order has none. A price remembered by an open position
  /// serves only when the wait for a live one is over.
  private func marginPrice(_ order: PlaceOrder, quote: QuoteSlot?, position: Position?, mayWait: Bool) -> Int64? {
    if order.priceType.usesPrice { return order.price }
    if let quote { return quote.ltp }
    guard !mayWait, let position, position.quantity != 0, position.ltp > 0 else { return nil }
    return position.ltp
  }

  /// Units that need margin: those that do not close a part of the position. Delivery sales are paid for in shares.
  private func fundedQuantity(_ order: PlaceOrder, held: Int64) -> Int64 {
    if order.product == .cnc, order.side == .sell { return 0 }
    let cover = held * order.side.sign < 0 ? min(order.quantity, Int64(held.magnitude)) : 0
    return order.quantity - cover
  }

  private mutating func wait(
    for instrument: UInt32, _ order: PlaceOrder, user: String, into effects: inout Effects
  ) -> Reply {
    retain(instrument, into: &effects)
    return .needsQuote(QuoteWait(instrument: instrument, order: order, user: user))
  }

  private func newOrder(_ request: PlaceOrder, key: InstrumentKey, price: Int64, now: Int64) -> Order {
    Order(
      id: ledger.nextOrderID(now: now), key: key, side: request.side, product: request.product,
      priceType: request.priceType, strategy: request.strategy, placedAt: now, quantity: request.quantity,
      price: price, triggerPrice: 0, status: .open, pendingQuantity: request.quantity, updatedAt: now)
  }

  /// Writes the refused order down and tells of it.
  private mutating func reject(
    _ order: inout Order, reason: String, user: String, now: Int64, into effects: inout Effects
  ) -> Reply {
    order.status = .rejected
    order.pendingQuantity = 0
    order.rejectionReason = reason
    var record = Record(user: user, time: now)
    record.order = order
    record.funds = ledger.funds(of: user) ?? Funds(startingCapital: rules.startingCapital, now: now)
    commit(record, into: &effects)
    return .refused(Refusal(reason, orderID: order.id))
  }

  /// Reserves the order's margin and makes it rest.
  private mutating func open(_ order: Order, user: String, funds: Funds, into effects: inout Effects) {
    var record = Record(user: user, time: order.placedAt)
    record.order = order
    var after = funds
    after.available -= order.margin
    after.used += order.margin
    record.funds = after
    commit(record, into: &effects)
  }

  /// An order that the present quote satisfies fills at the market, not at its own limit.
  private mutating func fillAtPlacement(
    _ order: Order, user: String, quote: QuoteSlot, time: Int64, into effects: inout Effects
  ) {
    switch order.priceType {
    case .market:
      execute(order, user: user, price: quote.price(for: order.side), ltp: quote.ltp, time: time, into: &effects)
    case .limit:
      guard (order.price - quote.ltp) * order.side.sign >= 0 else { return }
      execute(order, user: user, price: quote.ltp, ltp: quote.ltp, time: time, into: &effects)
    case .stopLimit, .stopMarket:
      preconditionFailure("validation accepts no stop orders")
    }
  }
}

extension QuoteSlot {
  /// What an order at any price pays or gets: the best opposite price, the last price where that is unknown.
  func price(for side: Side) -> Int64 {
    let best = side == .buy ? ask : bid
    return best > 0 ? best : ltp
  }
}
