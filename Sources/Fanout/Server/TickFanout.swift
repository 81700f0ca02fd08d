// The tick path: ring → frames → outboxes. Owned by the fan-out loop's thread. A tick is encoded once per mode and
// kind of subscriber and copied to each; nothing here allocates, locks, retains or logs once an instrument is prepared.
//
// A client whose outbox is over its soft limit is lagging: what would be due to it is only noted, per instrument and
// mode, and when the outbox has drained it gets the newest value of each. Values of one instrument and mode never
// reach a client out of order.

import Market
import Reactor
import TickRing
import WebSocket

final class TickFanout {
  private let sockets: Sockets
  private let index: SubscriptionIndex
  private let lastValues: LastValueTable
  private let epochMillis: UInt64
  private let ticksPerTurnMax: Int
  private let clientCapacity: Int
  private var reader: TickReader
  private var encoder: TickEncoder
  private let tick: UnsafeMutablePointer<Tick>
  private let plain: UnsafeMutableRawPointer
  private let sequenced: UnsafeMutableRawPointer
  let slots: UnsafeMutablePointer<ClientSlot>
  /// Clients that lag, each once.
  private let lagging: UnsafeMutablePointer<UInt32>
  private var laggingCount = 0
  var statistics = FanoutStatistics()

  /// Room before the text for the longest header of a server's frame, kept aligned.
  private static let headRoom = 16

  /// A frame that is ready to be copied; empty until it is needed.
  private struct Frame: BitwiseCopyable {
    var start: UnsafeRawPointer
    var count = 0
  }

  init(
    sockets: Sockets, index: SubscriptionIndex, registry: InstrumentRegistry, ring: TickRing,
    lastValues: LastValueTable, feedNames: [String], epochMillis: Int64, ticksPerTurnMax: Int
  ) {
    self.sockets = sockets
    self.index = index
    self.lastValues = lastValues
    self.epochMillis = UInt64(clamping: epochMillis)
    self.ticksPerTurnMax = ticksPerTurnMax
    clientCapacity = sockets.limits.socketsMax
    reader = TickReader(ring)
    encoder = TickEncoder(registry: registry, feedNames: feedNames)
    tick = .allocate(capacity: 1)
    tick.initialize(to: Tick())
    let bytes = Self.headRoom + encoder.bytesMax(.depth)
    plain = .allocate(byteCount: bytes, alignment: 16)
    sequenced = .allocate(byteCount: bytes, alignment: 16)
    slots = .allocate(capacity: clientCapacity)
    slots.initialize(repeating: .free, count: clientCapacity)
    lagging = .allocate(capacity: clientCapacity)
  }

  deinit {
    tick.deallocate()
    plain.deallocate()
    sequenced.deallocate()
    slots.deallocate()
    lagging.deallocate()
  }

  var hasWork: Bool { reader.hasMore }

  /// Renders what never changes of an instrument, so that its first tick need not.
  func prepare(_ instrument: UInt32) { encoder.prepare(instrument) }

  /// The client is gone or going: nothing is owed to it any more.
  func forget(_ client: Int) {
    guard slots[client].isLagging else { return }
    slots[client].isLagging = false
    for place in 0..<laggingCount where Int(lagging[place]) == client {
      laggingCount -= 1
      lagging[place] = lagging[laggingCount]
      return
    }
  }

  /// One turn's share of the ring, then what lagging clients can take.
  func run() {
    drain()
    if laggingCount > 0 { serveLagging() }
  }

  // MARK: Ring

  private func drain() {
    var budget = ticksPerTurnMax
    while budget > 0 {
      switch reader.read(into: tick) {
      case .tick:
        statistics.ticks &+= 1
        spread(tick)
      case .empty: return
      case .lapped(let lost):
        statistics.laps &+= 1
        statistics.lost &+= lost
        return heal()
      }
      budget &-= 1
    }
  }

