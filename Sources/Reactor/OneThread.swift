import Synchronization

/// The one thread of a service: started once, joined once, from any thread.
public final class OneThread: Sendable {
  private let thread = Mutex<LoopThread?>(nil)

  public init() {}

  public func start(name: String, cpu: Int? = nil, _ run: @escaping @Sendable () -> Void) {
    thread.withLock { current in
      precondition(current == nil, "a service is started once")
      current = LoopThread(name: name, cpu: cpu, run)
    }
  }

  /// Waits for the end; at once when it was never started or has been joined.
  public func join() {
    let running = thread.withLock { current in
      let taken = current
      current = nil
      return taken
    }
    running?.join()
  }
}
