// The subscriptions of one client: an open-addressing table from key to the client's place in that key's list. Trivial
// structs over raw memory, loop thread only. It allocates when it grows; a client without subscriptions has no table.
//
// Tables are what a million subscriptions weigh most with, so they grow by a quarter instead of doubling, and their
// size is any number: a hash is scaled to it instead of being masked.

import Glibc

/// One row: which key, where in the key's list, at what rate, and whether the newest value is still owed to the client.
package struct ClientSubscription: BitwiseCopyable {
  package static let emptyKey = UInt32.max
  private static var owedBit: UInt32 { 1 << 31 }
  private static var snapshotBit: UInt32 { 1 << 30 }
  private static var rateShift: UInt32 { 28 }
  private static var placeMask: UInt32 { (1 << rateShift) - 1 }

  package var key: UInt32
  private var bits: UInt32

  package init(key: UInt32, place: UInt32) {
    self.key = key
    bits = place
  }

  package var place: UInt32 {
    get { bits & Self.placeMask }
    set { bits = bits & ~Self.placeMask | newValue }
  }

  /// Number of the client's rate; 0 for none.
  package var rate: UInt8 {
    get { UInt8(truncatingIfNeeded: bits >> Self.rateShift) & 3 }
    set { bits = bits & ~(3 << Self.rateShift) | UInt32(newValue) << Self.rateShift }
  }

  /// The newest value has not been sent.
  package var isOwed: Bool {
    get { bits & Self.owedBit != 0 }
    set { bits = newValue ? bits | Self.owedBit : bits & ~Self.owedBit }
  }

  /// What is owed answers a request for a snapshot.
  package var isSnapshot: Bool {
    get { bits & Self.snapshotBit != 0 }
    set { bits = newValue ? bits | Self.snapshotBit : bits & ~Self.snapshotBit }
  }

  /// Number of the rate whose round brings what is owed. A snapshot is an answer and waits for none.
  @inline(__always) package var round: UInt8 { isSnapshot ? 0 : rate }

  package mutating func clearOwed() { bits &= ~(Self.owedBit | Self.snapshotBit) }
}

