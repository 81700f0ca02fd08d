// What is owed to clients: conflated, rate-limited and paced market data, and snapshots. A client's owed rows are
// walked in a round, from where the last round ended, so that every instrument gets its turn; a round that fills the
// outbox goes on when that has drained. Loop thread only; allocates nothing.

import Market
import Reactor
import TickRing

extension TickFanout {
  /// A held client is served again when no more than this waits in its outbox: little enough to be fresh, enough to
  /// keep a connection busy.
  static var refillBelowBytes: Int { 32_768 }
  /// Bytes waiting at which a round is interrupted.
  static var refillToBytes: Int { 65_536 }

  func serveListed(nowNanos: Int64, wallNanos: Int64) {
    var place = 0
    while place < listedCount {
      let client = Int(listed[place])
      serve(client, nowNanos, wallNanos)
      let slot = slots + client
      if index.clients[client].owedCount == 0, slot.pointee.isHeld == slot.pointee.policy.isAlwaysHeld {
        slot.pointee.isListed = false
        listedCount &-= 1
        listed[place] = listed[listedCount]
      } else {
        place &+= 1
      }
    }
  }

  private func serve(_ client: Int, _ nowNanos: Int64, _ wallNanos: Int64) {
    let slot = slots + client
    if slot.pointee.isCondemned || sockets.isCrowded { return }
    if slot.pointee.policy == .paced { return servePaced(client, nowNanos, wallNanos) }
    // The end of a send brings the next turn.
    if sockets.bytesPending(socket(client)) > Self.refillBelowBytes { return }
    let table = index.clients + client
    if slot.pointee.walkLeft == 0 {
      let rates = table.pointee.rates
      var mask: UInt8 = slot.pointee.isHeld ? 1 : 0
      if let rates { mask |= rates.pointee.due(nowNanos) }
      if mask == 0 { return wake(at: rates?.pointee.next(after: nowNanos) ?? .max) }
      slot.pointee.walkMask = mask
      slot.pointee.walkFound = 0
      slot.pointee.walkLeft = UInt32(table.pointee.capacity)
    }
    walk(client, wallNanos)
    guard slot.pointee.walkLeft == 0 else { return }
    if let rates = table.pointee.rates {
      rates.pointee.served(slot.pointee.walkFound, nowNanos)
      if table.pointee.owedCount > 0 { wake(at: rates.pointee.next(after: nowNanos)) }
    }
    let isDone = table.pointee.owedCount == 0 || (slot.pointee.walkMask & 1 != 0 && !hasWork)
    if isDone, !slot.pointee.policy.isAlwaysHeld { slot.pointee.isHeld = false }
  }

  /// Visits the rows that are left of the round until the outbox is full enough.
  private func walk(_ client: Int, _ wallNanos: Int64) {
    let slot = slots + client
    let table = index.clients + client
    let socket = socket(client)
    // A table that shrank or grew meanwhile starts its round anew; rows that were served are no longer owed.
    slot.pointee.walkLeft = min(slot.pointee.walkLeft, UInt32(table.pointee.capacity))
    while slot.pointee.walkLeft > 0, table.pointee.owedCount > 0 {
      guard let row = table.pointee.nextRow() else { break }
      slot.pointee.walkLeft &-= 1
      guard row.pointee.isOwed, slot.pointee.walkMask & (1 &<< row.pointee.rate) != 0 else { continue }
      switch settle(row, of: socket, wallNanos) {
      case .sent:
        table.pointee.owedCount &-= 1
        slot.pointee.walkFound |= 1 &<< row.pointee.rate
        slot.pointee.delivered &+= 1
        if sockets.bytesPending(socket) > Self.refillToBytes { return }
      case .nothing: table.pointee.owedCount &-= 1
      case .later: break
      case .full: return
      }
    }
    slot.pointee.walkLeft = 0
  }

  /// One message, the next in turn, and not before the last has left.
  private func servePaced(_ client: Int, _ nowNanos: Int64, _ wallNanos: Int64) {
    let slot = slots + client
    let table = index.clients + client
    let socket = socket(client)
    if nowNanos < slot.pointee.nextMessageNanos { return wake(at: slot.pointee.nextMessageNanos) }
    if sockets.bytesPending(socket) > 0 { return }
    var seen = 0
    while seen < table.pointee.capacity, table.pointee.owedCount > 0, let row = table.pointee.nextRow() {
      seen &+= 1
      guard row.pointee.isOwed else { continue }
      switch settle(row, of: socket, wallNanos) {
      case .sent:
        table.pointee.owedCount &-= 1
        slot.pointee.delivered &+= 1
        slot.pointee.nextMessageNanos = nowNanos &+ pacedIntervalNanos
        return wake(at: slot.pointee.nextMessageNanos)
      case .nothing: table.pointee.owedCount &-= 1
      case .later: break
      case .full: return
      }
    }
  }

  private func wake(at nanos: Int64) { wakeNanos = min(wakeNanos, nanos) }

  private enum Settlement {
    case sent
    /// There is no such value any more.
    case nothing
    /// The ring still holds ticks between what the loop has handed out and the table: they would reach the client
    /// after their successor.
    case later
    /// The socket takes nothing now.
    case full
  }

  /// Sends the newest value of one row.
  private func settle(
    _ row: UnsafeMutablePointer<ClientSubscription>, of socket: SocketID, _ wallNanos: Int64
  ) -> Settlement {
    let mode = SubscriptionIndex.mode(ofKey: row.pointee.key)
    let head = index.lists.head(Int(row.pointee.key))
    guard lastValues.read(SubscriptionIndex.instrument(ofKey: row.pointee.key), into: tick),
      tick.pointee.mode >= mode.rawValue
    else {
      row.pointee.clearOwed()
      return .nothing
    }
    let sequence = tick.pointee.sequence(of: mode)
    if sequence != head.pointee.delivered { return .later }
    let entry = index.lists.entries(head)[Int(row.pointee.place)]
    frames.begin(tick, mode, sequence)
    let ageMillis = max(0, wallNanos &- tick.pointee.receivedTime) / 1_000_000
    let frame =
      row.pointee.isSnapshot ? frames.snapshot(ofEntry: entry, ageMillis: ageMillis) : frames.frame(ofEntry: entry)
    guard sockets.append(socket, frame.start, frame.count) else { return .full }
    statistics.delivered &+= 1
    row.pointee.clearOwed()
    return .sent
  }
}