  /// Hands a tick to the subscribers of its mode and of those below.
  @inline(__always)
  private func spread(_ tick: UnsafePointer<Tick>) {
    let first = Int(tick.pointee.instrument) &* SubscriptionIndex.modes
    guard first < index.lists.keyCount else { return }
    var raw = UInt8(1)
    while raw <= tick.pointee.mode, let mode = Mode(rawValue: raw) {
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

  // MARK: Frames

  private func broadcast(
    _ tick: UnsafePointer<Tick>, _ mode: Mode, _ sequence: UInt64, _ head: UnsafeMutablePointer<SubscriberHead>
  ) {
    let body = encoder.encode(tick, mode, into: plain + Self.headRoom)
    var plainFrame = Frame(start: plain)
    var sequencedFrame = Frame(start: sequenced)
    let entries = index.lists.entries(head)
    var place = 0
    while place < Int(head.pointee.count) {
      let entry = entries[place]
      place &+= 1
      let client = SubscriptionIndex.client(ofEntry: entry)
      if SubscriptionIndex.wantsSequence(entry: entry) {
        if sequencedFrame.count == 0 { sequencedFrame = makeSequenced(body, sequence) }
        hand(sequencedFrame, to: client, tick.pointee.instrument, mode)
      } else {
        if plainFrame.count == 0 { plainFrame = makePlain(body) }
        hand(plainFrame, to: client, tick.pointee.instrument, mode)
      }
    }
  }

  /// Ends the text in the plain buffer and puts the frame header before it. The byte it adds lies behind the body, so
  /// the other kind can still be made from the body.
  @inline(__always)
  private func makePlain(_ body: Int) -> Frame {
    let text = plain + Self.headRoom
    return frame(text, body &+ TickEncoder.writeTail(into: text + body))
  }

  private func makeSequenced(_ body: Int, _ sequence: UInt64) -> Frame {
    let text = sequenced + Self.headRoom
    text.copyMemory(from: plain + Self.headRoom, byteCount: body)
    return frame(
      text, body &+ TickEncoder.writeTail(sequence: sequence, epoch: epochMillis, into: text + body))
  }

  @inline(__always)
  private func frame(_ text: UnsafeMutableRawPointer, _ count: Int) -> Frame {
    let header = FrameWriter.headerBytes(payloadCount: count, isMasked: false)
    FrameWriter.writeHeader(.text, payloadCount: count, to: text - header)
    return Frame(start: UnsafeRawPointer(text - header), count: header &+ count)
  }

  /// Copies a frame to a client's outbox, or notes that it is owed.
  @inline(__always)
  private func hand(_ frame: Frame, to client: Int, _ instrument: UInt32, _ mode: Mode) {
    let slot = slots + client
    let socket = SocketID(index: UInt32(truncatingIfNeeded: client), generation: slot.pointee.generation)
    if !slot.pointee.isLagging, !sockets.isCrowded,
      sockets.bytesPending(socket) <= Int(slot.pointee.pendingBytesSoftMax),
      sockets.append(socket, frame.start, frame.count)
    {
      statistics.delivered &+= 1
    } else {
      owe(SubscriptionIndex.key(instrument, mode), to: client)
    }
  }

  // MARK: Lagging clients

  @inline(never)
  private func owe(_ key: UInt32, to client: Int) {
    let table = index.clients + client
    guard let row = table.pointee.find(key) else { return }
    if row.pointee.isOwed {
      statistics.conflated &+= 1
    } else {
      row.pointee.isOwed = true
      table.pointee.owedCount &+= 1
    }
    if slots[client].isLagging { return }
    slots[client].isLagging = true
    lagging[laggingCount] = UInt32(client)
    laggingCount &+= 1
  }

  private func serveLagging() {
    var place = 0
    while place < laggingCount {
      let client = Int(lagging[place])
      serve(client)
      if index.clients[client].owedCount == 0 {
        slots[client].isLagging = false
        laggingCount -= 1
        lagging[place] = lagging[laggingCount]
      } else {
        place += 1
      }
    }
  }

  /// Sends the newest of what is owed, from where the last walk ended, once half of the soft limit is free.
  private func serve(_ client: Int) {
    let table = index.clients + client
    let soft = Int(slots[client].pendingBytesSoftMax)
    let socket = SocketID(index: UInt32(client), generation: slots[client].generation)
    guard !sockets.isCrowded, sockets.bytesPending(socket) <= soft / 2 else { return }
    var seen = 0
    while seen < table.pointee.capacity, table.pointee.owedCount > 0, sockets.bytesPending(socket) <= soft {
      let row = table.pointee.rowInTurn
      if row.pointee.key != ClientSubscription.emptyKey, row.pointee.isOwed {
        guard settle(row, of: socket) else { return }
        table.pointee.owedCount &-= row.pointee.isOwed ? 0 : 1
      }
      table.pointee.passTurn()
      seen &+= 1
    }
  }

  /// Sends the newest value of one row. It stays owed while the ring still holds ticks between what the loop has
  /// handed out and the table: they would reach the client after their successor.
  /// - Returns: false when the socket takes nothing now.
  private func settle(_ row: UnsafeMutablePointer<ClientSubscription>, of socket: SocketID) -> Bool {
    let mode = SubscriptionIndex.mode(ofKey: row.pointee.key)
    let head = index.lists.head(Int(row.pointee.key))
    guard lastValues.read(SubscriptionIndex.instrument(ofKey: row.pointee.key), into: tick) else { return true }
    let sequence = tick.pointee.sequence(of: mode)
    guard tick.pointee.mode >= mode.rawValue, sequence == head.pointee.delivered else { return true }
    let body = encoder.encode(tick, mode, into: plain + Self.headRoom)
    let entry = index.lists.entries(head)[Int(row.pointee.place)]
    let frame =
      SubscriptionIndex.wantsSequence(entry: entry) ? makeSequenced(body, sequence) : makePlain(body)
    guard sockets.append(socket, frame.start, frame.count) else { return false }
    statistics.delivered &+= 1
    row.pointee.isOwed = false
    return true
  }
}
