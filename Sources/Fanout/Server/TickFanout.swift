// The tick path: ring → frames → outboxes. Owned by the fan-out loop's thread. A tick is encoded once per mode and
// form and copied to each subscriber; nothing here allocates, locks, retains or logs once an instrument is prepared.
//
// What cannot or shall not go out at once is noted per client, instrument and mode; `TickFanout+Held` sends the newest
// of it when its time has come. Values of one instrument and mode never reach a client out of order.

import Market
import Reactor
import TickRing
import WebSocket

final class TickFanout {
  let sockets: Sockets
  let index: SubscriptionIndex
  let lastValues: LastValueTable
  private let ticksPerTurnMax: Int
  /// Bytes that one turn may give a client that has taken all before: below the hard limit, so that replies still fit.
  private let pendingBytesTurnMax: Int
  let pacedIntervalNanos: Int64
  /// Age of a client's waiting bytes above which nothing is added to them.
  let pendingAgeSoftNanos: Int64
  /// Bytes waiting at which a round is interrupted: below the soft limit, so that what comes next finds room.
  let refillToBytes: Int
  /// A held client is served again when no more than this waits in its outbox: little enough to be fresh, enough to
  /// keep a connection busy.
  let refillBelowBytes: Int
  private var reader: TickReader
  var frames: TickFrames
  let tick: UnsafeMutablePointer<Tick>
  let slots: UnsafeMutablePointer<ClientSlot>
  /// Clients that are owed something, each once.
  let listed: UnsafeMutablePointer<UInt32>
  var listedCount = 0
  /// Clients that the loop has to close as too slow, each once.
  private let condemned: UnsafeMutablePointer<UInt32>
  private(set) var condemnedCount = 0
  /// Where the next turn begins in the list, so that a full turn does not always serve the same.
  var listedTurn = 0
  /// Earliest time at which something that is owed may go; `.max` when nothing waits for a time.
  var wakeNanos = Int64.max
  var statistics = FanoutStatistics()

  /// What a loop's tick path is made of.
  struct Parts {
    var sockets: Sockets
    var index: SubscriptionIndex
    var registry: InstrumentRegistry
    var ring: TickRing
    var lastValues: LastValueTable
    var feedNames: [String]
    var epochMillis: Int64
    var deflater: PayloadDeflater?
  }

  init(_ parts: Parts, configuration: FanoutConfiguration) {
    sockets = parts.sockets
    index = parts.index
    lastValues = parts.lastValues
    ticksPerTurnMax = configuration.ticksPerTurnMax
    pendingBytesTurnMax = max(configuration.pendingBytesSoftMax, configuration.pendingBytesHardMax / 2)
    pacedIntervalNanos = configuration.pacedIntervalNanos
    pendingAgeSoftNanos = configuration.pendingAgeSoftNanos
    refillToBytes = min(Self.refillToBytesMax, configuration.pendingBytesSoftMax / 2)
    refillBelowBytes = refillToBytes / 2
    reader = TickReader(parts.ring)
    tick = .allocate(capacity: 1)
    tick.initialize(to: Tick())
    frames = TickFrames(
      registry: parts.registry, feedNames: parts.feedNames, epochMillis: parts.epochMillis, tick: tick,
      books: parts.lastValues.books, deflater: parts.deflater)
    let clients = parts.sockets.limits.socketsMax
    slots = .allocate(capacity: clients)
    slots.initialize(repeating: .free, count: clients)
    listed = .allocate(capacity: clients)
    condemned = .allocate(capacity: clients)
  }

  deinit {
    tick.deallocate()
    slots.deallocate()
    listed.deallocate()
    condemned.deallocate()
  }

  var hasWork: Bool { reader.hasMore }

  /// Renders what never changes of an instrument, so that its first tick need not.
  func prepare(_ instrument: UInt32) { frames.prepare(instrument) }

