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

  /// Index of the first order placed at `time` or later.
  func firstOrder(since time: Int64) -> Int { Self.lowerBound(orders, time) { $0.placedAt } }

  /// Index of the first trade made at `time` or later.
  func firstTrade(since time: Int64) -> Int { Self.lowerBound(trades, time) { $0.time } }

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
