// What it costs to wake a thread that sleeps in its ring: through an eventfd that the ring polls, as the product does,
// or by a message from ring to ring. Two threads wake each other in turn; the figure is the CPU time of both, per wake.

import CLinux
import CUring
import Glibc
import Reactor

enum WakePingPong {
  enum Way { case eventfd, message }

  private static let rounds = 20_000
  private static let waitNanos: Int64 = 5_000_000_000

  static func measure(_ name: String, _ way: Way, _ repetitions: Int) -> MeasuredPiece? {
    var least = Double.infinity
    for _ in 0..<max(1, repetitions) {
      guard let nanos = run(way) else { return nil }
      least = min(least, nanos)
    }
    return MeasuredPiece(name: name, nanos: least, allocations: 0)
  }

  /// Nil when a ring cannot be had.
  private static func run(_ way: Way) -> Double? {
    let descriptors = StartGate<Int32>()
    let firstDescriptors = StartGate<Int32>()
    let events = (tg_eventfd(), tg_eventfd())
    defer {
      close(events.0)
      close(events.1)
    }
    let cpu = StartGate<Int64>()
    let second = LoopThread(name: "wake") {
      guard var peer = Peer(way, own: events.1, other: events.0) else { return descriptors.open(.success(-1)) }
      descriptors.open(.success(peer.descriptor))
      guard let other = try? firstDescriptors.wait(), other >= 0 else { return }
      peer.otherRing = other
      let start = tg_thread_cpu_nanos()
      for _ in 0..<rounds {
        guard peer.sleep() else { break }
        peer.wake()
      }
      cpu.open(.success(tg_thread_cpu_nanos() - start))
    }
    defer { second.join() }
    guard var peer = Peer(way, own: events.0, other: events.1), let other = try? descriptors.wait(), other >= 0 else {
      firstDescriptors.open(.success(-1))
      return nil
    }
    peer.otherRing = other
    firstDescriptors.open(.success(peer.descriptor))
    let start = tg_thread_cpu_nanos()
    for _ in 0..<rounds {
      peer.wake()
      guard peer.sleep() else { break }
    }
    let own = tg_thread_cpu_nanos() - start
    guard let others = try? cpu.wait() else { return nil }
    return Double(own + others) / Double(2 * rounds)
  }

  /// One side. Lives on its thread.
  private struct Peer {
    private let way: Way
    private let ring: BenchRing
    private let own: Int32
    private let other: Int32
    var otherRing: Int32 = -1
    var descriptor: Int32 { ring.ring.pointee.ring_fd }

    init?(_ way: Way, own: Int32, other: Int32) {
      guard let ring = try? BenchRing(receiveBuffers: 2, bufferBytes: 4096) else { return nil }
      self.way = way
      self.ring = ring
      self.own = own
      self.other = other
      if way == .eventfd { watch() }
    }

    private func watch() { io_uring_prep_poll_multishot(ring.entry(.other, 0), own, UInt32(POLLIN)) }

    func wake() {
      switch way {
      case .eventfd:
        var one: UInt64 = 1
        _ = write(other, &one, 8)
      case .message:
        let entry = ring.entry(.send, 0)
        io_uring_prep_msg_ring(entry, otherRing, 0, UInt64(BenchOperation.other.rawValue) << 56, 0)
        entry.pointee.flags |= UInt8(1 << IOSQE_CQE_SKIP_SUCCESS_BIT)
      // Leaves with the wait that follows, as everything of a turn does.
      }
    }

    /// Until woken; false after a long time or a failure.
    func sleep() -> Bool {
      let deadline = BenchClock.now() + waitNanos
      while BenchClock.now() < deadline {
        let count = ring.turn(timeoutNanos: waitNanos)
        var isWoken = false
        for number in 0..<count {
          let completion = ring.completion(number)
          if completion.operation == .send { return false }
          isWoken = true
          if way == .eventfd, !completion.isContinuing { watch() }
        }
        ring.advance(count)
        if isWoken {
          if way == .eventfd {
            var value: UInt64 = 0
            _ = read(own, &value, 8)
          }
          return true
        }
      }
      return false
    }
  }
}
