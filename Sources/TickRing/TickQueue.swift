// A bounded queue of ticks from one thread to one other (SPSC): how other threads hand decoded ticks to the sequencer.
// Full means refused, never overwritten. Nothing allocates after `init`.

import CLinux
import Glibc
import Market
import Synchronization

public final class TickQueue: @unchecked Sendable {
  // Unchecked: raw memory shared by exactly one producer and one consumer, ordered by the two counters.
  private static let slotBytes = 384
  private static let lineBytes = 128

  public let capacity: Int
  private let memory: UnsafeMutableRawPointer
  private let memoryBytes: Int
  private let head: UnsafeMutablePointer<Atomic<UInt64>>
  private let tail: UnsafeMutablePointer<Atomic<UInt64>>
  private let slots: UnsafeMutableRawPointer

  /// - Parameter capacity: rounded up to a power of two, at least 2.
  public init(capacity requested: Int) {
    var size = 2
    while size < requested { size *= 2 }
    capacity = size
    memoryBytes = size * Self.slotBytes + 2 * Self.lineBytes
    guard let memory = tg_map(memoryBytes) else { fatalError("no memory for a queue of \(size) ticks") }
    self.memory = memory
    head = memory.bindMemory(to: Atomic<UInt64>.self, capacity: 1)
    tail = (memory + Self.lineBytes).bindMemory(to: Atomic<UInt64>.self, capacity: 1)
    head.initialize(to: Atomic(0))
    tail.initialize(to: Atomic(0))
    slots = memory + 2 * Self.lineBytes
  }

  deinit { tg_unmap(memory, memoryBytes) }

  public var isEmpty: Bool { tail.pointee.load(ordering: .acquiring) == head.pointee.load(ordering: .relaxed) }

  /// Producer only. False when full.
  public func push(_ tick: UnsafePointer<Tick>) -> Bool {
    let end = tail.pointee.load(ordering: .relaxed)
    if end &- head.pointee.load(ordering: .acquiring) == UInt64(capacity) { return false }
    let slot = slots + Int(end & UInt64(capacity - 1)) * Self.slotBytes
    slot.copyMemory(from: tick, byteCount: Tick.words(ofMode: tick.pointee.mode) * 8)
    tail.pointee.store(end &+ 1, ordering: .releasing)
    return true
  }

  /// Consumer only. False when empty.
  public func pop(into tick: UnsafeMutablePointer<Tick>) -> Bool {
    let start = head.pointee.load(ordering: .relaxed)
    if start == tail.pointee.load(ordering: .acquiring) { return false }
    let slot = slots + Int(start & UInt64(capacity - 1)) * Self.slotBytes
    let mode = slot.load(fromByteOffset: 5, as: UInt8.self)
    UnsafeMutableRawPointer(tick).copyMemory(from: slot, byteCount: Tick.words(ofMode: mode) * 8)
    head.pointee.store(start &+ 1, ordering: .releasing)
    return true
  }
}
