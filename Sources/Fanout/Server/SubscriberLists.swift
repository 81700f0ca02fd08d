// Memory behind the subscription index: who subscribes to each (instrument, mode), as plain arrays of entries. Loop
// thread only. Walking a list touches nothing but the list. One or two subscribers stand in the head itself; longer
// lists are allocated exactly as long as the allocator's steps are, growing by a quarter, so that little lies idle.

import Glibc

/// Subscribers of one key, trivially copyable, zero when there are none.
struct SubscriberHead: BitwiseCopyable {
  /// Address of the entries, or the entries themselves when the capacity is `SubscriberLists.inlineCapacity`.
  var word: UInt64
  var count: UInt32
  /// Entries that fit: 0, `SubscriberLists.inlineCapacity`, or more.
  var capacity: UInt32
  /// Sequence of the newest value that this loop has handed to the subscribers.
  var delivered: UInt64
}

struct SubscriberLists: ~Copyable {
  static let inlineCapacity: UInt32 = 2
  /// Entries that a step of the allocator (16 bytes) adds, and those in its smallest block (24 bytes).
  private static let entriesPerStep = 4
  private static let entriesInFirstBlock = 6

  let keyCount: Int
  private let heads: UnsafeMutablePointer<SubscriberHead>
  /// Entries of all allocated lists.
  private var entriesAllocated = 0

  init(keyCount: Int) {
    self.keyCount = keyCount
    // calloc maps pages of zeros on demand: an instrument that nobody wants costs nothing.
    guard let memory = calloc(max(keyCount, 1), MemoryLayout<SubscriberHead>.stride) else {
      fatalError("no memory for subscriptions to \(keyCount) keys")
    }
    heads = memory.bindMemory(to: SubscriberHead.self, capacity: max(keyCount, 1))
  }

  deinit {
    for key in 0..<keyCount where heads[key].capacity > Self.inlineCapacity { free(entries(heads + key)) }
    free(heads)
  }

  /// Bytes in use, all heads counted.
  var memoryBytes: Int {
    keyCount * MemoryLayout<SubscriberHead>.stride + entriesAllocated * MemoryLayout<UInt32>.stride
  }

  @inline(__always) func head(_ key: Int) -> UnsafeMutablePointer<SubscriberHead> {
    assert(key >= 0 && key < keyCount)
    return heads + key
  }

  /// The entries of a key, valid until its list changes.
  @inline(__always) func entries(_ head: UnsafeMutablePointer<SubscriberHead>) -> UnsafeMutablePointer<UInt32> {
    if head.pointee.capacity <= Self.inlineCapacity {
      return UnsafeMutableRawPointer(head).assumingMemoryBound(to: UInt32.self)
    }
    return UnsafeMutablePointer(bitPattern: UInt(head.pointee.word)).unsafelyUnwrapped
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
    if last <= head.pointee.capacity / 4 { shrink(head) }
    return moved
  }

  private mutating func grow(_ head: UnsafeMutablePointer<SubscriberHead>) {
    let capacity = Int(head.pointee.capacity)
    if capacity == 0 {
      head.pointee.capacity = Self.inlineCapacity
    } else if capacity == Int(Self.inlineCapacity) {
      resize(head, to: Self.entriesInFirstBlock)
    } else {
      let steps = max(capacity / 4 / Self.entriesPerStep, 1)
      resize(head, to: capacity + steps * Self.entriesPerStep)
    }
  }

  /// Gives back most of a list that has become short; one that is empty has no memory.
  private mutating func shrink(_ head: UnsafeMutablePointer<SubscriberHead>) {
    let capacity = Int(head.pointee.capacity)
    if head.pointee.count == 0 {
      resize(head, to: 0)
    } else if capacity > Self.entriesInFirstBlock {
      let steps = (capacity / 2 - Self.entriesInFirstBlock) / Self.entriesPerStep
      resize(head, to: Self.entriesInFirstBlock + max(steps, 0) * Self.entriesPerStep)
    }
  }

  /// - Parameter capacity: 0, or more than `inlineCapacity` and not less than the entries.
  private mutating func resize(_ head: UnsafeMutablePointer<SubscriberHead>, to capacity: Int) {
    let isInline = head.pointee.capacity <= Self.inlineCapacity
    let list = entries(head)
    entriesAllocated += capacity - (isInline ? 0 : Int(head.pointee.capacity))
    if capacity == 0 {
      if !isInline { free(list) }
    } else {
      precondition(capacity >= Int(head.pointee.count) && capacity <= Int(Int32.max))
      guard let memory = realloc(isInline ? nil : list, capacity * MemoryLayout<UInt32>.stride) else {
        fatalError("no memory for subscriptions")
      }
      let grown = memory.bindMemory(to: UInt32.self, capacity: capacity)
      if isInline { grown.update(from: list, count: Int(head.pointee.count)) }
      head.pointee.word = UInt64(UInt(bitPattern: grown))
    }
    head.pointee.capacity = UInt32(capacity)
  }
}
