// Who wants what: per (instrument, mode) the clients, per client the (instrument, mode) pairs, and what the upstream has
// to hear of it. Loop thread only. Less than twenty bytes a subscription; adding and removing take constant time.
//
// A key is 3 * instrument + mode index. The first subscriber of a key wants it upstream, the last one to leave ends
// that; both are collected and told once per turn.

import Market
import TickRing

package final class SubscriptionIndex {
  /// Client numbers are below this: the top byte of an entry holds its flags.
  package static let clientsMax = 1 << 24
  /// Keys of an instrument. A literal: `allCases` makes an array.
  static let modes = 3

  var lists: SubscriberLists
  let clients: UnsafeMutablePointer<ClientSubscriptions>
  private let clientsMax: Int
  private let lastValues: LastValueTable
  private let scratch: UnsafeMutablePointer<Tick>
  private var wants: [Want] = []
  /// Subscriptions of all clients.
  package private(set) var count = 0

  package init(instrumentCount: Int, clientsMax: Int, lastValues: LastValueTable) {
    precondition(clientsMax <= Self.clientsMax && instrumentCount <= lastValues.count)
    precondition(instrumentCount < Int(UInt32.max) / Self.modes)
    lists = SubscriberLists(keyCount: instrumentCount * Self.modes)
    clients = .allocate(capacity: clientsMax)
    clients.initialize(repeating: ClientSubscriptions(), count: clientsMax)
    self.clientsMax = clientsMax
    self.lastValues = lastValues
    scratch = .allocate(capacity: 1)
    scratch.initialize(to: Tick())
  }

  deinit {
    for client in 0..<clientsMax { clients[client].release() }
    clients.deallocate()
    scratch.deallocate()
  }

  @inline(__always) static func key(_ instrument: UInt32, _ mode: Mode) -> UInt32 {
    instrument &* UInt32(modes) &+ UInt32(mode.index)
  }

  static func instrument(ofKey key: UInt32) -> UInt32 { key / UInt32(modes) }

  static func mode(ofKey key: UInt32) -> Mode {
    Mode(rawValue: UInt8(truncatingIfNeeded: key % UInt32(modes)) &+ 1).unsafelyUnwrapped
  }

  @inline(__always) static func client(ofEntry entry: UInt32) -> Int { Int(entry & ~EntryFlags.bits) }

  // MARK: Changes

  /// Adds a subscription; one that is there already only takes over the flags and the rate.
  /// - Parameters:
  ///   - rate: of the client's `ClientRates`; 0 for none. With a rate, `flags` holds `.limited`.
  ///   - wantsSnapshot: the value that is there is owed to the client.
  /// - Returns: the sequence after which the client gets every value: the next message carries a higher one.
  @discardableResult
  package func add(
    client: UInt32, _ instrument: UInt32, _ mode: Mode, flags: EntryFlags, rate: UInt8 = 0, wantsSnapshot: Bool = false
  ) -> UInt64 {
    assert(flags.rawValue & ~EntryFlags.bits == 0 && client < Self.clientsMax)
    let key = Self.key(instrument, mode)
    let head = lists.head(Int(key))
    let entry = client | flags.rawValue
    if let row = clients[Int(client)].find(key) {
      let isOwed = row.pointee.isOwed
      change(row, head, entry, rate: rate, wantsSnapshot: wantsSnapshot)
      // The newest value is still to come.
      return isOwed && head.pointee.delivered > 0 ? head.pointee.delivered - 1 : head.pointee.delivered
    }
    if head.pointee.count == 0 {
      // Nobody was served before: what is in the table already is past for the new subscriber.
      if lastValues.read(instrument, into: scratch) {
        head.pointee.delivered = max(head.pointee.delivered, scratch.pointee.sequence(of: mode))
      }
      wants.append(Want(instrument, mode, delta: 1))
    }
    let place = lists.append(entry, to: Int(key))
    let row = clients[Int(client)].insert(key, place: place)
    change(row, head, entry, rate: rate, wantsSnapshot: wantsSnapshot)
    count += 1
    return head.pointee.delivered
  }

  private func change(
    _ row: UnsafeMutablePointer<ClientSubscription>, _ head: UnsafeMutablePointer<SubscriberHead>, _ entry: UInt32,
    rate: UInt8, wantsSnapshot: Bool
  ) {
    clients[Self.client(ofEntry: entry)].change(row, rate: rate, wantsSnapshot: wantsSnapshot)
    // Until what is owed has gone, what comes goes the same way, so that nothing is told twice or late.
    let limited = row.pointee.isOwed ? EntryFlags.limited.rawValue : 0
    lists.entries(head)[Int(row.pointee.place)] = entry | limited
  }

  /// False when there was no such subscription.
  @discardableResult
  package func remove(client: UInt32, _ instrument: UInt32, _ mode: Mode) -> Bool {
    let key = Self.key(instrument, mode)
    guard let row = clients[Int(client)].find(key) else { return false }
    unlink(key, at: row.pointee.place)
    clients[Int(client)].remove(row)
    return true
  }

  /// Ends everything of a client that leaves.
  package func removeAll(client: UInt32) {
    let table = clients[Int(client)]
    for index in 0..<table.capacity {
      guard let row = table.rows?[index], row.key != ClientSubscription.emptyKey else { continue }
      unlink(row.key, at: row.place)
    }
    clients[Int(client)].release()
  }

  /// Takes a subscriber out of a key's list and tells the one that moved into its place.
  private func unlink(_ key: UInt32, at place: UInt32) {
    if let moved = lists.remove(at: place, from: Int(key)) {
      clients[Self.client(ofEntry: moved)].find(key)?.pointee.place = place
    }
    if lists.head(Int(key)).pointee.count == 0 {
      wants.append(Want(Self.instrument(ofKey: key), Self.mode(ofKey: key), delta: -1))
    }
    count -= 1
  }

  var hasWants: Bool { !wants.isEmpty }

  /// What changed for the upstream since the last call.
  package func takeWants() -> [Want] {
    if wants.isEmpty { return [] }
    defer { wants.removeAll(keepingCapacity: true) }
    return wants
  }

  // MARK: Questions

  package func contains(client: UInt32, _ instrument: UInt32, _ mode: Mode) -> Bool {
    clients[Int(client)].find(Self.key(instrument, mode)) != nil
  }

  /// What the client asked for beside the values; nil without such a subscription.
  package func flags(client: UInt32, _ instrument: UInt32, _ mode: Mode) -> EntryFlags? {
    let key = Self.key(instrument, mode)
    return clients[Int(client)].find(key).map { row in
      EntryFlags(rawValue: lists.entries(lists.head(Int(key)))[Int(row.pointee.place)] & EntryFlags.bits)
    }
  }

  package func count(client: UInt32) -> Int { clients[Int(client)].count }

  /// Subscriptions of a client whose newest value it has not got yet.
  package func owedCount(client: UInt32) -> Int { clients[Int(client)].owedCount }

  /// The number of one of the client's rates; nil when it has too many different ones.
  package func rate(client: UInt32, intervalNanos: Int64) -> UInt8? {
    clients[Int(client)].rateNumber(intervalNanos: intervalNanos)
  }

  /// Clients of one (instrument, mode), in no particular order.
  package func subscribers(_ instrument: UInt32, _ mode: Mode) -> [UInt32] {
    let head = lists.head(Int(Self.key(instrument, mode)))
    let entries = lists.entries(head)
    return (0..<Int(head.pointee.count)).map { UInt32(Self.client(ofEntry: entries[$0])) }
  }

  /// Everything a client is subscribed to, ordered by instrument, then mode.
  package func subscriptions(client: UInt32) -> [(instrument: UInt32, mode: Mode)] {
    clients[Int(client)].keys.map { (Self.instrument(ofKey: $0), Self.mode(ofKey: $0)) }
  }

  /// Bytes of the lists and of the tables of the clients.
  package var memoryBytes: Int {
    var bytes = lists.memoryBytes + clientsMax * MemoryLayout<ClientSubscriptions>.stride
    for client in 0..<clientsMax { bytes += clients[client].memoryBytes }
    return bytes
  }
}
