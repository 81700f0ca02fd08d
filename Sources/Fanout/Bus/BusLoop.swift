// The bus thread's work: one turn takes subscriptions, foreign messages and order updates, then publishes a batch of
// ticks; when there is nothing to do it sleeps in one poll on the sockets and two event descriptors. Confined to its
// thread. While nobody subscribes it neither reads the ring nor lets itself be woken by it.

import CZMQ
import Glibc
import Logging
import Market
import Synchronization
import TickRing

/// What the bus needs from the rest of the gateway; the same for the life of the process.
struct BusSurroundings: Sendable {
  let configuration: BusConfiguration
  let registry: InstrumentRegistry
  let ring: TickRing
  let lastValues: LastValueTable
  let wanted: any WantedSubscriptions
  let board: FeedBoard
  let ingest: BusIngestTargets?
  let clock: any WallClock
  let log: Logger
}

/// What other threads and the bus thread share.
final class BusShared: Sendable {
  let counters = BusCounters()
  /// Woken by the ring while somebody subscribes.
  let ringWaker = Waker()
  /// Woken by order updates and by `stop`.
  let controlWaker: Waker
  let orders: Mailbox<OrderUpdate>
  let isStopping = Atomic<Bool>(false)
  let isRegistered = Atomic<Bool>(false)

  init() {
    let waker = Waker()
    controlWaker = waker
    orders = Mailbox(waker: waker)
  }
}

struct BusLoop: ~Copyable {
  private static let ticksPerTurnMax = 256
  /// Longest sleep: bounds how late losses are reported.
  private static let sleepMillis = 1000
  /// The same while somebody follows the states of the feeds: bounds how late a change is published.
  private static let statusSleepMillis = 100
  private static let reportIntervalNanos: Int64 = 10_000_000_000
  private static let pollItemsMax = 4

  private let surroundings: BusSurroundings
  private let shared: BusShared
  private var publisher: BusPublisher
  private var ingest: BusIngest?
  /// Socket of `ingest`, for polling.
  private let ingestHandle: UnsafeMutableRawPointer?
  /// Endpoints as bound, the ingest endpoint last.
  let endpoints: [String]

  private var reader: TickReader
  private let tick: UnsafeMutablePointer<Tick>
  private let pollItems: UnsafeMutablePointer<zmq_pollitem_t>
  private var feedStatusWatch: FeedStatusWatch
  private var reportedAt: Int64
  private var reported = BusStatistics()
  private var reportedDrops: UInt64 = 0

  init(_ surroundings: BusSurroundings, _ shared: BusShared) throws(BusError) {
    let configuration = surroundings.configuration
    let context = try ZeroMQContext()
    let socket = try ZeroMQSocket(context, kind: ZMQ_XPUB)
    try BusPublisher.configure(socket, configuration)
    var bound: [String] = []
    for text in configuration.publish {
      bound.append(try socket.bind(BusEndpoint(text, allowsPublic: configuration.allowsPublicBind)))
    }
    var ingest: BusIngest?
    var ingestHandle: UnsafeMutableRawPointer?
    if let text = configuration.ingest, let targets = surroundings.ingest {
      let socket = try ZeroMQSocket(context, kind: ZMQ_SUB)
      try BusIngest.configure(socket, configuration)
      bound.append(try socket.bind(BusEndpoint(text, allowsPublic: configuration.allowsPublicBind)))
      ingestHandle = socket.handle
      ingest = BusIngest(
        socket: socket, targets: targets, registry: surroundings.registry, board: surroundings.board,
        counters: shared.counters)
      surroundings.board.set(.connecting, of: Int(targets.feed), now: surroundings.clock.nowNanos())
    }
    publisher = BusPublisher(
      socket: socket, registry: surroundings.registry, lastValues: surroundings.lastValues,
      feedNames: surroundings.board.names, counters: shared.counters)
    self.ingest = ingest
    self.ingestHandle = ingestHandle
    endpoints = bound
    self.surroundings = surroundings
    self.shared = shared
    reader = TickReader(surroundings.ring)
    tick = .allocate(capacity: 1)
    tick.initialize(to: Tick())
    pollItems = .allocate(capacity: Self.pollItemsMax)
    pollItems.initialize(repeating: zmq_pollitem_t(), count: Self.pollItemsMax)
    reportedAt = SystemClock.monotonicNanos()
    feedStatusWatch = FeedStatusWatch(
      surroundings.board, heartbeatNanos: configuration.feedStatusNanos, nowNanos: reportedAt)
    // A ring keeps its sleepers, so a bus that is started again must not register again.
    if !shared.isRegistered.exchange(true, ordering: .relaxed) { surroundings.ring.register(shared.ringWaker) }
  }

  deinit {
    tick.deallocate()
    pollItems.deallocate()
  }

