// The server's event loop handler: accepts, upgrades, hands messages to sessions and closes. Ticks are `TickFanout`'s.
// Everything here runs on the loop's thread. Allocates per connection and per control message, never per tick.

import Logging
import Market
import Reactor
import TickRing
import WebSocket

/// What other threads ask of the loop.
enum FanoutCommand: Sendable {
  case order(OrderUpdate)
  case revoke(keyID: Int64)
  case stop
}

final class FanoutLoop: LoopHandler {
  let configuration: FanoutConfiguration
  let sockets: Sockets
  let context: SessionContext
  let ticks: TickFanout
  let clock: any WallClock
  let log: Logger
  private let mailbox: Mailbox<FanoutCommand>
  private let wanted: any WantedSubscriptions
  private let counters: FanoutCounters

  /// By socket index; nil for connections that were refused.
  var clients: [FanoutClient?]
  private var clientCount = 0
  /// Indices that were ever used are below this.
  private var indicesUsed = 0
  private var connectionsByHost: [HostKey: Int] = [:]
  /// Clients that want order events.
  var orderClients: Set<Int> = []
  /// Monotonic time of the latest turn or sweep.
  private(set) var nowNanos: Int64
  /// For control frames.
  let scratch: UnsafeMutableRawBufferPointer

  init(
    configuration: FanoutConfiguration, sockets: Sockets, context: SessionContext, ticks: TickFanout,
    mailbox: Mailbox<FanoutCommand>, wanted: any WantedSubscriptions, counters: FanoutCounters,
    clock: any WallClock, log: Logger
  ) {
    self.configuration = configuration
    self.sockets = sockets
    self.context = context
    self.ticks = ticks
    self.mailbox = mailbox
    self.wanted = wanted
    self.counters = counters
    self.clock = clock
    self.log = log
    clients = Array(repeating: nil, count: sockets.limits.socketsMax)
    nowNanos = SystemClock.monotonicNanos()
    scratch = .allocate(byteCount: FrameWriter.controlFrameBytesMax, alignment: 16)
  }

  deinit { scratch.deallocate() }

  // MARK: Sockets

  func onAccept(_ socket: SocketID, listener: Int, peer: SocketAddress) {
    ticks.statistics.accepted += 1
    let index = Int(socket.index)
    indicesUsed = max(indicesUsed, index + 1)
    clients[index] = nil
    ticks.slots[index] = .free
    let host = peer.isLoopback ? nil : HostKey(peer)
    if clientCount >= configuration.clientsMax { return refuse(socket, "too many connections") }
    if let host, connectionsByHost[host, default: 0] >= configuration.connectionsPerAddressMax {
      return refuse(socket, "too many connections from this address")
    }
    clientCount += 1
    if let host { connectionsByHost[host, default: 0] += 1 }
    let now = SystemClock.monotonicNanos()
    let client = FanoutClient(
      socket, host: host, handshakeDeadlineNanos: now + configuration.handshakeTimeoutNanos,
      session: SessionState(client: socket.index, rules: context.rules, nowNanos: now),
      keepalive: Keepalive(nowNanos: now))
    clients[index] = client
    ticks.slots[index].generation = socket.generation
    ticks.slots[index].lookNanos = client.handshakeDeadlineNanos
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
    guard let client = clients[index], client.socket == socket else { return }
    detach(client)
    clients[index] = nil
    clientCount -= 1
    if let host = client.host, let count = connectionsByHost[host] {
      connectionsByHost[host] = count > 1 ? count - 1 : nil
    }
    log.debug("client gone", metadata: ["socket": "\(index)", "cause": "\(reason)"])
  }

  /// Ends all that the gateway does for a client, at the moment it begins to close.
  func detach(_ client: FanoutClient) {
    let index = Int(client.socket.index)
    ticks.forget(index)
    ticks.slots[index] = .free
    context.subscriptions.removeAll(client: client.socket.index)
    orderClients.remove(index)
    client.phase = .closing
  }

  // MARK: Turns

  func onTurn(nowNanos: Int64) {
    self.nowNanos = nowNanos
    for command in mailbox.takeAll() { perform(command) }
    applyWants()
    ticks.run()
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
    applyWants()
  }

  func hasWork() -> Bool { ticks.hasWork || !mailbox.isEmpty || context.subscriptions.hasWants }

  func deadlineNanos() -> Int64 { .max }

  /// Tells the upstream what the clients want, and readies the encoder for what is new.
  private func applyWants() {
    guard context.subscriptions.hasWants else { return }
    let wants = context.subscriptions.takeWants()
    for want in wants where want.delta > 0 { ticks.prepare(want.instrument) }
    wanted.apply(wants)
  }

  private func perform(_ command: FanoutCommand) {
    switch command {
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
}
