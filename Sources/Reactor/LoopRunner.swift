// The one place where a loop meets its backend. Called on the thread that the loop will own.

import Logging
import TickRing

/// Runs event loops on the backend that was chosen.
public enum LoopRunner {
  /// Sets up backend and loop on the calling thread and runs the loop to its end.
  /// - Parameters:
  ///   - kind: `auto` decides here, and says so when it has to do without the ring.
  ///   - listeners: taken over by the loop once `started` has been called; their numbers are their places.
  ///   - tls: encrypts the connections of the listeners.
  ///   - started: called when nothing can fail any more, before the first turn.
  /// - Throws: before `started` only.
  public static func run<Handler: LoopHandler>(
    _ kind: BackendKind, handler: Handler, sockets: Sockets, listeners: [Listener] = [],
    tls: TLSServerContext? = nil, waker: Waker, log: Logger, started: () -> Void = {}
  ) throws(LoopError) {
    if let ring = try ring(kind, sockets.limits, log) {
      let loop = EventLoop(handler: handler, sockets: sockets, backend: ring, waker: waker, log: log)
      run(loop, listeners, tls, started)
    } else {
      let backend = try EpollBackend(limits: sockets.limits)
      let loop = EventLoop(handler: handler, sockets: sockets, backend: backend, waker: waker, log: log)
      run(loop, listeners, tls, started)
    }
  }

  /// Nil for epoll.
  private static func ring(_ kind: BackendKind, _ limits: LoopLimits, _ log: Logger) throws(LoopError) -> UringBackend?
  {
    switch kind {
    case .epoll: return nil
    case .uring: return try UringBackend(limits: limits)
    case .auto:
      do throws(LoopError) {
        return try UringBackend(limits: limits)
      } catch {
        log.notice("epoll serves this loop: \(error.cause)")
        return nil
      }
    }
  }

  private static func run<Handler, Backend>(
    _ loop: EventLoop<Handler, Backend>, _ listeners: [Listener], _ tls: TLSServerContext?, _ started: () -> Void
  ) {
    for listener in listeners { loop.add(listener, tls: tls) }
    started()
    loop.run()
  }
}
