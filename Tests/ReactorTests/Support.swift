import Glibc
import Logging
import Market
import Reactor
import Synchronization
import TickRing

/// A handler that is told what to do by closures, and keeps what it saw. Test threads read it after the loop's end.
final class ProbeHandler: LoopHandler {
  let sockets: Sockets
  let mailbox: Mailbox<@Sendable (ProbeHandler) -> Void>
  var accepted: [SocketID] = []
  var connected: [SocketID] = []
  var closed: [(SocketID, CloseReason)] = []
  var received: [SocketID: [UInt8]] = [:]
  var receives = 0
  var receivesWhole: (ProbeHandler, SocketID, UnsafeMutableRawBufferPointer) -> Void = { _, _, _ in }
  var onConnected: (ProbeHandler, SocketID) -> Void = { _, _ in }
  var onAccepted: (ProbeHandler, SocketID) -> Void = { _, _ in }
  var onEnd: (ProbeHandler, SocketID) -> Void = { _, _ in }
  var onTurned: (ProbeHandler) -> Void = { _ in }
  var sweeps = 0
  var deadline = Int64.max

  init(sockets: Sockets, mailbox: Mailbox<@Sendable (ProbeHandler) -> Void>) {
    self.sockets = sockets
    self.mailbox = mailbox
  }

  func onAccept(_ socket: SocketID, listener: Int, peer: SocketAddress) {
    accepted.append(socket)
    onAccepted(self, socket)
  }
  func onConnect(_ socket: SocketID) {
    connected.append(socket)
    onConnected(self, socket)
  }
  func onReceive(_ socket: SocketID, _ bytes: UnsafeMutableRawBufferPointer) {
    receives += 1
    received[socket, default: []].append(contentsOf: bytes)
    receivesWhole(self, socket, bytes)
  }
  func onClosed(_ socket: SocketID, reason: CloseReason) {
    closed.append((socket, reason))
    onEnd(self, socket)
  }
  func onTurn(nowNanos: Int64) {
    for action in mailbox.takeAll() { action(self) }
    onTurned(self)
  }
  func onSweep(nowNanos: Int64) { sweeps += 1 }
  func hasWork() -> Bool { !mailbox.isEmpty }
  func deadlineNanos() -> Int64 { deadline }

  func stop() { sockets.stop(deadlineNanos: SystemClock.monotonicNanos() + 2_000_000_000) }
}

/// Says nothing of what tests do on purpose.
let quiet: Logger = {
  var log = Logger(label: "test")
  log.logLevel = .critical
  return log
}()

/// What every test of a loop runs on: both backends, or the one that TICKGATE_IO_BACKEND names. Without io_uring there
/// is only the other one.
let backends: [BackendKind] = {
  if let name = getenv("TICKGATE_IO_BACKEND") {
    guard let kind = BackendKind(rawValue: String(cString: name)) else { fatalError("TICKGATE_IO_BACKEND") }
    if kind != .auto { return [kind] }
  }
  return try! BackendProbe.choose(.auto).kind == .uring ? [.uring, .epoll] : [.epoll]
}()

/// Runs one loop to its end on a thread of its own; the set-up and the result stay on that thread.
func runLoop<Result: Sendable>(
  _ backend: BackendKind = backends[0], listener: Listener? = nil, tls: TLSServerContext? = nil,
  limits: LoopLimits = LoopLimits(),
  mailbox: Mailbox<@Sendable (ProbeHandler) -> Void>? = nil, waker: Waker = Waker(),
  setUp: @escaping @Sendable (ProbeHandler) throws -> Void,
  result: @escaping @Sendable (ProbeHandler) -> Result
) throws -> Result {
  let gate = StartGate<Result>()
  let box = mailbox ?? Mailbox(waker: waker)
  let thread = LoopThread(name: "test-loop") {
    do {
      let sockets = Sockets(limits: limits)
      let handler = ProbeHandler(sockets: sockets, mailbox: box)
      try setUp(handler)
      try LoopRunner.run(
        backend, handler: handler, sockets: sockets, listeners: listener.map { [$0] } ?? [], tls: tls,
        waker: waker, log: quiet)
      gate.open(.success(result(handler)))
    } catch {
      gate.open(.failure(error))
    }
  }
  defer { thread.join() }
  return try gate.wait()
}