  /// The client is gone or going: nothing is owed to it any more.
  func forget(_ client: Int) {
    if slots[client].isListed {
      for place in 0..<listedCount where Int(listed[place]) == client {
        listedCount -= 1
        listed[place] = listed[listedCount]
        break
      }
    }
    slots[client] = .free
  }

  /// One turn's share of the ring, then what held clients can take.
  func run(nowNanos: Int64, wallNanos: @autoclosure () -> Int64) {
    drain()
    wakeNanos = .max
    if listedCount > 0 { serveListed(nowNanos: nowNanos, wallNanos: wallNanos()) }
  }

  /// Clients to be closed, as a list that is empty afterwards.
  func takeCondemned() -> [Int] {
    defer { condemnedCount = 0 }
    return (0..<condemnedCount).map { Int(condemned[$0]) }
  }

  // MARK: Ring

  private func drain() {
    var budget = ticksPerTurnMax
    while budget > 0 {
      var found = reader.peek(into: tick)
      if found == .tick {
        let wanted = highestModeWanted()
        found = reader.take(into: tick, mode: wanted)
        if found == .tick { spread(tick, upTo: wanted) }
      }
      switch found {
      case .tick: statistics.ticks &+= 1
      case .empty: return
      case .lapped(let lost):
        statistics.laps &+= 1
        statistics.lost &+= lost
        return heal()
      }
      budget &-= 1
    }
  }

  /// The highest mode that the tick has and somebody wants, as a raw value; 0 for none. Clients mostly want less than
  /// the feed sends, and what they do not want is not even read.
  @inline(__always)
  private func highestModeWanted() -> UInt8 {
    let first = Int(tick.pointee.instrument) &* SubscriptionIndex.modes
    guard first < index.lists.keyCount else { return 0 }
    var raw = min(tick.pointee.mode, Mode.depth.rawValue)
    while raw > 0 {
      if index.lists.head(first &+ Int(raw) &- 1).pointee.count > 0 { return raw }
      raw &-= 1
    }
    return 0
  }

  /// Hands a tick to the subscribers of its mode and of those below.
  /// - Parameter highest: raw value of the highest mode to serve.
  @inline(__always)
  private func spread(_ tick: UnsafePointer<Tick>, upTo highest: UInt8) {
    let first = Int(tick.pointee.instrument) &* SubscriptionIndex.modes
    var raw = UInt8(1)
    while raw <= highest, let mode = Mode(rawValue: raw) {
      let head = index.lists.head(first &+ Int(raw) &- 1)
      raw &+= 1
      if head.pointee.count == 0 { continue }
      let sequence = tick.pointee.sequence(of: mode)
      // Older than what healing or the subscription itself took from the last-value table.
      if sequence <= head.pointee.delivered { continue }
      head.pointee.delivered = sequence
      broadcast(tick, mode, sequence, head)
    }
  }

  /// After a lap: the newest value of every subscribed instrument and mode that has moved on since. Ticks of the ring
  /// that are older than it are skipped later by their sequence.
  private func heal() {
    for first in stride(from: 0, to: index.lists.keyCount, by: SubscriptionIndex.modes) {
      let isWanted = (0..<SubscriptionIndex.modes).contains { index.lists.head(first + $0).pointee.count > 0 }
      guard isWanted, lastValues.read(UInt32(first / SubscriptionIndex.modes), into: tick) else { continue }
      for key in first..<first + SubscriptionIndex.modes {
        let head = index.lists.head(key)
        let mode = SubscriptionIndex.mode(ofKey: UInt32(key))
        let sequence = tick.pointee.sequence(of: mode)
        // A row in a lower mode has nothing to give to the higher ones.
        guard head.pointee.count > 0, tick.pointee.mode >= mode.rawValue, sequence > head.pointee.delivered else {
          continue
        }
        head.pointee.delivered = sequence
        statistics.healed &+= UInt64(head.pointee.count)
        broadcast(tick, mode, sequence, head)
      }
    }
  }

