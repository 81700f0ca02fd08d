// One thread, one ring: takes completions in a batch, lets the handler act, then submits everything that came of it
// at once. Receives, sends, connects and closes of all sockets go through here and nowhere else.

import Glibc
import Logging
import Market
import TickRing

public final class EventLoop<Handler: LoopHandler, Backend: IOBackend> {
  let handler: Handler
  let sockets: Sockets
  private let backend: Backend
  private let waker: Waker
  private let log: Logger
  private var listeners: [(descriptor: Int32, isAccepting: Bool, tls: TLSServerContext?)] = []
  /// TLS handshakes that may take a step in this turn, and those that wait for one.
  var handshakesLeft = 0
  var handshakesPutOff: [SocketID] = []
  private var nextSweepNanos: Int64 = 0
  private var acceptFailures = 0
  private var spareDescriptor = SpareDescriptor()
  private var nextAcceptReportNanos: Int64 = 0
  private static var acceptReportNanos: Int64 { 10_000_000_000 }

  /// To be called on the thread that will `run`.
  public init(handler: Handler, sockets: Sockets, backend: Backend, waker: Waker, log: Logger) {
    self.handler = handler
    self.sockets = sockets
    self.backend = backend
    self.waker = waker
    self.log = log
  }

  /// Takes over a listener; it is closed when the loop stops. Its number is the count of earlier ones.
  /// - Parameter tls: encrypts its connections.
  public func add(_ listener: Listener, tls: TLSServerContext? = nil) {
    listeners.append((listener.descriptor, false, tls))
  }

  /// Runs until `Sockets.stop` and the end of all sockets, or its deadline.
  public func run() {
    backend.watch(waker.descriptor, Token(.wake, index: 0))
    armListeners()
    while true {
      let count = backend.turn(timeoutNanos: sleepNanos())
      waker.unpark()
      let now = SystemClock.monotonicNanos()
      resumeHandshakes()
      for index in 0..<count { dispatch(backend.completion(at: index)) }
      handler.onTurn(nowNanos: now)
      if now >= nextSweepNanos {
        nextSweepNanos = now + sockets.limits.sweepNanos
        sweep(now)
        handler.onSweep(nowNanos: now)
      }
      flush(now)
      if let deadline = sockets.stopDeadlineNanos {
        closeListeners()
        if sockets.openCount == 0 || now >= deadline { break }
      }
    }
    abandon()
  }

  /// Announces the sleep, then looks for work once more: a waker that comes later sees the announcement.
  private func sleepNanos() -> Int64 {
    if sockets.limits.isBusyPolling { return 0 }
    if !handler.isHoldingBack { waker.park() }
    if sockets.dirtyCount > 0 || !handshakesPutOff.isEmpty || handler.hasWork() { return 0 }
    let wakeUp = min(nextSweepNanos, handler.deadlineNanos())
    return max(0, wakeUp - SystemClock.monotonicNanos())
  }

  // MARK: Completions

  private func dispatch(_ completion: Completion) {
    switch completion.token.operation {
    case .receive: onReceive(completion)
    case .send: onSend(completion)
    case .accept: onAccept(completion)
    case .connect: onConnect(completion)
    case .wake:
      waker.drain()
      if !completion.isContinuing { backend.watch(waker.descriptor, Token(.wake, index: 0)) }
    case .cancel, nil: break
    }
  }

  /// The socket of a completion; nil when its slot has gone on to another one, which cannot happen while an operation
  /// is under way.
  private func socket(_ token: Token) -> (SocketID, UnsafeMutablePointer<SocketState>)? {
    let id = SocketID(index: token.index, generation: token.generation)
    guard let state = sockets.state(id) else { return nil }
    return (id, state)
  }

  private func onReceive(_ completion: Completion) {
    defer { if completion.buffer >= 0 { backend.giveBack(completion.buffer) } }
    guard let (id, state) = socket(completion.token) else { return }
    if !completion.isContinuing {
      state.pointee.flags.remove(.receiving)
      sockets.mark(id.index, state)
    }
    if completion.result > 0 {
      guard completion.buffer >= 0 else { return }
      let bytes = UnsafeMutableRawBufferPointer(
        start: backend.bytes(of: completion.buffer), count: Int(completion.result))
      if let session = state.pointee.session { return onReceive(id, state, session, bytes) }
      if state.pointee.phase == .open { handler.onReceive(id, bytes) }
      return
    }
    switch (completion.result, state.pointee.phase) {
    case (0, _): onPeerEnd(id, state)
    // Out of buffers: armed again after those of this batch are back.
    case (-ENOBUFS, _), (-EINTR, _), (-EAGAIN, _): break
    case (-ECANCELED, .closing): break
    default: sockets.end(id, reason: -completion.result)
    }
  }

