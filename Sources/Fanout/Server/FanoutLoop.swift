// The server's event loop handler: accepts, upgrades, hands messages to sessions and closes. Ticks are `TickFanout`'s.
// Everything here runs on the loop's thread. Allocates per connection and per control message, never per tick.

import Glibc
import Logging
import Market
import Reactor
import TickRing
import WebSocket

/// What other threads ask of the loop.
enum FanoutCommand: Sendable {
  /// A connection that the accepting loop hands over.
  case adopt(descriptor: Int32)
  case order(OrderUpdate)
  case revoke(keyID: Int64)
  case report(StartGate<[ClientReport]>)
  case stop
}

/// What the loops of a server share. Everything in it may be used from any thread.
struct FanoutShared: Sendable {
  let configuration: FanoutConfiguration
  let admission: Admission
  let paced: PacedSubscriptions
  /// Of every loop, by its number.
  let mailboxes: [Mailbox<FanoutCommand>]
  let wanted: any WantedSubscriptions
  let clock: any WallClock
  let log: Logger
}

final class FanoutLoop: LoopHandler {
  let number: Int
  let shared: FanoutShared
  let sockets: Sockets
  let context: SessionContext
  let ticks: TickFanout
  private let counters: FanoutCounters
  /// How far back compressed messages refer; nil when nothing is compressed.
  let deflateWindowBits: Int?
  /// Shared by all clients, since none keeps compression state between messages.
  let inflater: PayloadInflater?
  /// Clients whose messages are compressed.
  var deflateClientCount = 0

  var configuration: FanoutConfiguration { shared.configuration }
  var log: Logger { shared.log }

  /// By socket index; nil for connections that were refused.
  var clients: [FanoutClient?]
  private var clientCount = 0
  /// Indices that were ever used are below this.
  private var indicesUsed = 0
  /// Clients that want order events.
  var orderClients: Set<Int> = []
  /// Clients that want the states of the feeds.
  var feedStatusClients: Set<Int> = []
  var feedStatusWatch: FeedStatusWatch
  /// Monotonic time of the latest turn or sweep.
  private(set) var nowNanos: Int64
  /// When ticks that are being collected are due; `.max` when there are none.
  private var coalesceDueNanos = Int64.max
  /// For control frames.
  let scratch: UnsafeMutableRawBufferPointer

  init(
    number: Int, shared: FanoutShared, sockets: Sockets, context: SessionContext, ticks: TickFanout,
    counters: FanoutCounters, deflateWindowBits: Int?
  ) {
    self.number = number
    self.shared = shared
    self.sockets = sockets
    self.context = context
    self.ticks = ticks
    self.counters = counters
    self.deflateWindowBits = deflateWindowBits
    inflater = deflateWindowBits == nil ? nil : PayloadInflater()
    clients = Array(repeating: nil, count: sockets.limits.socketsMax)
    nowNanos = SystemClock.monotonicNanos()
    feedStatusWatch = FeedStatusWatch(
      context.board, heartbeatNanos: shared.configuration.feedStatusNanos, nowNanos: nowNanos)
    scratch = .allocate(byteCount: FrameWriter.controlFrameBytesMax, alignment: 16)
  }

  deinit { scratch.deallocate() }

  // MARK: Sockets

  /// The accepting loop keeps only its share of the connections.
  func passesOn(_ descriptor: Int32, listener: Int) -> Bool {
    guard shared.mailboxes.count > 1 else { return false }
    let loop = shared.admission.leastLoaded()
    if loop == number { return false }
    shared.admission.add(loop: loop)
    shared.mailboxes[loop].send(.adopt(descriptor: descriptor))
    return true
  }

  func onAccept(_ socket: SocketID, listener: Int, peer: SocketAddress) {
    shared.admission.add(loop: number)
    welcome(socket, peer)
  }

  private func adopt(_ descriptor: Int32) {
    guard sockets.isRunning, let peer = SocketAddress(peerOf: descriptor),
      let socket = sockets.take(descriptor: descriptor, tls: configuration.tls)
    else {
      shared.admission.remove(loop: number)
      Glibc.close(descriptor)
      return
    }
    welcome(socket, peer)
  }

  private func welcome(_ socket: SocketID, _ peer: SocketAddress) {
    ticks.statistics.accepted += 1
    let index = Int(socket.index)
    indicesUsed = max(indicesUsed, index + 1)
    clients[index] = nil
    ticks.slots[index] = .free
    clientCount += 1
    let host = peer.isLoopback ? nil : HostKey(peer)
    if let cause = shared.admission.enter(host: host) { return refuse(socket, cause) }
    let now = SystemClock.monotonicNanos()
    let client = FanoutClient(
      socket, peer: peer, connectedNanos: now,
      session: SessionState(client: socket.index, rules: context.rules, nowNanos: now),
      keepalive: Keepalive(nowNanos: now))
    clients[index] = client
    ticks.slots[index].generation = socket.generation
    ticks.slots[index].lookNanos = now + configuration.handshakeTimeoutNanos
  }

  private func refuse(_ socket: SocketID, _ cause: String) {
    ticks.statistics.refused += 1
    let rejection = HandshakeRejection(
      status: 503, message: cause, fields: [("Retry-After", "\(Self.retryAfterSeconds)")])
    _ = sockets.append(socket, rejection.response)
    sockets.closeAfterFlush(socket)
  }