  private func broadcast(
    _ tick: UnsafePointer<Tick>, _ mode: Mode, _ sequence: UInt64, _ head: UnsafeMutablePointer<SubscriberHead>
  ) {
    frames.begin(tick, mode, sequence)
    let key = SubscriptionIndex.key(tick.pointee.instrument, mode)
    // Short of memory, only clients that have taken everything get more.
    let isCrowded = sockets.isCrowded
    let entries = index.lists.entries(head)
    let count = Int(head.pointee.count)
    var place = 0
    while place < count {
      let entry = entries[place]
      place &+= 1
      let client = SubscriptionIndex.client(ofEntry: entry)
      let slot = slots + client
      if !slot.pointee.isHeld, !EntryFlags.isLimited(entry: entry) {
        let frame = frames.frame(ofEntry: entry)
        let socket = SocketID(index: UInt32(truncatingIfNeeded: client), generation: slot.pointee.generation)
        if sockets.append(
          socket, frame.start, frame.count, pendingMax: isCrowded ? 0 : Int(slot.pointee.pendingBytesSoftMax),
          turnMax: isCrowded ? 0 : pendingBytesTurnMax)
        {
          slot.pointee.delivered &+= 1
          statistics.delivered &+= 1
          continue
        }
      }
      owe(key, to: client, isLimited: EntryFlags.isLimited(entry: entry))
    }
  }

  // MARK: Notes

  /// Notes that the newest value is due to a client.
  @inline(never)
  private func owe(_ key: UInt32, to client: Int, isLimited: Bool) {
    let slot = slots + client
    if slot.pointee.isCondemned { return }
    let table = index.clients + client
    guard let row = table.pointee.find(key) else { return }
    if !table.pointee.owe(row) {
      slot.pointee.conflated &+= 1
      statistics.conflated &+= 1
    }
    if !slot.pointee.isHeld, !isLimited { hold(client) }
    list(client)
  }

  /// The client does not keep up: from now on it gets the newest only, until all that is owed to it has gone.
  /// - Parameter isOverdue: its bytes have waited longer than allowed.
  func hold(_ client: Int, isOverdue: Bool = false) {
    let slot = slots + client
    // A socket that is ending takes nothing; that says nothing about its client.
    if slot.pointee.isCondemned || !sockets.isOpen(socket(client)) { return }
    if slot.pointee.policy == .disconnect,
      isOverdue || sockets.isStuck(socket(client), above: Int(slot.pointee.pendingBytesSoftMax))
    {
      return condemn(client)
    }
    if slot.pointee.isHeld { return }
    statistics.held &+= 1
    slot.pointee.isHeld = true
    // What the kernel has not sent yet would grow old there.
    sockets.limitUnsent(socket(client), bytes: Self.unsentBytesMax)
    list(client)
  }

  private func condemn(_ client: Int) {
    slots[client].isHeld = true
    slots[client].isCondemned = true
    condemned[condemnedCount] = UInt32(client)
    condemnedCount += 1
  }

  /// A paced client has got something else than market data.
  func postpone(_ client: Int, untilNanos: Int64) {
    if slots[client].policy == .paced { slots[client].nextMessageNanos = untilNanos }
  }

  /// Something is owed to the client: a turn looks whether it may go.
  @inline(__always)
  func list(_ client: Int) {
    if slots[client].isListed { return }
    slots[client].isListed = true
    listed[listedCount] = UInt32(client)
    listedCount &+= 1
  }

  @inline(__always)
  func socket(_ client: Int) -> SocketID {
    SocketID(index: UInt32(truncatingIfNeeded: client), generation: slots[client].generation)
  }

  private static let refillToBytesMax = 65_536
  /// Owed values sent in one turn: then the ring has its turn again.
  static let owedPerTurnMax: UInt64 = 4096

  /// Bytes that the kernel may hold unsent for a client that lags.
  static let unsentBytesMax: Int32 = 16_384
}
