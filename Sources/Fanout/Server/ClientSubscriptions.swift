// The subscriptions of one client: an open-addressing table from key to the client's place in that key's list. Trivial
// structs over raw memory, loop thread only. It allocates when it doubles; a client without subscriptions has no table.

import Glibc

/// One row: which key, where in the key's list, at what rate, and whether the newest value is still owed to the client.
struct ClientSubscription: BitwiseCopyable {
  static let emptyKey = UInt32.max
  private static var owedBit: UInt32 { 1 << 31 }
  private static var snapshotBit: UInt32 { 1 << 30 }
  private static var rateShift: UInt32 { 28 }
  private static var placeMask: UInt32 { (1 << rateShift) - 1 }

  var key: UInt32
  private var bits: UInt32

  init(key: UInt32, place: UInt32) {
    self.key = key
    bits = place
  }

  var place: UInt32 {
    get { bits & Self.placeMask }
    set { bits = bits & ~Self.placeMask | newValue }
  }

  /// Number of the client's rate; 0 for none.
  var rate: UInt8 {
    get { UInt8(truncatingIfNeeded: bits >> Self.rateShift) & 3 }
    set { bits = bits & ~(3 << Self.rateShift) | UInt32(newValue) << Self.rateShift }
  }

  /// The newest value has not been sent.
  var isOwed: Bool {
    get { bits & Self.owedBit != 0 }
    set { bits = newValue ? bits | Self.owedBit : bits & ~Self.owedBit }
  }

  /// What is owed answers a request for a snapshot.
  var isSnapshot: Bool {
    get { bits & Self.snapshotBit != 0 }
    set { bits = newValue ? bits | Self.snapshotBit : bits & ~Self.snapshotBit }
  }

  mutating func clearOwed() { bits &= ~(Self.owedBit | Self.snapshotBit) }
}

struct ClientSubscriptions: BitwiseCopyable {
  private static let firstCapacity = 8

  private(set) var rows: UnsafeMutablePointer<ClientSubscription>?
  private(set) var capacity = 0
  private(set) var count = 0
  /// Rows that are owed.
  var owedCount = 0
  /// Where the next walk over the owed rows begins, so that all get their turn.
  private var cursor = 0
  /// Allocated with the first `max_rate`.
  private(set) var rates: UnsafeMutablePointer<ClientRates>?

  var memoryBytes: Int { capacity * MemoryLayout<ClientSubscription>.stride }

  /// The row of a key, nil when not subscribed. Valid until the next insertion or removal.
  @inline(__always)
  func find(_ key: UInt32) -> UnsafeMutablePointer<ClientSubscription>? {
    guard let rows else { return nil }
    var index = home(key)
    while true {
      let row = rows + index
      if row.pointee.key == key { return row }
      if row.pointee.key == ClientSubscription.emptyKey { return nil }
      index = (index &+ 1) & (capacity &- 1)
    }
  }

  /// The row under the cursor, in use or not, and on to the next; nil without a table.
  mutating func nextRow() -> UnsafeMutablePointer<ClientSubscription>? {
    guard let rows else { return nil }
    let row = rows + (cursor & (capacity &- 1))
    cursor &+= 1
    return row
  }

  /// Adds a key that is not there yet.
  mutating func insert(_ key: UInt32, place: UInt32) -> UnsafeMutablePointer<ClientSubscription> {
    // At most three quarters full, so that every probe ends soon.
    if (count + 1) * 4 > capacity * 3 { grow() }
    count += 1
    return store(ClientSubscription(key: key, place: place))
  }

  mutating func change(_ row: UnsafeMutablePointer<ClientSubscription>, rate: UInt8, wantsSnapshot: Bool) {
    row.pointee.rate = rate
    guard wantsSnapshot else { return }
    if !row.pointee.isOwed { owedCount += 1 }
    row.pointee.isOwed = true
    row.pointee.isSnapshot = true
  }

  mutating func rateNumber(intervalNanos: Int64) -> UInt8? {
    if rates == nil {
      rates = .allocate(capacity: 1)
      rates?.initialize(to: ClientRates())
    }
    return rates?.pointee.number(intervalNanos: intervalNanos)
  }

  /// Removes the row; rows behind it move up, so that no probe is cut short.
  mutating func remove(_ row: UnsafeMutablePointer<ClientSubscription>) {
    guard let rows else { return }
    if row.pointee.isOwed { owedCount -= 1 }
    var hole = row - rows
    var index = hole
    while true {
      index = (index + 1) & (capacity - 1)
      let candidate = rows[index]
      if candidate.key == ClientSubscription.emptyKey { break }
      // The candidate may fill the hole unless its home lies behind the hole on the way to it.
      let distanceFromHome = (index - home(candidate.key)) & (capacity - 1)
      let distanceFromHole = (index - hole) & (capacity - 1)
      if distanceFromHome >= distanceFromHole {
        rows[hole] = candidate
        hole = index
      }
    }
    rows[hole] = ClientSubscription(key: ClientSubscription.emptyKey, place: 0)
    count -= 1
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
    rates?.deallocate()
    self = ClientSubscriptions()
  }

  private func home(_ key: UInt32) -> Int {
    // Fibonacci hashing: consecutive instruments spread over the table.
    Int(truncatingIfNeeded: (UInt64(key) &* 0x9E37_79B9_7F4A_7C15) >> 32) & (capacity &- 1)
  }

  @discardableResult
  private func store(_ row: ClientSubscription) -> UnsafeMutablePointer<ClientSubscription> {
    guard let rows else { preconditionFailure("no table") }
    var index = home(row.key)
    while rows[index].key != ClientSubscription.emptyKey { index = (index + 1) & (capacity - 1) }
    rows[index] = row
    return rows + index
  }

  private mutating func grow() {
    let old = rows
    let oldCapacity = capacity
    capacity = max(Self.firstCapacity, 2 * oldCapacity)
    guard let memory = malloc(capacity * MemoryLayout<ClientSubscription>.stride) else {
      fatalError("no memory for a client's subscriptions")
    }
    let grown = memory.bindMemory(to: ClientSubscription.self, capacity: capacity)
    grown.initialize(repeating: ClientSubscription(key: ClientSubscription.emptyKey, place: 0), count: capacity)
    rows = grown
    if let old {
      for index in 0..<oldCapacity where old[index].key != ClientSubscription.emptyKey { store(old[index]) }
      free(old)
    }
  }
}
