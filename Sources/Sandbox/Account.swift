import Market

// Everything that belongs to one user. Orders are kept in the order of their ids, which is the order of placement, so
// a look-up is a binary search and a session's orders are the tail.

/// Orders, trades, positions, holdings and money of one user.
public struct Account: Sendable, Equatable {
  public let user: String
  public internal(set) var funds: Funds
  /// Ascending by id.
  public internal(set) var orders: [Order] = []
  /// In order of execution.
  public internal(set) var trades: [Trade] = []
  /// In the order in which they were first opened.
  public internal(set) var positions: [Position] = []
  public internal(set) var holdings: [Holding] = []
  /// Ids of the orders that can still fill, ascending.
  public private(set) var pendingOrders: [OrderID] = []
  private var positionIndex: [PositionKey: Int] = [:]
  private var holdingIndex: [InstrumentKey: Int] = [:]

  init(user: String, funds: Funds) {
    self.user = user
    self.funds = funds
  }

  public func order(_ id: OrderID) -> Order? {
    let index = Self.lowerBound(orders, id) { $0.id }
    return index < orders.count && orders[index].id == id ? orders[index] : nil
  }

  public func position(_ key: PositionKey) -> Position? { positionIndex[key].map { positions[$0] } }

  public func holding(_ key: InstrumentKey) -> Holding? { holdingIndex[key].map { holdings[$0] } }

  mutating func set(_ order: Order) {
    let index = Self.lowerBound(orders, order.id) { $0.id }
    if index < orders.count, orders[index].id == order.id {
      orders[index] = order
    } else {
      orders.insert(order, at: index)
    }
    let place = Self.lowerBound(pendingOrders, order.id) { $0 }
    let isListed = place < pendingOrders.count && pendingOrders[place] == order.id
    if order.status.isPending, !isListed { pendingOrders.insert(order.id, at: place) }
    if !order.status.isPending, isListed { pendingOrders.remove(at: place) }
  }

  mutating func set(_ position: Position) {
    if let index = positionIndex[position.key] {
      positions[index] = position
    } else {
      positionIndex[position.key] = positions.count
      positions.append(position)
    }
  }

  mutating func set(_ holding: Holding) {
    if let index = holdingIndex[holding.key] {
      holdings[index] = holding
    } else {
      holdingIndex[holding.key] = holdings.count
      holdings.append(holding)
    }
  }

  /// What must hold after every event: all margin belongs to something, and no money is made but by trading.
  public var isBalanced: Bool {
    let reserved = pendingOrders.reduce(Int64(0)) { $0 + (order($1)?.margin ?? 0) }
    let held = positions.reduce(reserved) { $0 + $1.margin }
    let invested = holdings.reduce(Int128(0)) { $0 + Int128($1.cost) }
    return funds.used == held
      && Int128(funds.available) + Int128(funds.used) + invested
        == Int128(funds.totalCapital) + Int128(funds.realized) - Int128(funds.charges)
  }

  /// Forgets what a finished session leaves behind.
  mutating func prune(before time: Int64) {
    orders.removeAll { !$0.status.isPending && $0.placedAt < time }
    trades.removeAll { $0.time < time }
  }

  /// Stores the last known prices of what is held, for the time after a restart and before the first tick.
  mutating func noteLastPrices(_ price: (InstrumentKey) -> Int64?) {
    for index in positions.indices where positions[index].quantity != 0 {
      positions[index].ltp = price(positions[index].key.instrument) ?? positions[index].ltp
    }
    for index in holdings.indices { holdings[index].ltp = price(holdings[index].key) ?? holdings[index].ltp }
  }

  /// First index whose value is not below `value`; the elements ascend by it.
  private static func lowerBound<Element, Value: Comparable>(
    _ elements: [Element], _ value: Value, by path: (Element) -> Value
  ) -> Int {
    var low = 0
    var high = elements.count
    while low < high {
      let middle = (low + high) / 2
      if path(elements[middle]) < value { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
