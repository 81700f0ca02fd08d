// One feed's connection: carries out what its machine decides. Socket, handshake and frames are here; the protocol
// family is in the session, the life cycle in the machine. Feed loop only. Per frame no allocation on the happy path.

import Logging
import Market
import Reactor
import TickRing
import WebSocket

final class FeedLink {
  let number: Int
  let name: String
  let tokens: [UInt32]
  private let session: any FeedSession
  private let sockets: Sockets
  private let board: FeedBoard
  private let credentials: any CredentialProvider
  private let configuration: FeedConfiguration
  private let log: Logger
  private let clock: any WallClock
  /// Asks for the address of a host; the answer comes back through `onResolved` with the attempt's number.
  private let resolve: (_ host: String, _ port: UInt16, _ attempt: UInt64) -> Void

  private var machine: FeedMachine
  private var plan: SubscriptionPlan
  private(set) var socket: SocketID?
  private var attempt: UInt64 = 0
  private var endpoint: FeedEndpoint?
  private var usedCredentials: FeedCredentials?
  private var handshake: ClientHandshake?
  private var connection: WebSocketConnection
  private var keepalive: Keepalive?
  private var hasReportedLimit = false
  private(set) var tickCount: UInt64 = 0

  /// - Parameter tokens: broker token by instrument id, 0 for none.
  init(
    number: Int, name: String, tokens: [UInt32], session: any FeedSession, timeouts: FeedTimeouts, sockets: Sockets,
    board: FeedBoard, credentials: any CredentialProvider, configuration: FeedConfiguration, clock: any WallClock,
    log: Logger, resolve: @escaping (_ host: String, _ port: UInt16, _ attempt: UInt64) -> Void
  ) {
    self.number = number
    self.name = name
    self.tokens = tokens
    self.session = session
    self.sockets = sockets
    self.board = board
    self.credentials = credentials
    self.configuration = configuration
    self.clock = clock
    self.log = log
    self.resolve = resolve
    machine = FeedMachine(timeouts: timeouts, seed: configuration.seed &+ UInt64(number))
    plan = SubscriptionPlan(capacity: session.capacity, lingerNanos: configuration.lingerNanos)
    connection = WebSocketConnection(ConnectionOptions(role: .client))
  }

  // MARK: Events

  func on(_ event: FeedMachine.Event, now: Int64) {
    let before = machine.state
    let actions = machine.on(event, now: now)
    if machine.state != before { report(before) }
    for action in actions { perform(action, now: now) }
  }

  private func report(_ before: FeedState) {
    board.set(machine.state, reason: machine.reason ?? .none, of: number, now: clock.nowNanos())
    if machine.state == .reconnecting { board.countReconnect(number) }
    let cause = machine.reason.map { " (\($0.name))" } ?? ""
    let isRoutine = (before == .live && machine.state == .quiet) || (before == .quiet && machine.state == .live)
    log.log(
      level: isRoutine ? .debug : machine.reason == nil ? .info : .warning,
      "feed \(name): \(before) -> \(machine.state)\(cause)")
  }

  private func perform(_ action: FeedMachine.Action, now: Int64) {
    switch action {
    case .open: open(now)
    case .hangUp: hangUp()
    case .replay:
      plan.forget()
      flush(now: now)
    case .checkCredentials:
      let current = credentials.credentials(feed: name)
      if current != nil, current != usedCredentials { on(.credentialsChanged, now: now) }
    }
  }

  // MARK: Connecting

  private func open(_ now: Int64) {
    attempt += 1
    guard let current = credentials.credentials(feed: name) else {
      usedCredentials = nil
      return on(.credentialsMissing, now: now)
    }
    usedCredentials = current
    do {
      let target = try session.endpoint(current)
      guard !target.isSecure else {
        log.error("feed \(name): TLS feeds (wss://) are not built yet; use a ws:// address")
        return on(.lost(.network), now: now)
      }
      endpoint = target
      resolve(target.host, target.port, attempt)
    } catch {
      log.error("feed \(name): \(error)")
      on(.lost(.network), now: now)
    }
  }

  func onResolved(_ result: Result<SocketAddress, Resolver.Failure>, attempt: UInt64, now: Int64) {
    guard attempt == self.attempt, machine.state == .connecting, socket == nil else { return }
    switch result {
    case .success(let address):
      do {
        socket = try sockets.connect(to: address)
      } catch {
        log.warning("feed \(name): \(error)")
        on(.lost(.network), now: now)
      }
    case .failure(let failure):
      log.warning("feed \(name): \(failure)")
      on(.lost(.network), now: now)
    }
  }

  func onConnect(now: Int64) {
    guard let endpoint, let socket else { return }
    on(.connected, now: now)
    var generator = SystemRandomNumberGenerator()
    let nonce = (0..<ClientHandshake.nonceBytes).map { _ in UInt8.random(in: 0...255, using: &generator) }
    do {
      let request = ClientHandshake.Request(
        host: endpoint.host, port: endpoint.port, isSecure: endpoint.isSecure, target: endpoint.target,
        fields: endpoint.fields)
      let started = try ClientHandshake(request, nonce: nonce)
      handshake = started
      _ = sockets.append(socket, started.requestBytes)
    } catch {
      log.error("feed \(name): the upgrade request cannot be written: \(error)")
      on(.lost(.network), now: now)
    }
  }

  func onClosed(_ reason: CloseReason, now: Int64) {
    socket = nil
    handshake = nil
    keepalive = nil
    switch reason {
    case .local: break
    case .peer: on(.lost(.serverClose), now: now)
    case .failed, .tls: on(.lost(.network), now: now)
    }
  }