  private func onSend(_ completion: Completion) {
    guard let (id, state) = socket(completion.token) else { return }
    state.pointee.flags.remove(.sending)
    sockets.mark(id.index, state)
    if let vector = state.pointee.vector {
      sockets.vectors.give(vector)
      state.pointee.vector = nil
    }
    if completion.result >= 0 {
      if let session = state.pointee.session {
        sockets.consumeCipher(state, session, Int(completion.result))
      } else {
        sockets.consume(state, Int(completion.result))
      }
    } else if completion.result != -EINTR, completion.result != -EAGAIN {
      sockets.end(id, reason: -completion.result)
    }
  }

  private func onAccept(_ completion: Completion) {
    let number = Int(completion.token.index)
    if !completion.isContinuing, listeners.indices.contains(number) { listeners[number].isAccepting = false }
    guard completion.result >= 0 else {
      // Out of descriptors, for example: armed again by the next sweep, so that it does not spin.
      if completion.result != -ECANCELED { noteAcceptFailure(-completion.result) }
      if completion.result == -EMFILE || completion.result == -ENFILE, listeners.indices.contains(number) {
        sockets.refusedCount += UInt64(spareDescriptor.turnAway(from: listeners[number].descriptor))
      }
      return
    }
    let descriptor = completion.result
    if sockets.stopDeadlineNanos == nil, handler.passesOn(descriptor, listener: number) { return }
    guard sockets.stopDeadlineNanos == nil, let peer = SocketAddress(peerOf: descriptor),
      let id = sockets.take(descriptor: descriptor, tls: listeners[number].tls)
    else {
      sockets.refusedCount += 1
      close(descriptor)
      return
    }
    handler.onAccept(id, listener: number, peer: peer)
  }

  /// A lasting failure is said once per interval, with its count.
  private func noteAcceptFailure(_ code: Int32) {
    acceptFailures += 1
    let now = SystemClock.monotonicNanos()
    guard now >= nextAcceptReportNanos else { return }
    nextAcceptReportNanos = now + Self.acceptReportNanos
    log.warning(
      "connections cannot be accepted", metadata: ["cause": "\(LoopError.text(code))", "times": "\(acceptFailures)"])
    acceptFailures = 0
  }

  private func onConnect(_ completion: Completion) {
    guard let (id, state) = socket(completion.token) else { return }
    state.pointee.flags.remove(.connecting)
    sockets.mark(id.index, state)
    guard state.pointee.phase == .connecting else { return }
    if completion.result < 0 { return sockets.end(id, reason: -completion.result) }
    if let session = state.pointee.session {
      state.pointee.phase = .securing
      return progress(id, state, session)
    }
    state.pointee.phase = .open
    handler.onConnect(id)
  }

  // MARK: End of turn

  /// Turns every change noted so far into operations. What is noted meanwhile stays for the next turn, which then
  /// does not sleep.
  private func flush(_ now: Int64) {
    let count = sockets.dirtyCount
    for index in 0..<count {
      let socket = sockets.dirty[index]
      let state = sockets.states + Int(socket)
      state.pointee.flags.remove(.dirty)
      settle(socket, state, now)
    }
    sockets.dropDirty(count)
  }

