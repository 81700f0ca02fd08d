import Market

// Which instruments the engine needs, and the resting orders on them. Follows the ledger: an order that can fill, an
// open position, a holding and a waiting order each hold one reference.

extension Engine {
  /// Rebuilds books and references from the ledger.
  mutating func restoreBooks() {
    var ignored = Effects()
    for index in ledger.accounts.indices {
      let account = ledger.accounts[index]
      for id in account.pendingOrders {
        guard let order = account.order(id), let instrument = registry.id(order.key) else { continue }
        retain(instrument, into: &ignored)
        books.rest(entry(order, UInt32(index)), side: order.side, isMarket: order.isAtAnyPrice, on: instrument)
      }
      for position in account.positions where position.quantity != 0 {
        retain(position.key.instrument, into: &ignored)
      }
      for holding in account.holdings where holding.quantity != 0 { retain(holding.key, into: &ignored) }
    }
  }

  /// Brings books and references in step with a record that is about to be applied. What begins comes before what
  /// ends, so that an instrument that stays needed is not given up in between.
  mutating func updateBooks(with record: Record, into effects: inout Effects) {
    let user = record.user
    let resting = record.order.flatMap { ledger.order($0.id, of: user) }.flatMap { $0.status.isPending ? $0 : nil }
    let held = record.position.flatMap { ledger.position($0.key, of: user)?.quantity } ?? 0
    if let order = record.order, resting == nil, order.status.isPending { rest(order, of: user, into: &effects) }
    if let position = record.position, held == 0, position.quantity != 0 {
      retain(position.key.instrument, into: &effects)
    }
    if let order = record.order, let resting, !order.status.isPending { unrest(resting, of: user, into: &effects) }
    if let position = record.position, held != 0, position.quantity == 0 {
      release(position.key.instrument, into: &effects)
    }
  }

  /// Called before the record that opens the order is applied; the account may be about to be created by it.
  private mutating func rest(_ order: Order, of user: String, into effects: inout Effects) {
    guard let instrument = registry.id(order.key) else { return }
    retain(instrument, into: &effects)
    let account = UInt32(ledger.index(of: user) ?? ledger.accounts.count)
    books.rest(entry(order, account), side: order.side, isMarket: order.isAtAnyPrice, on: instrument)
  }

  private mutating func unrest(_ order: Order, of user: String, into effects: inout Effects) {
    guard let instrument = registry.id(order.key), let account = ledger.index(of: user) else { return }
    books.unrest(entry(order, UInt32(account)), side: order.side, isMarket: order.isAtAnyPrice, on: instrument)
    release(instrument, into: &effects)
  }

  mutating func retain(_ key: InstrumentKey, into effects: inout Effects) {
    if let instrument = registry.id(key) { retain(instrument, into: &effects) }
  }

  mutating func release(_ key: InstrumentKey, into effects: inout Effects) {
    if let instrument = registry.id(key) { release(instrument, into: &effects) }
  }

  mutating func retain(_ instrument: UInt32, into effects: inout Effects) {
    if books.retain(instrument) { effects.wants.append(Want(instrument, rules.wantedMode, delta: 1)) }
  }

  mutating func release(_ instrument: UInt32, into effects: inout Effects) {
    if books.release(instrument) { effects.wants.append(Want(instrument, rules.wantedMode, delta: -1)) }
  }

  private func entry(_ order: Order, _ account: UInt32) -> RestingOrder {
    RestingOrder(price: order.isAtAnyPrice ? 0 : order.price, number: order.id.number, account: account)
  }
}

extension Order {
  /// Fills at whatever the next tick brings.
  var isAtAnyPrice: Bool { priceType == .market }
}
