// Memory behind the subscription index: who subscribes to each (instrument, mode), as plain arrays of client numbers in
// one arena. Loop thread only. Walking a list touches nothing but the list; arrays grow by doubling and freed ones are
// reused by size, so that a steady state allocates nothing.

import Glibc

/// Subscribers of one key, trivially copyable, zero when there are none.
struct SubscriberHead: BitwiseCopyable {
  /// The only entry when the capacity is 1, else the place of the array in the arena.
  var word: UInt32
  var count: UInt32
  /// Entries that fit: 0, or a power of two.
  var capacity: UInt32
  var unused: UInt32
  /// Sequence of the newest value that this loop has handed to the subscribers.
  var delivered: UInt64
}

struct SubscriberLists: ~Copyable {
  let keyCount: Int
  private let heads: UnsafeMutablePointer<SubscriberHead>
  private var arena: UnsafeMutablePointer<UInt32>
  private var arenaWords = 4096
  private var arenaUsed = 0
  /// First free array of each size (log2), linked through their first word; `none` ends a chain.
  private var free = InlineArray<32, UInt32>(repeating: none)
  private static let none = UInt32.max

  init(keyCount: Int) {
    self.keyCount = keyCount
    // calloc maps pages of zeros on demand: an instrument that nobody wants costs nothing.
    guard let memory = calloc(max(keyCount, 1), MemoryLayout<SubscriberHead>.stride),
      let words = malloc(arenaWords * MemoryLayout<UInt32>.stride)
    else { fatalError("no memory for subscriptions to \(keyCount) keys") }
    heads = memory.bindMemory(to: SubscriberHead.self, capacity: max(keyCount, 1))
    arena = words.bindMemory(to: UInt32.self, capacity: arenaWords)
  }

  deinit {
    Glibc.free(heads)
    Glibc.free(arena)
  }

  /// Bytes in use, all heads counted.
  var memoryBytes: Int {
    keyCount * MemoryLayout<SubscriberHead>.stride + arenaUsed * MemoryLayout<UInt32>.stride
  }

  @inline(__always) func head(_ key: Int) -> UnsafeMutablePointer<SubscriberHead> {
    assert(key >= 0 && key < keyCount)
    return heads + key
  }

  /// The entries of a key, valid until the next change of any list.
  @inline(__always) func entries(_ head: UnsafeMutablePointer<SubscriberHead>) -> UnsafeMutablePointer<UInt32> {
    if head.pointee.capacity == 1 { return UnsafeMutableRawPointer(head).assumingMemoryBound(to: UInt32.self) }
    return arena + Int(head.pointee.word)
  }

  /// Adds an entry at the end; returns its place.
  mutating func append(_ entry: UInt32, to key: Int) -> UInt32 {
    let head = head(key)
    if head.pointee.count == head.pointee.capacity { grow(head) }
    let place = head.pointee.count
    entries(head)[Int(place)] = entry
    head.pointee.count = place + 1
    return place
  }

  /// Removes the entry at `place`; the last one takes its place.
  /// - Returns: the entry that moved, nil when the removed one was the last.
  mutating func remove(at place: UInt32, from key: Int) -> UInt32? {
    let head = head(key)
    precondition(place < head.pointee.count, "no such subscriber")
    let last = head.pointee.count - 1
    let list = entries(head)
    let moved: UInt32? = place == last ? nil : list[Int(last)]
    if let moved { list[Int(place)] = moved }
    head.pointee.count = last
    if last == 0 {
      release(head)
      head.pointee.capacity = 0
    }
    return moved
  }

  private mutating func grow(_ head: UnsafeMutablePointer<SubscriberHead>) {
    let old = head.pointee
    guard old.capacity > 0 else {
      head.pointee.capacity = 1
      return
    }
    let place = take(sizeLog2: (old.capacity * 2).trailingZeroBitCount)
    (arena + Int(place)).update(from: entries(head), count: Int(old.count))
    release(head)
    head.pointee.word = place
    head.pointee.capacity = old.capacity * 2
  }

  private mutating func release(_ head: UnsafeMutablePointer<SubscriberHead>) {
    guard head.pointee.capacity > 1 else { return }
    let size = head.pointee.capacity.trailingZeroBitCount
    arena[Int(head.pointee.word)] = free[size]
    free[size] = head.pointee.word
  }

  private mutating func take(sizeLog2 size: Int) -> UInt32 {
    if free[size] != Self.none {
      let place = free[size]
      free[size] = arena[Int(place)]
      return place
    }
    let words = 1 << size
    if arenaUsed + words > arenaWords {
      arenaWords = max(arenaWords * 2, arenaUsed + words)
      precondition(arenaWords < Int(UInt32.max), "subscription arena is full")
      guard let grown = realloc(arena, arenaWords * MemoryLayout<UInt32>.stride) else {
        fatalError("no memory for subscriptions")
      }
      arena = grown.bindMemory(to: UInt32.self, capacity: arenaWords)
    }
    defer { arenaUsed += words }
    return UInt32(arenaUsed)
  }
}
