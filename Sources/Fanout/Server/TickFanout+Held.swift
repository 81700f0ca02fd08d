// What is owed to clients: conflated, rate-limited and paced market data, and snapshots. A client's owed rows are
// walked in a round, from where the last round ended, so that every instrument gets its turn; a round that fills the
// outbox goes on when that has drained. Loop thread only; allocates nothing.

import Market
import Reactor
import TickRing

extension TickFanout {
  func serveListed(nowNanos: Int64, wallNanos: Int64) {
    let begun = statistics.delivered
    var left = listedCount
    var place = listedTurn < listedCount ? listedTurn : 0
    while left > 0, listedCount > 0 {
      if statistics.delivered &- begun > Self.owedPerTurnMax {
        wake(at: nowNanos)
        break
      }
      left -= 1
      if place >= listedCount { place = 0 }
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
    listedTurn = place
  }

  private func serve(_ client: Int, _ nowNanos: Int64, _ wallNanos: Int64) {
    let slot = slots + client
    let socket = socket(client)
    if slot.pointee.isCondemned || (sockets.isCrowded && sockets.bytesPending(socket) > 0) { return }
    if slot.pointee.policy == .paced { return servePaced(client, nowNanos, wallNanos) }
    // The end of a send brings the next turn.
    if sockets.bytesPending(socket) > refillBelowBytes { return }
    if sockets.pendingAgeNanos(socket, nowNanos: nowNanos) > pendingAgeSoftNanos { return }
    let table = index.clients + client
    if slot.pointee.walkLeft == 0 {
      let rates = table.pointee.rates
      let mask = table.pointee.owedMask & (1 | (rates?.pointee.due(nowNanos) ?? 0))
      if mask == 0 {
        endHold(client)
        return wake(at: rates?.pointee.next(after: nowNanos) ?? .max)
      }
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
    endHold(client)
  }

  /// A client that was held gets everything again, unless something is owed that a rate does not keep back: what comes
  /// at once would overtake that.
  private func endHold(_ client: Int) {
    if index.clients[client].owedMask & 1 != 0 || slots[client].policy.isAlwaysHeld { return }
    if slots[client].isHeld { sockets.limitUnsent(socket(client), bytes: 0) }
    slots[client].isHeld = false
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
      let round: UInt8 = 1 &<< row.pointee.round
      guard row.pointee.isOwed, slot.pointee.walkMask & round != 0 else { continue }
      switch settle(row, of: socket, wallNanos) {
      case .sent:
        slot.pointee.walkFound |= round
        slot.pointee.delivered &+= 1
        if sockets.bytesPending(socket) > refillToBytes { return }
      case .nothing, .later: break
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
    let mask = 1 | (table.pointee.rates?.pointee.due(nowNanos) ?? 0)
    if table.pointee.owedMask & mask == 0 {
      return wake(at: table.pointee.rates?.pointee.next(after: nowNanos) ?? .max)
    }
    var seen = 0
    while seen < table.pointee.capacity, table.pointee.owedCount > 0, let row = table.pointee.nextRow() {
      seen &+= 1
      let round: UInt8 = 1 &<< row.pointee.round
      guard row.pointee.isOwed, mask & round != 0 else { continue }
      switch settle(row, of: socket, wallNanos) {
      case .sent:
        slot.pointee.delivered &+= 1
        table.pointee.rates?.pointee.served(round, nowNanos)
        slot.pointee.nextMessageNanos = nowNanos &+ pacedIntervalNanos
        return wake(at: slot.pointee.nextMessageNanos)
      case .nothing, .later: break
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
      clear(row, head, of: socket)
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
    if row.pointee.isSnapshot { statistics.snapshots &+= 1 }
    clear(row, head, of: socket)
    return .sent
  }

  /// Nothing is owed to the row any more; without a rate what comes may go at once again.
  private func clear(
    _ row: UnsafeMutablePointer<ClientSubscription>, _ head: UnsafeMutablePointer<SubscriberHead>,
    of socket: SocketID
  ) {
    index.clients[Int(socket.index)].settle(row)
    if row.pointee.rate == 0 {
      index.lists.entries(head)[Int(row.pointee.place)] &= ~EntryFlags.limited.rawValue
    }
  }
}
