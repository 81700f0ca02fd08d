import CLinux
import Glibc
import Synchronization
import TickRing

/// A thread that owns a loop or another busy consumer. Plain pthread: it blocks in the kernel and must not sit on the
/// cooperative pool.
public final class LoopThread: Sendable {
  private let id: pthread_t
  private let joined = Atomic<Bool>(false)

  private final class Body: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
  }

  /// - Parameters:
  ///   - name: at most 15 bytes are shown by the system.
  ///   - cpu: pins the thread when given.
  public init(name: String, cpu: Int? = nil, _ run: @escaping @Sendable () -> Void) {
    let body = Body {
      tg_thread_name(String(name.utf8.prefix(15)) ?? name)
      if let cpu { _ = tg_thread_pin(Int32(cpu)) }
      run()
    }
    var id = pthread_t()
    let result = pthread_create(
      &id, nil,
      { pointer in
        Unmanaged<Body>.fromOpaque(pointer!).takeRetainedValue().run()
        return nil
      }, Unmanaged.passRetained(body).toOpaque())
    precondition(result == 0, "pthread_create: \(result)")
    self.id = id
  }

  /// Runs something short on a thread that nobody waits for.
  public static func detached(name: String, _ run: @escaping @Sendable () -> Void) {
    let thread = LoopThread(name: name, run)
    pthread_detach(thread.id)
  }

  /// Waits for the thread's end. Once only.
  public func join() {
    guard !joined.exchange(true, ordering: .acquiringAndReleasing) else { return }
    pthread_join(id, nil)
  }
}

/// Carries one value, or the error, from a thread that starts something to the one that waits for it.
public final class StartGate<Value: Sendable>: Sendable {
  private let result = Mutex<Result<Value, any Error>?>(nil)
  private let opened = Atomic<UInt32>(0)
  private let waker = Waker()

  public init() {}

  public func open(_ value: Result<Value, any Error>) {
    result.withLock { $0 = value }
    opened.store(1, ordering: .releasing)
    waker.signal()
  }

  /// Blocks until the other side has opened the gate.
  public func wait() throws -> Value {
    while opened.load(ordering: .acquiring) == 0 { waker.sleep(timeoutMillis: 1000) { false } }
    return try result.withLock { $0! }.get()
  }
}