  private static let retryAfterSeconds = 5

  func onConnect(_ socket: SocketID) {}

  func onReceive(_ socket: SocketID, _ bytes: UnsafeMutableRawBufferPointer) {
    guard let client = clients[Int(socket.index)], client.socket == socket else { return }
    switch client.phase {
    case .handshake: shakeHands(client, bytes)
    case .open: read(client, bytes)
    case .closing: break
    }
  }

  func onClosed(_ socket: SocketID, reason: CloseReason) {
    let index = Int(socket.index)
    clientCount -= 1
    shared.admission.remove(loop: number)
    guard let client = clients[index], client.socket == socket else { return }
    detach(client)
    clients[index] = nil
    shared.admission.leave(host: client.host)
    log.debug("client gone", metadata: ["socket": "\(index)", "cause": "\(reason)"])
  }

  /// Ends all that the gateway does for a client, at the moment it begins to close.
  func detach(_ client: FanoutClient) {
    let index = Int(client.socket.index)
    if ticks.slots[index].policy == .paced, let keyID = client.session.principal?.keyID {
      shared.paced.keep(
        context.subscriptions.subscriptions(client: client.socket.index), keyID: keyID, nowNanos: nowNanos,
        forNanos: configuration.pacedRestoreNanos)
    }
    if client.session.form.contains(.deflate) { deflateClientCount -= 1 }
    client.session.form = []
    ticks.forget(index)
    context.subscriptions.removeAll(client: client.socket.index)
    orderClients.remove(index)
    feedStatusClients.remove(index)
    client.phase = .closing
  }

  // MARK: Turns

  func onTurn(nowNanos: Int64) {
    self.nowNanos = nowNanos
    let mailbox = shared.mailboxes[number]
    if !mailbox.isEmpty {
      for command in mailbox.takeAll() { perform(command) }
    }
    applyWants()
    // The first tick of a batch sets the time; the others wait with it.
    if !isHoldingBack, configuration.coalesceNanos > 0, ticks.hasWork {
      coalesceDueNanos = nowNanos + configuration.coalesceNanos
    }
    if !isHoldingBack || nowNanos >= coalesceDueNanos {
      ticks.run(nowNanos: nowNanos, wallNanos: shared.clock.nowNanos())
      // What a turn leaves of the ring has waited its time.
      coalesceDueNanos = isHoldingBack && ticks.hasWork ? nowNanos : .max
      if ticks.condemnedCount > 0 { closeCondemned() }
    }
    ticks.statistics.clients = UInt64(clientCount)
    ticks.statistics.subscriptions = UInt64(context.subscriptions.count)
    ticks.statistics.outboundBytes = UInt64(sockets.outboundBytes)
    counters.store(ticks.statistics)
  }

  func onSweep(nowNanos: Int64) {
    self.nowNanos = nowNanos
    for index in 0..<indicesUsed where ticks.slots[index].lookNanos <= nowNanos {
      guard let client = clients[index] else { continue }
      look(at: client)
    }
    for index in 0..<indicesUsed { checkAge(index) }
    tellFeedStatus()
    if ticks.condemnedCount > 0 { closeCondemned() }
    applyWants()
  }

  func hasWork() -> Bool {
    if !shared.mailboxes[number].isEmpty || context.subscriptions.hasWants { return true }
    return ticks.hasWork && (!isHoldingBack || SystemClock.monotonicNanos() >= coalesceDueNanos)
  }

  /// While ticks are being collected, what is owed waits with them.
  func deadlineNanos() -> Int64 { isHoldingBack ? coalesceDueNanos : ticks.wakeNanos }

  var isHoldingBack: Bool { coalesceDueNanos != .max }

  /// Tells the upstream what the clients want, and readies the encoder for what is new.
  private func applyWants() {
    guard context.subscriptions.hasWants else { return }
    let wants = context.subscriptions.takeWants()
    for want in wants where want.delta > 0 { ticks.prepare(want.instrument) }
    shared.wanted.apply(wants)
  }

  private func perform(_ command: FanoutCommand) {
    switch command {
    case .adopt(let descriptor): adopt(descriptor)
    case .report(let gate): gate.open(.success(reports()))
    case .order(let update): deliver(update)
    case .revoke(let keyID):
      for case let client? in clients[0..<indicesUsed] where client.session.principal?.keyID == keyID {
        guard client.phase == .open else { continue }
        ticks.statistics.keysRevoked += 1
        close(client, Violation(code: FanoutCloseCode.keyRevoked, reason: "key revoked"))
      }
    case .stop:
      for case let client? in clients[0..<indicesUsed] where client.phase != .closing {
        close(client, Violation(code: CloseCode.goingAway, reason: "server stopping"))
      }
      sockets.stop(deadlineNanos: nowNanos + configuration.stopTimeoutNanos)
    }
  }

  private func reports() -> [ClientReport] {
    clients[0..<indicesUsed].compactMap { client in client.map { report(on: $0) } }
  }

  private func closeCondemned() {
    for index in ticks.takeCondemned() {
      if let client = clients[index] { closeSlow(client) }
    }
  }
}
