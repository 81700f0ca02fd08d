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
  var books: InstrumentBooks

  /// Goes on from `ledger`: empty, or rebuilt from the journal. Ask `wants()` afterwards. Orders and positions in
  /// instruments that the registry no longer has are kept, but see no tick.
  public init(
    registry: InstrumentRegistry, calendar: SessionCalendar, rules: Rules = Rules(), ledger: Ledger = Ledger()
  ) {
    precondition(rules.isValid, "leverage and capital must be positive and within their bounds")
    self.registry = registry
    self.calendar = calendar
    self.rules = rules
    self.ledger = ledger
    books = InstrumentBooks(instrumentCount: registry.count)
    restoreBooks()
  }

  /// Instruments that are needed now, once each.
  public func wants() -> [Want] { books.needed().map { Want($0, rules.wantedMode, delta: 1) } }

  /// Prices of a feed are current from `usableSince` on (nanoseconds, compared with the tick's received time); nil
  /// while the feed is down or stale. No order fills on anything older. Feeds are unusable until said otherwise.
  public mutating func feedChanged(feed: UInt8, usableSince: Int64?) {
    books.setUsable(feed: feed, since: usableSince)
  }

  /// Hot path. The instrument's quote becomes this tick, and resting orders that it reaches fill. Besides live ticks,
  /// the caller may hand in the last known tick of an instrument that it has just begun to watch.
  public mutating func onTick(_ tick: UnsafePointer<Tick>, into effects: inout Effects) {
    guard books.take(tick, priceMax: rules.limits.priceMax) else { return }
    match(tick.pointee.instrument, time: tick.pointee.receivedTime, into: &effects)
  }

  /// Whether any instrument is needed at all; while none is, ticks can stay unread.
  public var needsTicks: Bool { books.neededCount > 0 }

  /// Whether a retry of an order that waits for this instrument will find a price.
  public func hasQuote(_ instrument: UInt32) -> Bool { books.freshQuote(instrument) != nil }

  /// Forgets finished orders and trades of earlier sessions, notes the last prices of positions and holdings, and
  /// returns the state to write as a snapshot. To be ordered with the records: it contains all of those before it and
  /// none after.
  public mutating func checkpoint(now: Int64) -> Ledger {
    let start = rules.sessionStart(at: now)
    for index in ledger.accounts.indices {
      ledger.accounts[index].prune(before: start)
      ledger.accounts[index].noteLastPrices { key in
        registry.id(key).flatMap { books.lastQuote($0)?.ltp }
      }
    }
    return ledger
  }

  /// Applies a record to the ledger, keeps books and wants in step with it, and hands it on. The only way in which the
  /// engine changes anything durable.
  mutating func commit(_ record: Record, into effects: inout Effects) {
    updateBooks(with: record, into: &effects)
    let isApplied = ledger.apply(record)
    precondition(isApplied, "a record of an unknown account must carry its funds")
    assert(ledger.account(record.user)?.isBalanced ?? false, "the ledger lost or made money")
    effects.records.append(record)
    if let order = record.order { effects.updates.append(OrderEvent(user: record.user, order: order)) }
  }
}
