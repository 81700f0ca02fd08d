import CLinux
import Glibc
import Synchronization

/// Wakes one sleeping thread, at most once per sleep, through an eventfd. A thread that is busy costs its wakers one
/// relaxed load. Any thread may call `wake`; the owner calls the rest.
///
/// The order that loses no wake-up (both sides have a full fence between their store and their load):
/// owner: `park()`, look for work once more, sleep on `descriptor`, `unpark()`; other: store the work, `wake()`.
public final class Waker: Sendable {
  /// Becomes readable when woken. Level-triggered: `drain()` after each sleep.
  public let descriptor: Int32
  private let parked = Atomic<Bool>(false)

  public init() {
    descriptor = tg_eventfd()
    precondition(descriptor >= 0, "eventfd: errno \(errno)")
  }

  deinit { close(descriptor) }

  public func wake() {
    atomicMemoryFence(ordering: .sequentiallyConsistent)
    guard parked.load(ordering: .relaxed) else { return }
    if parked.exchange(false, ordering: .acquiringAndReleasing) { signal() }
  }

  /// Makes the descriptor readable whether or not the owner sleeps.
  public func signal() {
    var one: UInt64 = 1
    _ = Glibc.write(descriptor, &one, 8)
  }

  public func park() {
    parked.store(true, ordering: .relaxed)
    atomicMemoryFence(ordering: .sequentiallyConsistent)
  }

  public func unpark() { parked.store(false, ordering: .relaxed) }

  public func drain() {
    var count: UInt64 = 0
    _ = Glibc.read(descriptor, &count, 8)
  }

  /// Sleeps until woken or until the time is over. For threads without an event loop.
  /// - Parameters:
  ///   - other: a second waker of the same owner that ends the sleep as well.
  ///   - hasWork: asked once between announcing the sleep and sleeping.
  public func sleep(timeoutMillis: Int32, or other: Waker? = nil, unless hasWork: () -> Bool) {
    park()
    other?.park()
    defer {
      unpark()
      other?.unpark()
    }
    if hasWork() { return }
    withUnsafeTemporaryAllocation(of: pollfd.self, capacity: 2) { items in
      items[0] = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      // Negative descriptors are passed over.
      items[1] = pollfd(fd: other?.descriptor ?? -1, events: Int16(POLLIN), revents: 0)
      guard poll(items.baseAddress, 2, timeoutMillis) > 0 else { return }
      if items[0].revents != 0 { drain() }
      if items[1].revents != 0 { other?.drain() }
    }
  }
}
