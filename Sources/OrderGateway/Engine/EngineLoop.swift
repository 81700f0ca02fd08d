import Logging
import Market
import Sandbox
import Synchronization
import TickRing

// The engine thread: owns every book and the order of commands. A turn takes the commands that have arrived, then a
// bounded batch of ticks, and sends all that came of it to the journal as one group. It never waits for a disk, a
// socket or a lock that is held for long; a turn in which nothing happens allocates nothing.

/// State and body of the engine thread.
struct EngineLoop: ~Copyable {
  /// Ticks per turn: bounds how long a command waits behind ticks.
  private static let ticksPerTurnMax = 1024
  /// Sleep at most this long: a feed that goes down or comes up wakes nobody.
  private static let sleepMillis: Int64 = 100
  private static let nanosPerMilli: Int64 = 1_000_000

  /// An order that waits for the first price of its instrument.
  private struct Waiting {
    let wait: QuoteWait
    /// Monotonic nanoseconds.
    let deadline: Int64
    let answer: CommandReply
  }

  private let service: EngineService
  private var engine: Engine
  private var reader: TickReader
  /// The ring is being read; not so while the engine needs no ticks.
  private var isFollowing = false
  private let tick: UnsafeMutablePointer<Tick>
  private var effects = Effects()
  private var group = Group()
  private var waits: [Waiting] = []
  /// What the engine was last told of each feed; `.max` is down.
  private var usableSince: [Int64]

  init(service: EngineService, engine: consuming Engine) {
    self.service = service
    self.engine = engine
    reader = TickReader(service.surroundings.ring)
    tick = .allocate(capacity: 1)
    tick.initialize(to: Tick())
    usableSince = service.surroundings.board.names.map { _ in .max }
  }

  deinit { tick.deallocate() }

  mutating func run() {
    let needed = engine.wants()
    if !needed.isEmpty { service.surroundings.wanted.apply(needed) }
    while !service.isStopping.load(ordering: .acquiring) {
      turn()
      sleep()
    }
    drain()
  }

  private mutating func turn() {
    followFeeds()
    for command in service.commands.takeAll() { execute(command) }
    readTicks()
    settleWaits()
    if service.journal.takeSnapshotRequest() { group.snapshot = engine.checkpoint(now: now()) }
    sendGroup()
  }

  private func sleep() {
    var millis = Self.sleepMillis
    if let first = waits.first {
      let left = (first.deadline - SystemClock.monotonicNanos()) / Self.nanosPerMilli + 1
      millis = max(0, min(millis, left))
    }
    let ringWaker = engine.needsTicks ? service.ringWaker : nil
    service.waker.sleep(timeoutMillis: Int32(millis), or: ringWaker) {
      (ringWaker != nil && reader.hasMore) || !service.commands.isEmpty || feedsChanged
        || service.isStopping.load(ordering: .acquiring)
    }
  }

  /// The last turn: everything that has arrived is decided, and the state is written as a snapshot.
  private mutating func drain() {
    service.close()
    turn()
    while !waits.isEmpty { end(waits.removeFirst()) }
    if !service.journal.isBroken { group.snapshot = engine.checkpoint(now: now()) }
    sendGroup()
    let released = engine.wants().map { Want($0.instrument, $0.mode, delta: -1) }
    if !released.isEmpty { service.surroundings.wanted.apply(released) }
  }

  private func now() -> Int64 { service.surroundings.clock.nowNanos() }
}

// Commands and the orders that wait for a price.
extension EngineLoop {
  private mutating func execute(_ command: Command) {
    switch command {
    case .query(let body):
      group.releases.append(.query(body(engine, now())))
    case .place(let order, let user, let answer):
      guard isWritable(answer) else { return }
      let reply = engine.place(order, user: user, now: now(), into: &effects)
      absorbWants()
      finish(reply, answer)
    case .cancel(let orderID, let user, let answer):
      guard isWritable(answer) else { return }
      let reply = engine.cancel(orderID: orderID, user: user, now: now(), into: &effects)
      absorbWants()
      finish(reply, answer)
    }
  }

  private func isWritable(_ answer: CommandReply) -> Bool {
    if !service.journal.isBroken { return true }
    answer.resume(returning: .failure(.journalFailed))
    return false
  }

  private mutating func finish(_ reply: Reply, _ answer: CommandReply) {
    guard case .needsQuote(let wait) = reply else {
      group.releases.append(.command(answer, reply))
      return
    }
    let waiting = Waiting(
      wait: wait, deadline: SystemClock.monotonicNanos() + service.limits.quoteWaitNanos, answer: answer)
    // `absorbWants` has just shown the engine the last known tick, so the price may be there already.
    if engine.hasQuote(wait.instrument) || waits.count >= service.limits.quoteWaitsMax {
      end(waiting)
    } else {
      waits.append(waiting)
    }
  }

