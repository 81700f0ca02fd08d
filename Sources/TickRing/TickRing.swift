// The broadcast ring of ticks. One writer, any number of readers, nobody waits: a slot is written under a stamp, and a
// reader that was overtaken sees it by the stamp, counts what it missed and goes on from the newest.
//
// Slot n of generation g holds message m = g * capacity + n. Its stamp is 2m+1 while being written and 2m+2 when
// complete. Payload words are relaxed atomics, so that a torn read is defined behaviour and is always detected.
// All memory is there before the first tick: a page fault would cost more than the tick. Nothing here allocates after
// `init`.

import CLinux
import Glibc
import Market
import Synchronization

public final class TickRing: @unchecked Sendable {
  // Unchecked: raw memory shared on purpose; the protocol above orders every access.
  @usableFromInline static let slotBytes = 384
  @usableFromInline static let lineBytes = 128
  /// Consumers that may sleep on the ring.
  public static let wakersMax = 64

  /// Ticks that the ring holds.
  public let capacity: Int
  @usableFromInline let mask: UInt64
  private let memory: UnsafeMutableRawPointer
  private let memoryBytes: Int
  @usableFromInline let slots: UnsafeMutableRawPointer
  /// Messages published; alone on its cache line.
  @usableFromInline let cursor: UnsafeMutablePointer<Atomic<UInt64>>

  // Writer only.
  @usableFromInline var written: UInt64 = 0
  @usableFromInline var wakers: [Waker] = []
  private let registered = Mutex<[Waker]>([])
  private let registrations = Atomic<Int>(0)

  /// - Parameter capacity: rounded up to a power of two, at least 16.
  public init(capacity requested: Int) {
    var size = 16
    while size < requested { size *= 2 }
    capacity = size
    mask = UInt64(size - 1)
    memoryBytes = size * Self.slotBytes + Self.lineBytes
    guard let memory = tg_map_ready(memoryBytes) else { fatalError("no memory for a ring of \(size) ticks") }
    self.memory = memory
    cursor = memory.bindMemory(to: Atomic<UInt64>.self, capacity: 1)
    cursor.initialize(to: Atomic(0))
    slots = memory + Self.lineBytes
    slots.bindMemory(to: UInt64.self, capacity: size * Self.slotBytes / 8)
  }

  deinit { tg_unmap(memory, memoryBytes) }

  /// Messages published so far.
  public var published: UInt64 { cursor.pointee.load(ordering: .acquiring) }

  /// Adds a consumer to be woken by `publish`. Any thread; the writer sees it at its next batch.
  public func register(_ waker: Waker) {
    registered.withLock { list in
      precondition(list.count < Self.wakersMax, "too many sleepers on one ring")
      list.append(waker)
    }
    registrations.add(1, ordering: .releasing)
  }

  // MARK: Writer

  /// Writes one tick; readers see it after `publish`. Only the words that the tick's mode fills are copied.
  @inlinable @inline(__always)
  public func write(_ tick: UnsafePointer<Tick>) {
    let slot = slots + Int(written & mask) &* Self.slotBytes
    let stamp = slot.assumingMemoryBound(to: Atomic<UInt64>.self)
    let target = (slot + 8).assumingMemoryBound(to: Atomic<UInt64>.self)
    let source = UnsafeRawPointer(tick).assumingMemoryBound(to: UInt64.self)
    stamp.pointee.store(2 &* written &+ 1, ordering: .relaxed)
    atomicMemoryFence(ordering: .releasing)
    let words = Tick.words(ofMode: tick.pointee.mode)
    var index = 0
    while index < words {
      target[index].store(source[index], ordering: .relaxed)
      index &+= 1
    }
    stamp.pointee.store(2 &* written &+ 2, ordering: .releasing)
    written &+= 1
  }

  /// Makes the batch visible to readers that are awake.
  @inlinable @inline(__always)
  public func show() { cursor.pointee.store(written, ordering: .releasing) }

  /// Makes the batch visible and wakes whoever sleeps.
  @inlinable
  public func publish() {
    show()
    // A reader that registers and falls asleep now is either seen here or sees the batch.
    atomicMemoryFence(ordering: .sequentiallyConsistent)
    if hasNewWakers { takeWakers() }
    for index in wakers.indices { wakers[index].wake() }
  }

