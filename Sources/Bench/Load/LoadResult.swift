// What came of a run. Values.

import Histogram

/// Figures of one kind of clients over the measured time.
struct GroupResult {
  var clients = 0
  var messages: UInt64 = 0
  var bytes: UInt64 = 0
  /// Messages that the sequences show to be missing.
  var missing: UInt64 = 0
  /// Messages that came twice or out of order.
  var disordered: UInt64 = 0
  /// Connections that the server ended.
  var closed = 0
  var perClientLeast: UInt64 = 0
  var perClientMedian: UInt64 = 0
  var perClientMost: UInt64 = 0

  init() {}

  init(_ clients: [LoadClient]) {
    self.clients = clients.count
    for client in clients {
      messages += client.messages
      bytes += client.bytes
      missing += client.missing
      disordered += client.disordered
      if client.phase == .closed { closed += 1 }
    }
    let sorted = clients.map(\.messages).sorted()
    perClientLeast = sorted.first ?? 0
    perClientMedian = sorted.isEmpty ? 0 : sorted[sorted.count / 2]
    perClientMost = sorted.last ?? 0
  }
}

/// Of the server's process.
struct ServerResult {
  /// Over the measured time.
  var cpuNanos: Int64 = 0
  /// From the first connection to the last subscription.
  var setUpCPUNanos: Int64 = 0
  var residentAtStart = 0
  /// With all clients, before the first tick.
  var residentAtSetUp = 0
  var residentBefore = 0
  var residentAfter = 0
  var residentPeak = 0
}

/// Time from a burst's first byte to the last delivery of it.
struct BurstResult {
  var count = 0
  var medianNanos: Int64 = 0
  var mostNanos: Int64 = 0

  init(_ nanos: [Int64]) {
    let sorted = nanos.sorted()
    count = sorted.count
    medianNanos = sorted.isEmpty ? 0 : sorted[sorted.count / 2]
    mostNanos = sorted.last ?? 0
  }
}

struct LoadResult {
  var healthy = GroupResult()
  var slow = GroupResult()
  var stalled = GroupResult()
  var seconds = 0.0
  var setUpSeconds = 0.0
  /// Of this process's loop, without the feed's thread.
  var cpuNanos: Int64 = 0
  var server: ServerResult?
  /// Subscriptions of healthy clients that got nothing at all.
  var silent = 0
  /// Ticks of the feed that had not arrived a while after its end.
  var undelivered: UInt64 = 0
  /// From the time at which a tick was due at the feed to its arrival at a healthy client, ns.
  var latency: Histogram<UInt64>?
  var bursts: BurstResult?
  /// How late the feed itself sent bursts, the most, ns.
  var feedLatenessMost: Int64 = 0
  var problem: String?
}
