// The newest state of every instrument: what REST reads, what heals a reader that was lapped, what a new subscriber is
// shown. One writer (the sequencer), any readers, per-row sequence lock: a reader retries while a row is written.
// Mapped memory: a row costs nothing until its instrument ticks.

import CLinux
import Glibc
import Market
import Synchronization

public final class LastValueTable: @unchecked Sendable {
  // Unchecked: raw memory shared on purpose; the row stamp orders every access.
  @usableFromInline static let rowBytes = 384

  public let count: Int
  /// Books beyond five levels; nil where no feed has any.
  public let books: DeepBookTable?
  private let memoryBytes: Int
  @usableFromInline let rows: UnsafeMutableRawPointer

  /// - Parameters:
  ///   - count: instruments, ids 0..<count.
  ///   - books: of the highest of these ids.
  public init(count: Int, books: DeepBookTable? = nil) {
    self.count = count
    self.books = books
    memoryBytes = max(count, 1) * Self.rowBytes
    guard let memory = tg_map(memoryBytes) else { fatalError("no memory for \(count) last values") }
    rows = memory
  }

  /// With a row for everything that can be subscribed to.
  public convenience init(_ registry: InstrumentRegistry) {
    let deep = registry.deep
    self.init(
      count: registry.streamCount,
      books: deep.capacity > 0 ? DeepBookTable(first: deep.first, count: deep.capacity) : nil)
  }

  deinit { tg_unmap(rows, memoryBytes) }

  /// The row as the writer sees it. Writer only.
  @inlinable @inline(__always)
  func row(_ instrument: UInt32) -> UnsafeMutablePointer<Tick> {
    (rows + Int(instrument) &* Self.rowBytes + 8).assumingMemoryBound(to: Tick.self)
  }

  @inlinable @inline(__always)
  func stamp(_ instrument: UInt32) -> UnsafeMutablePointer<Atomic<UInt64>> {
    (rows + Int(instrument) &* Self.rowBytes).assumingMemoryBound(to: Atomic<UInt64>.self)
  }

  /// Lays a tick over the row. What a tick of a lower mode does not carry is gone with it, except the sequences: the
  /// upstream mode goes down only when nobody wants more, and a new price beside an old book would be a wrong quote.
  /// Writer only.
  @inlinable @inline(__always)
  func merge(_ tick: UnsafePointer<Tick>) {
    let row = row(tick.pointee.instrument)
    let stamp = stamp(tick.pointee.instrument)
    let writing = stamp.pointee.load(ordering: .relaxed) &+ 1
    stamp.pointee.store(writing, ordering: .relaxed)
    atomicMemoryFence(ordering: .releasing)
    let source = UnsafeRawPointer(tick).assumingMemoryBound(to: UInt64.self)
    let target = UnsafeMutableRawPointer(row).assumingMemoryBound(to: Atomic<UInt64>.self)
    let words = Tick.words(ofMode: tick.pointee.mode)
    var index = 0
    while index < words {
      target[index].store(source[index], ordering: .relaxed)
      index &+= 1
    }
    stamp.pointee.store(writing &+ 1, ordering: .releasing)
  }

  /// Copies the newest state of an instrument; false when it has never ticked. Any thread; retries while the row is
  /// being written, which takes the writer tens of nanoseconds.
  public func read(_ instrument: UInt32, into tick: UnsafeMutablePointer<Tick>) -> Bool {
    precondition(Int(instrument) < count, "no such instrument")
    let stamp = stamp(instrument)
    let source = UnsafeMutableRawPointer(row(instrument)).assumingMemoryBound(to: Atomic<UInt64>.self)
    let target = UnsafeMutableRawPointer(tick).assumingMemoryBound(to: UInt64.self)
    while true {
      let before = stamp.pointee.load(ordering: .acquiring)
      if before == 0 { return false }
      guard before & 1 == 0 else { continue }
      for index in 0..<Tick.words(ofMode: Mode.depth.rawValue) {
        target[index] = source[index].load(ordering: .relaxed)
      }
      atomicMemoryFence(ordering: .acquiring)
      if stamp.pointee.load(ordering: .relaxed) == before { return true }
    }
  }

  /// When the newest tick of an instrument was received, nanoseconds since the epoch; 0 when it has never ticked. Any
  /// thread.
  public func receivedTime(_ instrument: UInt32) -> Int64 {
    precondition(Int(instrument) < count, "no such instrument")
    let words = UnsafeMutableRawPointer(row(instrument)).assumingMemoryBound(to: Atomic<Int64>.self)
    return words[MemoryLayout<Tick>.offset(of: \.receivedTime)! / 8].load(ordering: .relaxed)
  }

  /// The newest state, nil when the instrument has never ticked.
  public subscript(instrument: UInt32) -> Tick? {
    var tick = Tick()
    return read(instrument, into: &tick) ? tick : nil
  }
}
