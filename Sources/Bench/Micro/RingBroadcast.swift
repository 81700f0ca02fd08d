// One writer and four readers on one ring, each on a thread of its own and each reading everything: the shape of a
// gateway with several fan-out loops. The writer waits only so that no reader is lapped, or the figure would be that of
// a writer alone.

import CMallocCount
import Glibc
import Market
import Reactor
import Synchronization
import TickRing

enum RingBroadcast {
  static let readers = 4
  private static let ticks: UInt64 = 2_000_000
  private static let batch: UInt64 = 32
  private static let capacity = 1 << 15

  private final class Progress: Sendable {
    let read = Atomic<UInt64>(0)
    let lost = Atomic<UInt64>(0)
  }

  /// Time on the clock per tick, least of some repetitions.
  static func measure(_ name: String, _ tick: UnsafePointer<Tick>, _ repetitions: Int) -> MeasuredPiece {
    var least = Double.infinity
    var allocations: UInt64 = 0
    for _ in 0..<max(1, repetitions) {
      let (nanos, allocated) = run(tick)
      least = min(least, nanos)
      allocations = max(allocations, allocated)
    }
    return MeasuredPiece(name: name, nanos: least, allocations: allocations)
  }

  private static func run(_ tick: UnsafePointer<Tick>) -> (nanos: Double, allocations: UInt64) {
    let ring = TickRing(capacity: capacity)
    let progress = (0..<readers).map { _ in Progress() }
    let threads = progress.map { progress in
      LoopThread(name: "reader") { read(ring, progress) }
    }
    // A reader starts at the newest: nothing is written before all stand there.
    while progress.contains(where: { $0.read.load(ordering: .acquiring) == 0 }) { sched_yield() }
    let allocations = tg_thread_allocations()
    let start = BenchClock.now()
    var written: UInt64 = 0
    while written < ticks {
      for _ in 0..<batch { ring.write(tick) }
      ring.publish()
      written += batch
      if written % 4096 == 0 { awaitReaders(progress, written) }
    }
    let allocated = tg_thread_allocations() - allocations
    for thread in threads { thread.join() }
    let nanos = BenchClock.now() - start
    precondition(progress.allSatisfy { $0.lost.load(ordering: .relaxed) == 0 }, "a reader was lapped")
    return (Double(nanos) / Double(ticks), allocated)
  }

  private static func awaitReaders(_ progress: [Progress], _ written: UInt64) {
    for reader in progress {
      while written - min(written, reader.read.load(ordering: .acquiring)) > UInt64(capacity / 2) { sched_yield() }
    }
  }

  private static func read(_ ring: TickRing, _ progress: Progress) {
    var reader = TickReader(ring)
    let tick = UnsafeMutablePointer<Tick>.allocate(capacity: 1)
    tick.initialize(to: Tick())
    defer { tick.deallocate() }
    // One more than read, so that 0 means not there yet.
    progress.read.store(1, ordering: .releasing)
    var count: UInt64 = 0
    while count < ticks {
      switch reader.read(into: tick) {
      case .tick: count += 1
      case .empty:
        progress.read.store(count + 1, ordering: .releasing)
        sched_yield()
      case .lapped(let lost):
        progress.lost.store(lost, ordering: .relaxed)
        count += lost
      }
      if count % 1024 == 0 { progress.read.store(count + 1, ordering: .releasing) }
    }
    progress.read.store(count + 1, ordering: .releasing)
  }
}