  @usableFromInline var hasNewWakers: Bool { registrations.load(ordering: .relaxed) != wakers.count }

  @usableFromInline func takeWakers() { wakers = registered.withLock { $0 } }
}

/// What a reader found.
public enum RingRead: Sendable, Equatable {
  case tick
  /// Nothing new.
  case empty
  /// The writer overtook the reader by this many ticks; it now stands at the newest. The caller heals itself from the
  /// last-value table.
  case lapped(lost: UInt64)
}

/// One reader's place in the ring. Confined to its thread.
public struct TickReader: ~Copyable {
  @usableFromInline let ring: TickRing
  /// Message to read next.
  public var next: UInt64
  /// Last seen end of the ring: saves the shared line while there is a backlog.
  @usableFromInline var end: UInt64
  /// Ticks missed so far.
  public private(set) var lost: UInt64 = 0
  public private(set) var laps: UInt64 = 0

  /// Starts at the newest: history is not replayed.
  public init(_ ring: TickRing) {
    self.ring = ring
    next = ring.published
    end = next
  }

  /// Whether a read would give something.
  @inlinable
  public var hasMore: Bool { next != ring.cursor.pointee.load(ordering: .acquiring) }

  /// Ticks that wait to be read.
  @inlinable
  public var backlog: UInt64 { ring.cursor.pointee.load(ordering: .acquiring) &- next }

  /// Copies the next tick into `tick`: the words of its mode, the rest is left as it was.
  @inlinable @inline(__always)
  public mutating func read(into tick: UnsafeMutablePointer<Tick>) -> RingRead {
    let found = peek(into: tick)
    guard found == .tick else { return found }
    return take(into: tick, mode: tick.pointee.mode)
  }

  /// Copies only the prefix of the next tick that all modes have, 64 bytes, and does not go on: `take` does. For readers
  /// that want the rest of few ticks: it lies on cache lines that the writer's core has just written.
  @inlinable @inline(__always)
  public mutating func peek(into tick: UnsafeMutablePointer<Tick>) -> RingRead {
    if next == end {
      end = ring.cursor.pointee.load(ordering: .acquiring)
      if next == end { return .empty }
    }
    let slot = ring.slots + Int(next & ring.mask) &* TickRing.slotBytes
    let stamp = slot.assumingMemoryBound(to: Atomic<UInt64>.self)
    let complete = 2 &* next &+ 2
    if stamp.pointee.load(ordering: .acquiring) == complete {
      copy(slot, into: tick, words: 0..<Tick.words(ofMode: Mode.ltp.rawValue))
      atomicMemoryFence(ordering: .acquiring)
      if stamp.pointee.load(ordering: .relaxed) == complete { return .tick }
    }
    return lap()
  }

  /// Copies what `mode` has beyond the prefix that `peek` has copied, and goes on to the next tick.
  /// - Parameter mode: raw value, at most that of the tick.
  @inlinable @inline(__always)
  public mutating func take(into tick: UnsafeMutablePointer<Tick>, mode: UInt8) -> RingRead {
    if mode > Mode.ltp.rawValue {
      let slot = ring.slots + Int(next & ring.mask) &* TickRing.slotBytes
      copy(slot, into: tick, words: Tick.words(ofMode: Mode.ltp.rawValue)..<Tick.words(ofMode: mode))
      atomicMemoryFence(ordering: .acquiring)
      let stamp = slot.assumingMemoryBound(to: Atomic<UInt64>.self)
      if stamp.pointee.load(ordering: .relaxed) != 2 &* next &+ 2 { return lap() }
    }
    next &+= 1
    return .tick
  }

  @inlinable @inline(__always)
  func copy(_ slot: UnsafeMutableRawPointer, into tick: UnsafeMutablePointer<Tick>, words: Range<Int>) {
    let source = (slot + 8).assumingMemoryBound(to: Atomic<UInt64>.self)
    let target = UnsafeMutableRawPointer(tick).assumingMemoryBound(to: UInt64.self)
    var index = words.lowerBound
    while index < words.upperBound {
      target[index] = source[index].load(ordering: .relaxed)
      index &+= 1
    }
  }

  @usableFromInline @inline(never)
  mutating func lap() -> RingRead {
    let newest = ring.published
    let missed = newest &- next
    lost &+= missed
    laps &+= 1
    next = newest
    end = newest
    return .lapped(lost: missed)
  }
}
