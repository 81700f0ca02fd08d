// The ring of large slots: books beyond five levels. Each book has a small ring of its own, so that a busy one never
// takes the newest state of a quiet one away; a tick of the book in the ring of ticks announces each update, and names
// it by its sequence. A reader copies the update that was announced, or a newer one when it was overtaken: a book is a
// whole, so nothing is lost with those between. One writer (the sequencer), any readers, nobody waits.
//
// A slot's stamp is 2s+1 while update s is being written and 2s+2 when it is complete, as in `TickRing`. Mapped memory:
// a book costs nothing until its first update.

import CLinux
import Glibc
import Market
import Synchronization

public final class DeepBookTable: @unchecked Sendable {
  // Unchecked: raw memory shared on purpose; the stamps order every access.

  /// Updates that are kept of a book: a power of two.
  static let generations = 8
  private static let headBytes = 64
  private static let levelsAt = MemoryLayout<DeepBook>.offset(of: \.bids)!
  private static let slotBytes = (8 + MemoryLayout<DeepBook>.stride + 63) / 64 * 64
  private static let rowBytes = headBytes + generations * slotBytes
  private static let wordsOfLevel = MemoryLayout<DepthLevel>.stride / 8

  /// Id of the first book.
  public let first: UInt32
  public let count: Int
  private let memoryBytes: Int
  private let rows: UnsafeMutableRawPointer

  /// - Parameters:
  ///   - first: the lowest id.
  ///   - count: ids first..<first + count.
  public init(first: UInt32, count: Int) {
    self.first = first
    self.count = count
    memoryBytes = max(count, 1) * Self.rowBytes
    guard let memory = tg_map(memoryBytes) else { fatalError("no memory for \(count) deep books") }
    rows = memory
  }

  deinit { tg_unmap(rows, memoryBytes) }

  private func row(_ id: UInt32) -> UnsafeMutableRawPointer {
    precondition(id >= first && Int(id - first) < count, "no such book")
    return rows + Int(id - first) &* Self.rowBytes
  }

  /// Sequence of the newest update.
  private func newest(_ row: UnsafeMutableRawPointer) -> UnsafeMutablePointer<Atomic<UInt64>> {
    row.assumingMemoryBound(to: Atomic<UInt64>.self)
  }

  private func slot(_ row: UnsafeMutableRawPointer, _ sequence: UInt64) -> UnsafeMutableRawPointer {
    row + Self.headBytes + Int(sequence & UInt64(Self.generations - 1)) &* Self.slotBytes
  }

  private func copy(
    _ source: UnsafeRawPointer, to target: UnsafeMutableRawPointer, at offset: Int, words: Int
  ) {
    let from = (source + offset).assumingMemoryBound(to: UInt64.self)
    let to = (target + offset).assumingMemoryBound(to: Atomic<UInt64>.self)
    var index = 0
    while index < words {
      to[index].store(from[index], ordering: .relaxed)
      index &+= 1
    }
  }

  // MARK: Writer

  /// Writes an update. A side that it does not bring stays as it was; the caller's book gets it, and so is whole.
  /// - Parameter sequence: one more than that of the last update; the first is 1.
  func write(_ id: UInt32, sequence: UInt64, _ book: UnsafeMutablePointer<DeepBook>) {
    let row = row(id)
    if sequence > 1 { complete(book, from: slot(row, sequence &- 1) + 8) }
    book.pointee.sequence = sequence
    let slot = slot(row, sequence)
    let stamp = slot.assumingMemoryBound(to: Atomic<UInt64>.self)
    stamp.pointee.store(2 &* sequence &+ 1, ordering: .relaxed)
    atomicMemoryFence(ordering: .releasing)
    let source = UnsafeRawPointer(book)
    let asksAt = MemoryLayout<DeepBook>.offset(of: \.asks)!
    copy(source, to: slot + 8, at: 0, words: Self.levelsAt / 8)
    copy(source, to: slot + 8, at: Self.levelsAt, words: Int(book.pointee.bidLevels) &* Self.wordsOfLevel)
    copy(source, to: slot + 8, at: asksAt, words: Int(book.pointee.askLevels) &* Self.wordsOfLevel)
    stamp.pointee.store(2 &* sequence &+ 2, ordering: .releasing)
    newest(row).pointee.store(sequence, ordering: .releasing)
  }

  /// Adds the side that an update does not bring from the one before.
  private func complete(_ book: UnsafeMutablePointer<DeepBook>, from last: UnsafeMutableRawPointer) {
    let sides = BookSides(rawValue: book.pointee.sides)
    let last = last.assumingMemoryBound(to: DeepBook.self)
    if !sides.contains(.bids) {
      book.pointee.bidLevels = last.pointee.bidLevels
      for level in 0..<Int(last.pointee.bidLevels) { book.pointee.bids[level] = last.pointee.bids[level] }
    }
    if !sides.contains(.asks) {
      book.pointee.askLevels = last.pointee.askLevels
      for level in 0..<Int(last.pointee.askLevels) { book.pointee.asks[level] = last.pointee.asks[level] }
    }
    book.pointee.capacity = max(book.pointee.capacity, last.pointee.capacity)
  }

  // MARK: Readers

  /// Copies an update, or a newer one when it has been overwritten: the header and the levels that are filled. False
  /// when there is none yet.
  public func read(_ id: UInt32, sequence: UInt64, into book: UnsafeMutablePointer<DeepBook>) -> Bool {
    let row = row(id)
    var wanted = sequence
    // The writer overtakes a reader by all generations at most now and then; that it does so again and again, while
    // the reader copies some kilobytes, is no state to wait in.
    for _ in 0..<Self.generations {
      if wanted == 0 { return false }
      if read(slot(row, wanted), stamp: 2 &* wanted &+ 2, into: book) { return true }
      wanted = newest(row).pointee.load(ordering: .acquiring)
    }
    return false
  }

  private func read(_ slot: UnsafeMutableRawPointer, stamp: UInt64, into book: UnsafeMutablePointer<DeepBook>) -> Bool {
    let written = slot.assumingMemoryBound(to: Atomic<UInt64>.self)
    guard written.pointee.load(ordering: .acquiring) == stamp else { return false }
    let target = UnsafeMutableRawPointer(book)
    load(slot + 8, to: target, at: 0, words: Self.levelsAt / 8)
    // A torn header may say anything.
    let bids = min(Int(book.pointee.bidLevels), DeepBook.levelsMax)
    let asks = min(Int(book.pointee.askLevels), DeepBook.levelsMax)
    load(slot + 8, to: target, at: Self.levelsAt, words: bids &* Self.wordsOfLevel)
    load(
      slot + 8, to: target, at: MemoryLayout<DeepBook>.offset(of: \.asks)!, words: asks &* Self.wordsOfLevel)
    atomicMemoryFence(ordering: .acquiring)
    return written.pointee.load(ordering: .relaxed) == stamp
  }

  private func load(
    _ source: UnsafeMutableRawPointer, to target: UnsafeMutableRawPointer, at offset: Int, words: Int
  ) {
    let from = (source + offset).assumingMemoryBound(to: Atomic<UInt64>.self)
    let to = (target + offset).assumingMemoryBound(to: UInt64.self)
    var index = 0
    while index < words {
      to[index] = from[index].load(ordering: .relaxed)
      index &+= 1
    }
  }
}