  private func settle(_ index: UInt32, _ state: UnsafeMutablePointer<SocketState>, _ now: Int64) {
    let generation = state.pointee.generation
    switch state.pointee.phase {
    case .free: return
    case .connecting:
      guard let address = sockets.addresses[index], !state.pointee.flags.contains(.connecting) else { return }
      state.pointee.flags.insert(.connecting)
      backend.connect(
        state.pointee.descriptor, address: address, length: address.load(fromByteOffset: 120, as: UInt32.self),
        Token(.connect, index: index, generation: generation))
      return
    case .closing:
      if state.pointee.isIdle {
        let reason = sockets.closeReason(index)
        sockets.release(index)
        handler.onClosed(SocketID(index: index, generation: generation), reason: reason)
      } else if !state.pointee.flags.contains(.cancelled) {
        state.pointee.flags.insert(.cancelled)
        if !state.pointee.flags.contains(.resets) { shutdown(state.pointee.descriptor, Int32(SHUT_RDWR)) }
        backend.cancelAll(state.pointee.descriptor, Token(.cancel, index: index, generation: generation))
      }
      return
    case .draining:
      if state.pointee.deadlineNanos == .max { state.pointee.deadlineNanos = now + sockets.limits.drainNanos }
      if let session = state.pointee.session { sockets.finish(state, session) }
      if state.pointee.bytesPending == 0 {
        if state.pointee.flags.contains(.peerEnded) {
          return sockets.end(SocketID(index: index, generation: generation), reason: 0)
        }
        state.pointee.phase = .lingering
        state.pointee.deadlineNanos = now + sockets.limits.lingerNanos
        shutdown(state.pointee.descriptor, Int32(SHUT_WR))
      }
    case .securing, .open:
      if sockets.isHandshaking(state), state.pointee.deadlineNanos == .max {
        state.pointee.deadlineNanos = now + sockets.limits.handshakeNanos
      }
    case .lingering: break
    }
    state.pointee.bytesOffered = state.pointee.bytesAppended
    if !state.pointee.flags.contains(.receiving), !state.pointee.flags.contains(.peerEnded) {
      state.pointee.flags.insert(.receiving)
      backend.receive(state.pointee.descriptor, Token(.receive, index: index, generation: generation))
    }
    if state.pointee.bytesPending > 0, !state.pointee.flags.contains(.sending) {
      if let session = state.pointee.session { return send(index, state, session, now) }
      sockets.noteAge(state, now)
      submit(index, state, state.pointee.outbox, sockets.bytesToFence(state))
    }
  }

  /// Sends the front of an outbox that is not empty.
  func submit(_ index: UInt32, _ state: UnsafeMutablePointer<SocketState>, _ outbox: BlockList, _ bytesMax: Int) {
    let token = Token(.send, index: index, generation: state.pointee.generation)
    state.pointee.flags.insert(.sending)
    let head = outbox.head!
    let bytes = Int(head.pointee.end - head.pointee.start)
    if bytes >= bytesMax || head.pointee.next == nil {
      backend.send(
        state.pointee.descriptor, head.pointee.payload + Int(head.pointee.start), min(bytes, bytesMax), token)
    } else {
      let vector = sockets.gather(outbox, bytesMax: bytesMax)
      state.pointee.vector = vector
      backend.send(state.pointee.descriptor, header: UnsafeMutableRawPointer(vector), token)
    }
  }

  // MARK: Sweep and stop

  private func sweep(_ now: Int64) {
    if sockets.stopDeadlineNanos == nil { armListeners() }
    for index in sockets.indices {
      let state = sockets.states + Int(index)
      guard state.pointee.deadlineNanos <= now else { continue }
      let id = SocketID(index: index, generation: state.pointee.generation)
      switch state.pointee.phase {
      case .draining, .lingering: sockets.end(id, reason: 0)
      case .securing, .open: sockets.cut(id, "the handshake was not completed in time")
      case .free, .connecting, .closing: break
      }
    }
  }

  private func armListeners() {
    for number in listeners.indices where !listeners[number].isAccepting && listeners[number].descriptor >= 0 {
      listeners[number].isAccepting = true
      backend.accept(listeners[number].descriptor, Token(.accept, index: UInt32(number)))
    }
  }

  private func closeListeners() {
    for number in listeners.indices where listeners[number].descriptor >= 0 {
      // Ends the listening at once: the ring holds the file until it has seen the cancellation.
      shutdown(listeners[number].descriptor, Int32(SHUT_RDWR))
      backend.cancelAll(listeners[number].descriptor, Token(.cancel, index: UInt32(number)))
      close(listeners[number].descriptor)
      listeners[number].descriptor = -1
    }
  }

  /// The deadline of the stop has passed: what is still open is cut. Its memory is given back only after the kernel
  /// has let go of it, which a cancelled operation does within a few turns.
  private func abandon() {
    closeListeners()
    for index in sockets.indices where sockets.states[Int(index)].phase != .free {
      sockets.end(SocketID(index: index, generation: sockets.states[Int(index)].generation), reason: 0)
    }
    var turnsLeft = Self.abandonTurnsMax
    while sockets.openCount > 0, turnsLeft > 0 {
      turnsLeft -= 1
      flush(SystemClock.monotonicNanos())
      let count = backend.turn(timeoutNanos: Self.abandonTurnNanos)
      for index in 0..<count { dispatch(backend.completion(at: index)) }
    }
  }

  private static var abandonTurnsMax: Int { 100 }
  private static var abandonTurnNanos: Int64 { 10_000_000 }
}