  /// Runs until told to stop, then gives back what is wanted upstream.
  mutating func run() {
    while !shared.isStopping.load(ordering: .acquiring) {
      if !turn() { sleep() }
      let now = SystemClock.monotonicNanos()
      publishFeedStatus(nowNanos: now)
      reportLosses(nowNanos: now)
    }
    publishOrders()
    let released = publisher.releaseWants()
    if !released.isEmpty { surroundings.wanted.apply(released) }
    publisher.countSubscriptions()
    if let targets = surroundings.ingest, surroundings.configuration.ingest != nil {
      surroundings.board.set(.closed, of: Int(targets.feed), now: surroundings.clock.nowNanos())
    }
  }

  /// - Returns: whether there was anything to do.
  private mutating func turn() -> Bool {
    var work = takeSubscriptions()
    if ingestHandle != nil { work += ingest!.takeMessages(nowNanos: surroundings.clock.nowNanos()) }
    work += publishOrders()
    if publisher.hasSubscribers { work += publishTicks() }
    return work > 0
  }

  private mutating func takeSubscriptions() -> Int {
    let hadSubscribers = publisher.hasSubscribers
    var wants: [Want] = []
    let taken = publisher.takeSubscriptions(wants: &wants)
    if !wants.isEmpty { surroundings.wanted.apply(wants) }
    // What the ring carried while nobody listened is not made up for.
    if !hadSubscribers, publisher.hasSubscribers { reader = TickReader(surroundings.ring) }
    if taken > 0 { publisher.countSubscriptions() }
    return taken
  }

  @discardableResult
  private mutating func publishOrders() -> Int {
    if shared.orders.isEmpty { return 0 }
    let updates = shared.orders.takeAll()
    for update in updates { publisher.publish(update) }
    return updates.count
  }

  /// What is new counts as told though nobody listens: whoever subscribes hears the next heartbeat.
  private mutating func publishFeedStatus(nowNanos: Int64) {
    let due = feedStatusWatch.due(nowNanos: nowNanos)
    if due.isEmpty || !publisher.hasStatusSubscribers { return }
    let wallNanos = surroundings.clock.nowNanos()
    for told in due { publisher.publish(told.status, feed: told.feed, wallNanos: wallNanos) }
  }

  private mutating func publishTicks() -> Int {
    var count = 0
    while count < Self.ticksPerTurnMax {
      switch reader.read(into: tick) {
      case .tick:
        count += 1
        publisher.publish(tick)
      case .empty:
        shared.counters.ticksRead.add(UInt64(count))
        return count
      case .lapped(let lost):
        shared.counters.laps.add()
        shared.counters.ticksLost.add(lost)
        publisher.heal(into: tick)
        count += 1
        shared.counters.ticksRead.add(UInt64(count - 1))
        return count
      }
    }
    shared.counters.ticksRead.add(UInt64(count))
    return count
  }

  // MARK: Sleeping

  private mutating func sleep() {
    let followsRing = publisher.hasSubscribers
    shared.controlWaker.park()
    if followsRing { shared.ringWaker.park() }
    defer {
      shared.controlWaker.unpark()
      shared.ringWaker.unpark()
    }
    let hasWork =
      shared.isStopping.load(ordering: .acquiring) || !shared.orders.isEmpty || (followsRing && reader.hasMore)
    if hasWork { return }
    var count = 2
    pollItems[0] = Self.item(socket: publisher.socket.handle)
    pollItems[1] = Self.item(descriptor: shared.controlWaker.descriptor)
    if followsRing {
      pollItems[count] = Self.item(descriptor: shared.ringWaker.descriptor)
      count += 1
    }
    if let ingestHandle {
      pollItems[count] = Self.item(socket: ingestHandle)
      count += 1
    }
    let sleepMillis = publisher.hasStatusSubscribers ? Self.statusSleepMillis : Self.sleepMillis
    guard zmq_poll(pollItems, Int32(count), sleepMillis) > 0 else { return }
    if pollItems[1].revents != 0 { shared.controlWaker.drain() }
    if followsRing, pollItems[2].revents != 0 { shared.ringWaker.drain() }
  }

  private static func item(socket: UnsafeMutableRawPointer) -> zmq_pollitem_t {
    zmq_pollitem_t(socket: socket, fd: 0, events: Int16(ZMQ_POLLIN), revents: 0)
  }

  private static func item(descriptor: Int32) -> zmq_pollitem_t {
    zmq_pollitem_t(socket: nil, fd: descriptor, events: Int16(ZMQ_POLLIN), revents: 0)
  }

  /// Says what went wrong since the last report, as one line.
  private mutating func reportLosses(nowNanos: Int64) {
    guard nowNanos - reportedAt >= Self.reportIntervalNanos else { return }
    reportedAt = nowNanos
    let seen = shared.counters.snapshot
    let drops = shared.counters.dropsTotal
    defer {
      reported = seen
      reportedDrops = drops
    }
    let overflows = seen.queueOverflows &- reported.queueOverflows
    let laps = seen.laps &- reported.laps
    let errors = seen.sendErrors &- reported.sendErrors
    let skipped = drops &- reportedDrops
    guard overflows | laps | errors | skipped != 0 else { return }
    surroundings.log.warning(
      "bus losses since the last report",
      metadata: [
        "queueOverflows": "\(overflows)", "laps": "\(laps)", "sendErrors": "\(errors)", "ingestSkipped": "\(skipped)",
      ])
  }
}
