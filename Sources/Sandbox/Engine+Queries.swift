import Market

// Reports of one account. Read-only; a user without an account has an empty book and the funds of a new account.
// Live prices come from the last tick seen, whatever its age, and from the ledger where there is none.

extension Engine {
  /// Orders of the session that `now` is in, and older ones that still rest, newest first.
  public func orderbook(user: String, now: Int64) -> Orderbook {
    let start = rules.sessionStart(at: now)
    var rows: [OrderRow] = []
    var statistics = OrderStatistics()
    for order in (ledger.account(user)?.orders ?? []).reversed()
    where order.placedAt >= start || order.status.isPending {
      rows.append(Self.row(order))
      statistics.count(order)
    }
    return Orderbook(orders: rows, statistics: statistics)
  }

  /// Any order of the account that is still known; nil otherwise.
  public func order(_ orderID: String, user: String) -> OrderRow? {
    OrderID(text: orderID).flatMap { ledger.account(user)?.order($0) }.map(Self.row)
  }

  /// Trades of the session, newest first.
  public func tradebook(user: String, now: Int64) -> [TradeRow] {
    let start = rules.sessionStart(at: now)
    return (ledger.account(user)?.trades ?? []).reversed().filter { $0.time >= start }.map { trade in
      TradeRow(
        tradeID: trade.id, orderID: trade.order, exchange: trade.key.exchange, symbol: trade.key.symbol,
        side: trade.side, quantity: trade.quantity, price: Money.reportedPrice(trade.price, on: trade.key.exchange),
        value: Money.reported(trade.value), product: trade.product, strategy: trade.strategy, time: trade.time)
    }
  }

  /// Positions that are open, or closed in this session with a profit or loss.
  public func positionbook(user: String, now: Int64) -> Positionbook {
    let session = rules.session(at: now)
    var rows: [PositionRow] = []
    var unrealized: Int64 = 0
    var realized: Int64 = 0
    for position in ledger.account(user)?.positions ?? [] {
      let today = position.realized(in: session)
      guard position.quantity != 0 || today != 0 else { continue }
      let ltp = shownPrice(position)
      let open = Money.unrealized(quantity: position.quantity, cost: position.cost, ltp: ltp)
      rows.append(Self.row(position, ltp: ltp, unrealized: open, today: today))
      unrealized = Money.sum(unrealized, open)
      realized = Money.sum(realized, today)
    }
    return Positionbook(
      positions: rows, totalUnrealizedPnl: Money.reported(unrealized), totalTodayRealizedPnl: Money.reported(realized),
      totalPnl: Money.reported(Money.sum(unrealized, realized)))
  }

  /// Signed open quantity; 0 when there is no such position.
  public func openQuantity(user: String, instrument: InstrumentKey, product: Product) -> Int64 {
    ledger.account(user)?.position(PositionKey(instrument, product))?.quantity ?? 0
  }

  public func holdings(user: String) -> Holdings {
    var rows: [HoldingRow] = []
    var value: Int64 = 0
    var investment: Int64 = 0
    for holding in ledger.account(user)?.holdings ?? [] where holding.quantity != 0 {
      let ltp = livePrice(holding.key) ?? holding.ltp
      let present = Int64(clamping: Money.value(quantity: holding.quantity, price: ltp))
      let pnl = present - holding.cost
      rows.append(
        HoldingRow(
          exchange: holding.key.exchange, symbol: holding.key.symbol, quantity: holding.quantity,
          averagePrice: Money.reportedPrice(holding.averagePrice, on: holding.key.exchange),
          ltp: Money.reportedPrice(ltp, on: holding.key.exchange), pnl: Money.reported(pnl),
          pnlPercent: Money.percent(pnl, of: holding.cost), currentValue: Money.reported(present),
          settledDay: holding.settledDay))
      value = Money.sum(value, present)
      investment = Money.sum(investment, holding.cost)
    }
    let pnl = value - investment
    return Holdings(
      holdings: rows, totalValue: Money.reported(value), totalInvestment: Money.reported(investment),
      totalPnl: Money.reported(pnl), totalPnlPercent: Money.percent(pnl, of: investment))
  }

  /// Funds of the account; those of a new account when the user has none yet.
  public func funds(user: String, now: Int64) -> FundsRow {
    let account = ledger.account(user)
    let funds = account?.funds ?? Funds(startingCapital: rules.startingCapital, now: now)
    let unrealized = (account?.positions ?? []).reduce(Int64(0)) { sum, position in
      guard position.quantity != 0 else { return sum }
      return Money.sum(
        sum, Money.unrealized(quantity: position.quantity, cost: position.cost, ltp: shownPrice(position)))
    }
    return FundsRow(
      availableCash: Money.reported(funds.available), collateral: 0, m2mUnrealized: Money.reported(unrealized),
      m2mRealized: Money.reported(funds.realized(in: rules.session(at: now))),
      utilisedDebits: Money.reported(funds.used), totalRealizedPnl: Money.reported(funds.realized),
      totalPnl: Money.reported(Money.sum(funds.realized, unrealized)), lastReset: funds.lastReset,
      resetCount: funds.resetCount)
  }

  /// Live price of an open position, last fill price of a flat one.
  private func shownPrice(_ position: Position) -> Int64 {
    guard position.quantity != 0 else { return position.ltp }
    return livePrice(position.key.instrument) ?? position.ltp
  }

  private func livePrice(_ key: InstrumentKey) -> Int64? {
    registry.id(key).flatMap { books.lastQuote($0)?.ltp }
  }

  private static func row(_ order: Order) -> OrderRow {
    let exchange = order.key.exchange
    return OrderRow(
      orderID: order.id, exchange: exchange, symbol: order.key.symbol, side: order.side, quantity: order.quantity,
      price: Money.reportedPrice(order.price, on: exchange),
      triggerPrice: Money.reportedPrice(order.triggerPrice, on: exchange), priceType: order.priceType,
      product: order.product, status: order.status,
      averagePrice: Money.reportedPrice(order.averagePrice, on: exchange), filledQuantity: order.filledQuantity,
      pendingQuantity: order.pendingQuantity, rejectionReason: order.rejectionReason, placedAt: order.placedAt,
      strategy: order.strategy)
  }

  private static func row(_ position: Position, ltp: Int64, unrealized: Int64, today: Int64) -> PositionRow {
    let exchange = position.key.instrument.exchange
    let pnl = Money.sum(today, unrealized)
    return PositionRow(
      exchange: exchange, symbol: position.key.instrument.symbol, product: position.key.product,
      quantity: position.quantity, averagePrice: Money.reportedPrice(position.averagePrice, on: exchange),
      ltp: Money.reportedPrice(ltp, on: exchange), pnl: Money.reported(pnl),
      pnlPercent: Money.percent(pnl, of: position.cost), unrealizedPnl: Money.reported(unrealized),
      todayRealizedPnl: Money.reported(today), contractMultiplier: 1)
  }
}

extension OrderStatistics {
  mutating func count(_ order: Order) {
    if order.side == .buy { buyOrders += 1 } else { sellOrders += 1 }
    switch order.status {
    case .complete: completedOrders += 1
    case .open: openOrders += 1
    case .rejected: rejectedOrders += 1
    case .triggerPending: triggerPendingOrders += 1
    case .cancelled: break
    }
  }
}
