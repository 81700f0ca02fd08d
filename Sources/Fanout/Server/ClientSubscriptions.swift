// The subscriptions of one client: an open-addressing table from key to the client's place in that key's list. Trivial
// structs over raw memory, loop thread only. It allocates when it grows; a client without subscriptions has no table.
//
// Tables are what a million subscriptions weigh most with, so they grow by a quarter instead of doubling, and their
// size is any number: a hash is scaled to it instead of being masked.

import Glibc

/// One row: which key, where in the key's list, and whether the newest value is still owed to the client.
struct ClientSubscription: BitwiseCopyable {
  static let emptyKey = UInt32.max
  private static let owedBit: UInt32 = 1 << 31

  var key: UInt32
  private var bits: UInt32

  init(key: UInt32, place: UInt32) {
    self.key = key
    bits = place
  }

  var place: UInt32 {
    get { bits & ~Self.owedBit }
    set { bits = bits & Self.owedBit | newValue }
  }

  /// Market data was held back because the client reads slowly.
  var isOwed: Bool {
    get { bits & Self.owedBit != 0 }
    set { bits = newValue ? bits | Self.owedBit : bits & ~Self.owedBit }
  }
}

struct ClientSubscriptions: BitwiseCopyable {
  private static let firstCapacity = 8

  private(set) var rows: UnsafeMutablePointer<ClientSubscription>?
  private var rowCount: UInt32 = 0
  private var usedCount: UInt32 = 0
  private var owed: UInt32 = 0
  private var turn: UInt32 = 0

  /// Rows of the table, empty ones counted.
  var capacity: Int { Int(rowCount) }

  var count: Int { Int(usedCount) }

  /// Rows that are owed.
  var owedCount: Int {
    get { Int(owed) }
    set { owed = UInt32(newValue) }
  }

  var memoryBytes: Int { capacity * MemoryLayout<ClientSubscription>.stride }

  // MARK: Turns

  /// The row whose turn it is when owed rows are served. The table must not be without rows.
  @inline(__always) var rowInTurn: UnsafeMutablePointer<ClientSubscription> {
    assert(rowCount > 0)
    return rows.unsafelyUnwrapped + Int(turn)
  }

  /// Gives the turn to the next row, after the last one to the first, so that all get theirs.
  @inline(__always) mutating func passTurn() {
    turn = turn &+ 1 < rowCount ? turn &+ 1 : 0
  }

  // MARK: Rows

  /// The row of a key, nil when not subscribed. Valid until the next insertion or removal.
  @inline(__always)
  func find(_ key: UInt32) -> UnsafeMutablePointer<ClientSubscription>? {
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
  mutating func insert(_ key: UInt32, place: UInt32) {
    // At most four fifths full, so that every probe ends soon.
    if (count + 1) * 5 > capacity * 4 { grow() }
    store(ClientSubscription(key: key, place: place))
    usedCount += 1
  }

  /// Removes the row; rows behind it move up, so that no probe is cut short.
  mutating func remove(_ row: UnsafeMutablePointer<ClientSubscription>) {
    guard let rows else { return }
    if row.pointee.isOwed { owed -= 1 }
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
    rows[hole].key = ClientSubscription.emptyKey
    usedCount -= 1
  }

  /// All keys, in ascending order.
  var keys: [UInt32] {
    (0..<capacity).compactMap { index in
      guard let key = rows?[index].key, key != ClientSubscription.emptyKey else { return nil }
      return key
    }.sorted()
  }

  mutating func release() {
    free(rows)
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

  private func store(_ row: ClientSubscription) {
    guard let rows else { preconditionFailure("no table") }
    var index = home(row.key)
    while rows[index].key != ClientSubscription.emptyKey { index = following(index) }
    rows[index] = row
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