  /// Ends the waits whose price has come or whose time is over. Deadlines ascend.
  private mutating func settleWaits() {
    if waits.isEmpty { return }
    let time = SystemClock.monotonicNanos()
    var kept: [Waiting] = []
    for waiting in waits {
      // At the end any current price is better than none: some sources send nothing but prices.
      if waiting.deadline <= time { showLastValue(of: waiting.wait.instrument) }
      if waiting.deadline <= time || engine.hasQuote(waiting.wait.instrument) {
        end(waiting)
      } else {
        kept.append(waiting)
      }
    }
    waits = kept
  }

  /// Decides a waiting order with what is known now.
  private mutating func end(_ waiting: Waiting) {
    guard isWritable(waiting.answer) else { return }
    let reply = engine.placeWithoutQuote(waiting.wait, now: now(), into: &effects)
    absorbWants()
    group.releases.append(.command(waiting.answer, reply))
  }
}

// Ticks, feeds and subscriptions.
extension EngineLoop {
  private mutating func readTicks() {
    // After a journal failure the books stand still: nothing may happen that cannot be written down.
    if service.journal.isBroken { return skipTicks() }
    // Nobody needs a price: the ring is not followed, and does not wake this thread.
    guard engine.needsTicks else {
      isFollowing = false
      return
    }
    if !isFollowing { follow() }
    for _ in 0..<Self.ticksPerTurnMax {
      switch reader.read(into: tick) {
      // A price outside the circuit limits cannot be one: nothing fills on it.
      case .tick: if !tick.pointee.has(.suspect) { engine.onTick(tick, into: &effects) }
      case .empty: return absorbWants()
      case .lapped(let lost): heal(lost: lost)
      }
    }
    absorbWants()
  }

  private mutating func skipTicks() {
    for _ in 0..<Self.ticksPerTurnMax where reader.read(into: tick) == .empty { return }
  }

  /// The ring went round before these ticks were read. Prices that still stand are in the last-value table.
  private mutating func heal(lost: UInt64) {
    service.ticksLost.add(lost, ordering: .relaxed)
    service.laps.add(1, ordering: .relaxed)
    service.surroundings.logger.warning(
      "the paper engine missed ticks and took the last values instead", metadata: ["ticks": "\(lost)"])
    for want in engine.wants() { showLastValue(of: want.instrument) }
  }

  private var feedsChanged: Bool {
    for feed in usableSince.indices where usableSince[feed] != service.surroundings.board.liveSince(of: feed) {
      return true
    }
    return false
  }

  /// Tells the engine which feeds are current. A feed that came up may have sent its first ticks before the engine knew.
  private mutating func followFeeds() {
    var hasNewFeed = false
    for feed in usableSince.indices {
      let since = service.surroundings.board.liveSince(of: feed)
      guard since != usableSince[feed] else { continue }
      usableSince[feed] = since
      engine.feedChanged(feed: UInt8(feed), usableSince: since == .max ? nil : since)
      hasNewFeed = hasNewFeed || since != .max
    }
    guard hasNewFeed, !service.journal.isBroken else { return }
    for want in engine.wants() { showLastValue(of: want.instrument) }
    absorbWants()
  }

  /// Begins to read the ring, from now on. The last values are shown after that, so that no tick falls between.
  private mutating func follow() {
    reader = TickReader(service.surroundings.ring)
    isFollowing = true
    for want in engine.wants() { showLastValue(of: want.instrument, inMode: want.mode) }
    absorbWants()
  }

  /// Passes the engine's wants on. An instrument that it begins to watch may have a price already, because others
  /// watch it: the engine sees that one at once instead of waiting for the next.
  private mutating func absorbWants() {
    // What a shown tick brings about may end wants and begin none, so this ends.
    while !effects.wants.isEmpty {
      let wants = effects.wants
      effects.wants.removeAll(keepingCapacity: true)
      service.surroundings.wanted.apply(wants)
      for want in wants where want.delta > 0 { showLastValue(of: want.instrument, inMode: want.mode) }
    }
  }

  /// - Parameter mode: what is enough; a row of a lower mode has no book, and the tick that has one is on its way.
  private mutating func showLastValue(of instrument: UInt32, inMode mode: Mode = .ltp) {
    guard service.surroundings.lastValues.read(instrument, into: tick), tick.pointee.mode >= mode.rawValue,
      !tick.pointee.has(.suspect)
    else { return }
    engine.onTick(tick, into: &effects)
  }

  private mutating func sendGroup() {
    if !effects.records.isEmpty || !effects.updates.isEmpty {
      group.records = effects.records
      group.updates = effects.updates
      effects.removeAll()
    }
    if group.isEmpty { return }
    service.journal.submit(group)
    group = Group()
  }
}
