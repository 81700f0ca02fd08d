import Glibc
import Market
import Synchronization
import Testing
import TickRing

/// A depth tick whose every word is derived from one number, so that a torn copy shows.
func fill(_ tick: inout Tick, _ number: UInt64, mode: Mode = .depth, instrument: UInt32 = 0) {
  withUnsafeMutableBytes(of: &tick) { bytes in
    for offset in stride(from: 0, to: bytes.count, by: 8) {
      bytes.storeBytes(of: number &+ UInt64(offset), toByteOffset: offset, as: UInt64.self)
    }
  }
  tick.instrument = instrument
  tick.mode = mode.rawValue
  tick.ltp = Int64(bitPattern: number)
}

func isWhole(_ tick: Tick) -> Bool {
  let number = UInt64(bitPattern: tick.ltp)
  return withUnsafeBytes(of: tick) { bytes in
    stride(from: 64, to: bytes.count, by: 8).allSatisfy {
      bytes.load(fromByteOffset: $0, as: UInt64.self) == number &+ UInt64($0)
    }
  }
}

/// Runs a body on a thread of its own.
func thread(_ body: @escaping @Sendable () -> Void) -> pthread_t {
  final class Box {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }
  var id = pthread_t()
  pthread_create(
    &id, nil,
    { pointer in
      Unmanaged<Box>.fromOpaque(pointer!).takeRetainedValue().body()
      return nil
    }, Unmanaged.passRetained(Box(body)).toOpaque())
  return id
}

@Suite struct RingTests {
  @Test func `a reader gets what was written after it came, in order`() {
    let ring = TickRing(capacity: 16)
    var tick = Tick()
    fill(&tick, 7)
    ring.write(&tick)
    ring.publish()
    var reader = TickReader(ring)
    var out = Tick()
    #expect(reader.read(into: &out) == .empty)
    for number in 100..<110 {
      fill(&tick, UInt64(number))
      ring.write(&tick)
    }
    #expect(reader.read(into: &out) == .empty, "nothing shows before publish")
    ring.publish()
    for number in 100..<110 {
      #expect(reader.read(into: &out) == .tick)
      #expect(out.ltp == Int64(number))
      #expect(isWhole(out))
    }
    #expect(reader.read(into: &out) == .empty)
  }

  @Test func `an LTP tick copies its prefix only`() {
    let ring = TickRing(capacity: 16)
    var reader = TickReader(ring)
    var tick = Tick()
    fill(&tick, 5, mode: .ltp)
    ring.write(&tick)
    ring.publish()
    var out = Tick()
    out.open = 42
    #expect(reader.read(into: &out) == .tick)
    #expect(out.ltp == 5)
    #expect(out.open == 42)
  }

  @Test func `a lapped reader counts what it missed and goes on from the newest`() {
    let ring = TickRing(capacity: 16)
    var reader = TickReader(ring)
    var tick = Tick()
    for number in 0..<40 {
      fill(&tick, UInt64(number))
      ring.write(&tick)
    }
    ring.publish()
    var out = Tick()
    #expect(reader.read(into: &out) == .lapped(lost: 40))
    #expect(reader.read(into: &out) == .empty)
    fill(&tick, 99)
    ring.write(&tick)
    ring.publish()
    #expect(reader.read(into: &out) == .tick)
    #expect(out.ltp == 99)
    #expect(reader.lost == 40 && reader.laps == 1)
  }

  /// One writer that never waits against readers on a tiny ring: laps are certain, torn ticks must be impossible,
  /// and read plus lost must add up to what was written.
  @Test(arguments: [16, 1024]) func `readers under contention never see a torn tick`(capacity: Int) {
    let ring = TickRing(capacity: capacity)
    let total: UInt64 = 400_000
    let started = Atomic<Int>(0)
    let torn = Atomic<Int>(0)
    let disorder = Atomic<Int>(0)
    let accounted = Mutex<[UInt64]>([])
    let threads = (0..<3).map { _ in
      thread {
        var reader = TickReader(ring)
        let first = reader.next
        started.add(1, ordering: .relaxed)
        var out = Tick()
        var seen: UInt64 = 0
        var last: Int64 = -1
        while reader.next < total {
          guard reader.read(into: &out) == .tick else { continue }
          seen += 1
          if !isWhole(out) { torn.add(1, ordering: .relaxed) }
          if out.ltp <= last { disorder.add(1, ordering: .relaxed) }
          last = out.ltp
        }
        let sum = first + seen + reader.lost
        accounted.withLock { $0.append(sum) }
      }
    }
    while started.load(ordering: .relaxed) < 3 { sched_yield() }
    var tick = Tick()
    for number in 0..<total {
      fill(&tick, number)
      ring.write(&tick)
      if number % 8 == 7 { ring.publish() }
    }
    ring.publish()
    for id in threads { pthread_join(id, nil) }
    #expect(torn.load(ordering: .relaxed) == 0)
    #expect(disorder.load(ordering: .relaxed) == 0)
    #expect(accounted.withLock { $0 } == [total, total, total])
  }

  @Test func `a sleeper is never left asleep while there are ticks`() {
    let ring = TickRing(capacity: 1 << 16)
    let waker = Waker()
    ring.register(waker)
    let total = 50_000
    let seen = Atomic<Int>(0)
    let ready = Atomic<Bool>(false)
    let reading = thread {
      var reader = TickReader(ring)
      ready.store(true, ordering: .releasing)
      var out = Tick()
      var count = 0
      var idle = 0
      while count < total, idle < 20 {
        if reader.read(into: &out) == .tick {
          count += 1
          idle = 0
        } else {
          let before = SystemClock.monotonicNanos()
          waker.sleep(timeoutMillis: 500) { reader.hasMore }
          // A time-out with ticks waiting would be a lost wake-up.
          if SystemClock.monotonicNanos() - before > 400_000_000, reader.hasMore { break }
          idle += 1
        }
      }
      seen.store(count, ordering: .releasing)
    }
    while !ready.load(ordering: .acquiring) { sched_yield() }
    var tick = Tick()
    for number in 0..<total {
      fill(&tick, UInt64(number), mode: .ltp)
      ring.write(&tick)
      ring.publish()
      if number % 100 == 0 { sched_yield() }
    }
    pthread_join(reading, nil)
    #expect(seen.load(ordering: .acquiring) == total)
  }
}