  private func hangUp() {
    // Also without a socket: the watch over the last connection must not judge the next.
    keepalive = nil
    guard let socket else { return }
    if handshake == nil, !connection.isCloseSent { sendClose(CloseCode.normal) }
    sockets.closeAfterFlush(socket)
    // What still comes from it belongs to the past.
    self.socket = nil
    handshake = nil
  }

  // MARK: Bytes

  func onReceive(_ bytes: UnsafeMutableRawBufferPointer, now: Int64, _ sequencer: inout TickSequencer) {
    guard handshake == nil else { return onHandshake(bytes, now: now, &sequencer) }
    keepalive?.onReceive()
    connection.receive(bytes)
    drain(now: now, &sequencer)
  }

  private func onHandshake(_ bytes: UnsafeMutableRawBufferPointer, now: Int64, _ sequencer: inout TickSequencer) {
    switch handshake!.receive(UnsafeRawBufferPointer(bytes)) {
    case .needMore: return
    case .refused(let status, let retryAfter):
      log.warning("feed \(name): the broker answered the upgrade with \(status)")
      on(.refused(status: status, retryAfterSeconds: retryAfter), now: now)
    case .invalid(let reason):
      log.warning("feed \(name): \(reason)")
      on(.lost(.serverClose), now: now)
    case .open(_, let consumed):
      handshake = nil
      var options = ConnectionOptions(role: .client)
      options.messageBytesMax = configuration.messageBytesMax
      connection = WebSocketConnection(options)
      keepalive = Keepalive(
        pingIntervalNanos: configuration.pingNanos, pongTimeoutNanos: configuration.pongNanos, nowNanos: now)
      on(.opened, now: now)
      guard consumed < bytes.count else { return }
      onReceive(UnsafeMutableRawBufferPointer(rebasing: bytes[consumed...]), now: now, &sequencer)
    }
  }

  private func drain(now: Int64, _ sequencer: inout TickSequencer) {
    let socket = self.socket
    while true {
      let event = connection.next()
      // An event may have hung up: what is left of the chunk is read and dropped.
      if case .needMore = event { return }
      guard self.socket == socket else { continue }
      handle(event, now: now, &sequencer)
    }
  }

  private func handle(_ event: WebSocketConnection.Event, now: Int64, _ sequencer: inout TickSequencer) {
    switch event {
    case .binary(let frame):
      // The state first: a tick must not be older than the moment since which the feed counts as live.
      if frame.count >= 2, machine.state != .live { on(.payload, now: now) }
      let received = clock.nowNanos()
      handle(session.onBinary(frame, receivedNanos: received, &sequencer), received: received, now: now)
    case .text(let frame): handle(session.onText(frame), received: 0, now: now)
    case .ping(let payload):
      sendControl(.pong, payload)
      on(.alive, now: now)
    case .pong: on(.alive, now: now)
    case .closed(let code, _):
      log.warning("feed \(name): closed by the broker", metadata: ["code": "\(code.map(String.init) ?? "none")"])
      if connection.mustSendClose { sendClose(code) }
      on(.lost(.serverClose), now: now)
    case .violation(let code, let reason):
      log.warning("feed \(name): protocol violation: \(reason)")
      if connection.mustSendClose { sendClose(code) }
      on(.lost(.serverClose), now: now)
    case .needMore: break
    }
  }

  private func handle(_ notice: FeedNotice, received: Int64, now: Int64) {
    switch notice {
    case .ticks(let count):
      on(.payload, now: now)
      board.touch(number, now: received)
      tickCount &+= UInt64(count)
    case .heartbeat, .ignored: on(.alive, now: now)
    case .message(let text):
      on(.alive, now: now)
      log.notice("feed \(name): broker says: \(text)")
    case .error(let text):
      on(.alive, now: now)
      log.warning("feed \(name): broker reports: \(text)")
    case .order:
      // Live order events come with live order routing.
      on(.alive, now: now)
    }
  }

  // MARK: Subscriptions

  /// The highest mode anyone wants of an instrument has changed.
  func want(_ instrument: UInt32, _ mode: Mode?, now: Int64) {
    plan.want(tokens[Int(instrument)], mode, now: now)
  }

  /// Sends what has to be said. Before the WebSocket is open nothing is: everything follows by `replay`.
  func flush(now: Int64) {
    switch machine.state {
    case .subscribing, .live, .quiet, .stale: break
    default: return
    }
    guard plan.isDue(now: now) else { return }
    for frame in session.frames(for: plan.difference(now: now)) { sendText(frame) }
    if !plan.waiting.isEmpty, !hasReportedLimit {
      hasReportedLimit = true
      log.error("feed \(name): \(plan.waiting.count) instruments over the limit of \(plan.capacity) are not subscribed")
    }
  }

  func onSweep(now: Int64) {
    on(.sweep, now: now)
    flush(now: now)
    guard let action = keepalive?.onSweep(nowNanos: now) else { return }
    switch action {
    case .none: break
    case .sendPing(let payload): withUnsafeBytes(of: payload) { sendControl(.ping, $0) }
    case .timedOut: on(.lost(.stall), now: now)
    }
  }

  // MARK: Sending

  private func sendText(_ text: [UInt8]) {
    guard let socket else { return }
    _ = sockets.append(socket, ClientFrames.text(text, maskKey: .random(in: .min ... .max)))
  }

  private func sendControl(_ opcode: Opcode, _ payload: UnsafeRawBufferPointer) {
    guard let socket else { return }
    _ = sockets.append(socket, ClientFrames.control(opcode, payload, maskKey: .random(in: .min ... .max)))
  }

  private func sendClose(_ code: UInt16?) {
    guard let socket else { return }
    _ = sockets.append(socket, ClientFrames.close(code, maskKey: .random(in: .min ... .max)))
    connection.closeSent()
  }
}
