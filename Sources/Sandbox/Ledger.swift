import Market

// The whole durable state of the paper exchange. It changes by applying records and in no other way, live as on
// recovery. A value: a copy is a consistent snapshot that another thread may write out.

/// All accounts and the counters that must never run backwards.
public struct Ledger: Sendable, Equatable {
  public internal(set) var accounts: [Account] = []
  /// Number of the last order id given out.
  public internal(set) var lastOrderNumber: UInt64 = 0
  public internal(set) var lastTradeNumber: UInt32 = 0
  private var indexByUser: [String: Int] = [:]

  public init() {}

  public func account(_ user: String) -> Account? { indexByUser[user].map { accounts[$0] } }

  func index(of user: String) -> Int? { indexByUser[user] }

  // Single values, read in place: a copy of an account that is alive while a record is applied would make the ledger
  // copy all of that account's orders.

  func funds(of user: String) -> Funds? { indexByUser[user].map { accounts[$0].funds } }

  func order(_ id: OrderID, of user: String) -> Order? { indexByUser[user].flatMap { accounts[$0].order(id) } }

  func position(_ key: PositionKey, of user: String) -> Position? {
    indexByUser[user].flatMap { accounts[$0].position(key) }
  }

  func holding(_ key: InstrumentKey, of user: String) -> Holding? {
    indexByUser[user].flatMap { accounts[$0].holding(key) }
  }

  /// Makes the state what the record says. A record of an unknown user opens the account and must carry its funds.
  @discardableResult
  public mutating func apply(_ record: Record) -> Bool {
    let index: Int
    if let known = indexByUser[record.user] {
      index = known
    } else {
      guard let funds = record.funds else { return false }
      index = accounts.count
      indexByUser[record.user] = index
      accounts.append(Account(user: record.user, funds: funds))
    }
    if let funds = record.funds { accounts[index].funds = funds }
    if let order = record.order {
      accounts[index].set(order)
      lastOrderNumber = max(lastOrderNumber, order.id.number)
    }
    if let trade = record.trade {
      accounts[index].trades.append(trade)
      lastTradeNumber = max(lastTradeNumber, trade.number)
    }
    if let position = record.position { accounts[index].set(position) }
    if let holding = record.holding { accounts[index].set(holding) }
    return true
  }

  /// The id of the next order: the day, then a count that survives restarts. A clock that was set back does not make
  /// ids go back.
  func nextOrderID(now: Int64) -> OrderID {
    let date = ISTTime(epochNanos: now).date
    let day = UInt64(date.year % 100 * 10_000 + date.month * 100 + date.dayOfMonth)
    return OrderID(number: max(day * OrderID.countPerDay, lastOrderNumber) + 1)
  }
}