package struct ClientSubscriptions: BitwiseCopyable {
  private static let firstCapacity = 8

  package init() {}

  package private(set) var rows: UnsafeMutablePointer<ClientSubscription>?
  private var rowCount: UInt32 = 0
  private var usedCount: UInt32 = 0
  private var turn: UInt32 = 0
  private var owedByRound = InlineArray<4, UInt32>(repeating: 0)
  /// Allocated with the first `max_rate`.
  package private(set) var rates: UnsafeMutablePointer<ClientRates>?

  /// Rows of the table, empty ones counted.
  package var capacity: Int { Int(rowCount) }

  package var count: Int { Int(usedCount) }

  /// Rows that are owed.
  @inline(__always) package var owedCount: Int {
    Int(owedByRound[0] &+ owedByRound[1] &+ owedByRound[2] &+ owedByRound[3])
  }

  /// Rates in whose rounds those rows go, a bit each; bit 0 stands for none.
  package var owedMask: UInt8 {
    var mask: UInt8 = 0
    for round in 0..<4 where owedByRound[round] > 0 { mask |= 1 << UInt8(round) }
    return mask
  }

  package var memoryBytes: Int { capacity * MemoryLayout<ClientSubscription>.stride }

  // MARK: Turns

  /// The row whose turn it is when owed rows are served, in use or not; the turn goes on to the next, after the last to
  /// the first, so that all get theirs. Nil without a table.
  @inline(__always) package mutating func nextRow() -> UnsafeMutablePointer<ClientSubscription>? {
    guard let rows else { return nil }
    let row = rows + Int(turn)
    turn = turn &+ 1 < rowCount ? turn &+ 1 : 0
    return row
  }

  // MARK: Rows

  /// The row of a key, nil when not subscribed. Valid until the next insertion or removal.
  @inline(__always)
  package func find(_ key: UInt32) -> UnsafeMutablePointer<ClientSubscription>? {
    guard let rows else { return nil }
    var index = home(key)
    while true {
      let row = rows + index
      if row.pointee.key == key { return row }
      if row.pointee.key == ClientSubscription.emptyKey { return nil }
      index = following(index)
    }
  }

  /// Adds a key that is not there yet.
  package mutating func insert(_ key: UInt32, place: UInt32) -> UnsafeMutablePointer<ClientSubscription> {
    // At most four fifths full, so that every probe ends soon.
    if (count + 1) * 5 > capacity * 4 { grow() }
    usedCount += 1
    return store(ClientSubscription(key: key, place: place))
  }

  package mutating func change(_ row: UnsafeMutablePointer<ClientSubscription>, rate: UInt8, wantsSnapshot: Bool) {
    let isOwed = row.pointee.isOwed || wantsSnapshot
    let isSnapshot = row.pointee.isSnapshot || wantsSnapshot
    settle(row)
    row.pointee.rate = rate
    row.pointee.isSnapshot = isSnapshot
    if isOwed { _ = owe(row) }
  }

  /// The newest value of a row is due to the client. False when it was before.
  @inline(__always)
  package mutating func owe(_ row: UnsafeMutablePointer<ClientSubscription>) -> Bool {
    if row.pointee.isOwed { return false }
    row.pointee.isOwed = true
    owedByRound[Int(row.pointee.round)] &+= 1
    return true
  }

  /// Nothing of a row is due any more.
  @inline(__always)
  package mutating func settle(_ row: UnsafeMutablePointer<ClientSubscription>) {
    guard row.pointee.isOwed else { return }
    owedByRound[Int(row.pointee.round)] &-= 1
    row.pointee.clearOwed()
  }

  package mutating func rateNumber(intervalNanos: Int64) -> UInt8? {
    if rates == nil {
      rates = .allocate(capacity: 1)
      rates?.initialize(to: ClientRates())
    }
    return rates?.pointee.number(intervalNanos: intervalNanos, used: usedRates)
  }

  /// Rates that rows have, a bit each.
  private var usedRates: UInt8 {
    (0..<capacity).reduce(0) { used, index in
      guard let row = rows?[index], row.key != ClientSubscription.emptyKey else { return used }
      return used | 1 << row.rate
    }
  }

  /// Removes the row; rows behind it move up, so that no probe is cut short.
  package mutating func remove(_ row: UnsafeMutablePointer<ClientSubscription>) {
    guard let rows else { return }
    settle(row)
    var hole = row - rows
    var index = hole
    while true {
      index = following(index)
      let candidate = rows[index]
      if candidate.key == ClientSubscription.emptyKey { break }
      // The candidate may fill the hole unless its home lies behind the hole on the way to it.
      if distance(from: home(candidate.key), to: index) >= distance(from: hole, to: index) {
        rows[hole] = candidate
        hole = index
      }
    }
    rows[hole] = ClientSubscription(key: ClientSubscription.emptyKey, place: 0)
    usedCount -= 1
  }

  /// All keys, in ascending order.
  package var keys: [UInt32] {
    (0..<capacity).compactMap { index in
      guard let key = rows?[index].key, key != ClientSubscription.emptyKey else { return nil }
      return key
    }.sorted()
  }

  package mutating func release() {
    free(rows)
    rates?.deallocate()
    self = ClientSubscriptions()
  }

  @inline(__always)
  private func home(_ key: UInt32) -> Int {
    // Fibonacci hashing: consecutive instruments spread over the table, whose size scales the hash.
    let hash = UInt64(key &* 0x9E37_79B9)
    return Int(truncatingIfNeeded: (hash &* UInt64(rowCount)) >> 32)
  }

  @inline(__always)
  private func following(_ index: Int) -> Int { index &+ 1 < capacity ? index &+ 1 : 0 }

  private func distance(from start: Int, to end: Int) -> Int { end >= start ? end - start : end - start + capacity }

  @discardableResult
  private func store(_ row: ClientSubscription) -> UnsafeMutablePointer<ClientSubscription> {
    guard let rows else { preconditionFailure("no table") }
    var index = home(row.key)
    while rows[index].key != ClientSubscription.emptyKey { index = following(index) }
    rows[index] = row
    return rows + index
  }

  private mutating func grow() {
    let old = UnsafeMutableBufferPointer(start: rows, count: capacity)
    let grown = capacity + max(capacity / 4, Self.firstCapacity)
    guard let memory = malloc(grown * MemoryLayout<ClientSubscription>.stride) else {
      fatalError("no memory for a client's subscriptions")
    }
    let table = memory.bindMemory(to: ClientSubscription.self, capacity: grown)
    table.initialize(repeating: ClientSubscription(key: ClientSubscription.emptyKey, place: 0), count: grown)
    rows = table
    rowCount = UInt32(grown)
    for row in old where row.key != ClientSubscription.emptyKey { store(row) }
    free(old.baseAddress)
  }
}
