import Market

// Executions: resting orders that a tick reaches, and the one place where an order fills or is refused at the last
// moment. Not on the path of a tick that reaches nothing.

extension Engine {
  /// The instrument's last price reached at least one order: fill them in order of placement. A resting LIMIT order
  /// fills at its limit, even when the price jumped over it.
  mutating func match(_ instrument: UInt32, time: Int64, into effects: inout Effects) {
    guard let quote = books.freshQuote(instrument) else { return }
    for resting in books.reachedOrders(instrument) {
      let account = Int(resting.account)
      guard let order = ledger.accounts[account].order(OrderID(number: resting.number)), order.status.isPending else {
        preconditionFailure("a finished order rests")
      }
      let price = order.isAtAnyPrice ? quote.price(for: order.side) : order.price
      execute(order, user: ledger.accounts[account].user, price: price, ltp: quote.ltp, time: time, into: &effects)
    }
  }

  /// Fills what is left of the order at `price`, or refuses it when the account can no longer bear it.
  mutating func execute(
    _ order: Order, user: String, price: Int64, ltp: Int64, time: Int64, into effects: inout Effects
  ) {
    guard let funds = ledger.funds(of: user) else { preconditionFailure("an order without an account") }
    let key = PositionKey(order.key, order.product)
    var fill = Fill(
      order: order, position: ledger.position(key, of: user) ?? Position(key: key), funds: funds,
      holdingQuantity: ledger.holding(order.key, of: user)?.quantity ?? 0, quantity: order.pendingQuantity,
      price: price,
      ltp: ltp, leverage: rules.leverage(exchange: order.key.exchange, product: order.product), time: time,
      session: rules.session(at: time), limits: rules.limits)
    if let reason = fill.execute() {
      finish(
        order, as: order.filledQuantity == 0 ? .rejected : .cancelled, reason: reason, user: user, time: time,
        into: &effects)
      return
    }
    var record = Record(user: user, time: time)
    record.order = fill.order
    record.trade = Trade(
      number: ledger.lastTradeNumber &+ 1, order: order.id, key: order.key, side: order.side, product: order.product,
      strategy: order.strategy, quantity: fill.quantity, price: price, time: time)
    record.position = fill.position
    record.funds = fill.funds
    commit(record, into: &effects)
  }

  /// Ends an order that does not fill any further, and returns exactly the margin that it holds.
  mutating func finish(
    _ order: Order, as status: OrderStatus, reason: String, user: String, time: Int64, into effects: inout Effects
  ) {
    guard var funds = ledger.funds(of: user) else { preconditionFailure("an order without an account") }
    assert(order.status.isPending && !status.isPending)
    var ended = order
    ended.status = status
    ended.rejectionReason = reason
    ended.margin = 0
    ended.fundedQuantity = 0
    ended.pendingQuantity = status == .rejected ? 0 : order.pendingQuantity
    ended.updatedAt = time
    funds.available += order.margin
    funds.used -= order.margin
    var record = Record(user: user, time: time)
    record.order = ended
    record.funds = funds
    commit(record, into: &effects)
  }
}
