import Market

/// Who connects, and who subscribes to what.
struct LoadPlan {
  var host: String
  var port: UInt16
  var key: String
  var dialect: LoadDialect
  /// Clients that read everything at once. The following come after them in number.
  var clients: Int
  /// Clients that read a hundredth of what the others get.
  var slow: Int
  /// Clients that never read once they have subscribed.
  var stalled: Int
  var symbolsPerClient: Int
  var symbols: [InstrumentKey]
  /// Connections opened per second; 0 for as fast as they are set up.
  var rampPerSecond: Int
  /// Loopback addresses that connections come from, 127.0.0.1 and following.
  var sources: Int
  /// How long the server may refuse connections at first.
  var waitNanos: Int64
  var setUpNanos: Int64
  /// Connected and subscribed, before anything else.
  var holdNanos: Int64
  var warmUpNanos: Int64
  var measureNanos: Int64
  var pid: Int32?

  var clientsTotal: Int { clients + slow + stalled }

  /// A choice of its own for every client, the same in every run. Neighbours in the list tick together; were they
  /// handed out together as well, every burst would be one client's.
  func symbols(of client: Int) -> [Int] {
    var generator = SplitMix(seed: UInt64(client))
    var order = Array(symbols.indices)
    let count = min(symbolsPerClient, order.count)
    if count == order.count { return order }
    for place in 0..<count { order.swapAt(place, place + generator.below(order.count - place)) }
    return Array(order.prefix(count))
  }
}

/// One connection of the load. Trivial, in one flat table.
struct LoadClient: BitwiseCopyable {
  enum Kind: UInt8, BitwiseCopyable { case healthy, slow, stalled }
  enum Phase: UInt8, BitwiseCopyable {
    case waiting, connecting, upgrading, authenticating, subscribing, running, closed
  }

  let kind: Kind
  var phase = Phase.waiting
  var descriptor: Int32 = -1
  var reader = FrameReader()
  var slots: SymbolSlots
  /// Subscriptions that are not acknowledged yet.
  var acknowledgementsDue = 0
  var messages: UInt64 = 0
  var bytes: UInt64 = 0
  var missing: UInt64 = 0
  var disordered: UInt64 = 0
}
