import Market

// The paper exchange: takes commands and ticks, one at a time, and says what became of them. Confined to one thread;
// reads no clock and does no I/O: the same commands and ticks give the same state, bit by bit. A tick that fills
// nothing allocates nothing.

/// Accounts, resting orders and quotes of the paper exchange.
public struct Engine: ~Copyable {
  public let rules: Rules
  let registry: InstrumentRegistry
  let calendar: SessionCalendar
  /// Everything durable.
  public internal(set) var ledger: Ledger

  /// Goes on from `ledger`: empty, or rebuilt from the journal. Ask `wants()` afterwards.
  public init(
    registry: InstrumentRegistry, calendar: SessionCalendar, rules: Rules = Rules(), ledger: Ledger = Ledger()
  ) {
    self.registry = registry
    self.calendar = calendar
    self.rules = rules
    self.ledger = ledger
  }

  /// Instruments that are needed now, once each.
  public func wants() -> [Want] { [] }

  /// Prices of a feed are current from `usableSince` on (nanoseconds, compared with the tick's received time); nil
  /// while the feed is down or stale. No order fills on anything older. Feeds are unusable until said otherwise.
  public mutating func feedChanged(feed: UInt8, usableSince: Int64?) {}

  /// Hot path. The instrument's quote becomes this tick, and resting orders that it reaches fill. Besides live ticks,
  /// the caller may hand in the last known tick of an instrument that it has just begun to watch.
  public mutating func onTick(_ tick: UnsafePointer<Tick>, into effects: inout Effects) {}

  /// Whether a retry of an order that waits for this instrument will find a price.
  public func hasQuote(_ instrument: UInt32) -> Bool { false }

  /// Accepts, fills or refuses an order, or asks for a price first.
  public mutating func place(_ order: PlaceOrder, user: String, now: Int64, into effects: inout Effects) -> Reply {
    .refused(Refusal("not built"))
  }

  /// Places a waiting order again. Answers `needsQuote` once more when there is still no price: the wait goes on.
  public mutating func retry(_ wait: QuoteWait, now: Int64, into effects: inout Effects) -> Reply {
    .refused(Refusal("not built"))
  }

  /// Ends a wait whose price did not come in time. A LIMIT order rests; a MARKET order rests when an open position
  /// knows a price to reserve margin with, and is refused otherwise.
  public mutating func placeWithoutQuote(_ wait: QuoteWait, now: Int64, into effects: inout Effects) -> Reply {
    .refused(Refusal("not built"))
  }

  /// Cancels an order that can still fill and releases its margin.
  public mutating func cancel(orderID: String, user: String, now: Int64, into effects: inout Effects) -> Reply {
    .refused(Refusal("not built"))
  }

  /// Orders of the session that `now` is in.
  public func orderbook(user: String, now: Int64) -> Orderbook { Orderbook(orders: [], statistics: .init()) }

  /// Any order of the account that is still known; nil otherwise.
  public func order(_ orderID: String, user: String) -> OrderRow? { nil }

  /// Trades of the session, newest first.
  public func tradebook(user: String, now: Int64) -> [TradeRow] { [] }

  public func positionbook(user: String, now: Int64) -> Positionbook {
    Positionbook(positions: [], totalUnrealizedPnl: 0, totalTodayRealizedPnl: 0, totalPnl: 0)
  }

  /// Signed open quantity; 0 when there is no such position.
  public func openQuantity(user: String, instrument: InstrumentKey, product: Product) -> Int64 { 0 }

  public func holdings(user: String) -> Holdings {
    Holdings(holdings: [], totalValue: 0, totalInvestment: 0, totalPnl: 0, totalPnlPercent: 0)
  }

  /// Funds of the account; those of a new account when the user has none yet.
  public func funds(user: String, now: Int64) -> FundsRow {
    FundsRow(
      availableCash: 0, collateral: 0, m2mUnrealized: 0, m2mRealized: 0, utilisedDebits: 0, totalRealizedPnl: 0,
      totalPnl: 0, lastReset: now, resetCount: 0)
  }

  /// Forgets finished orders and trades of earlier sessions, notes the last prices of positions, and returns the state
  /// to write as a snapshot. To be ordered with the records: it contains all of those before it and none after.
  public mutating func checkpoint(now: Int64) -> Ledger { ledger }
}
