import Market

/// Who subscribes to what.
struct LoadPlan: Sendable {
  var host: String
  var port: UInt16
  var key: String
  var mode: Mode
  var clients: Int
  var symbolsPerClient: Int
  /// (exchange, symbol), shared out in turn.
  var symbols: [InstrumentKey]
  var warmUpNanos: Int64
  var measureNanos: Int64

  /// A choice of its own for every client, the same in every run. Neighbours in the list tick together; were they
  /// handed out together as well, every burst would be one client's.
  func symbols(of client: Int) -> [InstrumentKey] {
    var generator = SplitMix(seed: UInt64(client))
    var order = Array(symbols.indices)
    for place in 0..<min(symbolsPerClient, order.count) {
      order.swapAt(place, place + generator.below(order.count - place))
    }
    return order.prefix(symbolsPerClient).map { symbols[$0] }
  }
}

/// What came of a run.
struct LoadResult: Sendable {
  var connected = 0
  var messages: UInt64 = 0
  var bytes: UInt64 = 0
  var seconds = 0.0
  /// Messages that the sequence numbers show to be missing.
  var missing: UInt64 = 0
  /// Messages that came twice or out of order.
  var disordered: UInt64 = 0
  var perClientLeast: UInt64 = 0
  var perClientMost: UInt64 = 0
  var cpuNanos: Int64 = 0
  var problem: String?
}
