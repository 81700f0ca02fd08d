// The handler of the simulated exchange's event loop: connections come and go, client messages become subscriptions.
// Everything here runs on the loop's thread. Who may come in is in ExchangeLoop+Entrance.swift, ticks in
// ExchangeLoop+Ticks.swift, faults in ExchangeLoop+Faults.swift.

import Logging
import Market
import Reactor
import Synchronization
import TickRing
import WebSocket

final class ExchangeLoop: LoopHandler {
  /// What other threads ask for.
  enum Command: Sendable {
    /// A text frame for every open connection.
    case text([UInt8])
    case dropConnections
    case inject(Fault)
    case clearFaults
    case rotateToken(String)
    case subscriptions(StartGate<[SimulatedSubscription]>)
    case stop
  }

  private static let handshakeNanosMax: Int64 = 10_000_000_000
  static let stopNanosMax: Int64 = 1_000_000_000

  let configuration: ExchangeConfiguration
  let sockets: Sockets
  let counters: ExchangeCounters
  let clock: any WallClock
  private let mailbox: Mailbox<Command>
  let log: Logger
  let universe: Universe
  /// By index of the socket.
  var connections: [ExchangeConnection?]
  private var connectionCount: UInt64 = 0

  var dialect: any BrokerDialect
  var door: Door
  let names: WireNames
  var prices: PriceProcess
  var sinks: PacketSinks
  var interest: InterestList
  var pacer = TickPacer()
  /// Subscriptions have changed; the rate follows in the turn that comes, which knows the time.
  var isRateStale = false
  var generator: SeededGenerator
  var nextPulseNanos: Int64 = 0
  var nextFrameNanos: Int64 = 0
  /// Monotonic time of the turn: completions of a turn come before it is told, and see the time of the turn before.
  var nowNanos: Int64

  // Faults.
  var schedule: FaultSchedule
  /// Faults under way that concern all connections, those to come as well.
  var standing: [Fault.Kind] = []
  var collapsePercent: Int?
  var acceptDelayNanos: Int64 = 0
  /// Accepted connections that are served later, by time.
  var delayed: [(descriptor: Int32, dueNanos: Int64)] = []
  var attemptsToTurnAway = 0
  var isHeartbeatWrong = false

  init(
    configuration: ExchangeConfiguration, universe: Universe, sockets: Sockets, mailbox: Mailbox<Command>,
    counters: ExchangeCounters, clock: any WallClock, log: Logger, nowNanos: Int64
  ) {
    self.nowNanos = nowNanos
    self.configuration = configuration
    self.sockets = sockets
    self.mailbox = mailbox
    self.counters = counters
    self.clock = clock
    self.log = log
    self.universe = universe
    dialect = configuration.broker.makeDialect()
    door = Door(
      credentials: configuration.credentials, limits: configuration.effectiveLimits,
      directory: InstrumentDirectory(universe: universe, broker: configuration.broker),
      isSecure: configuration.tls != nil, tokens: TokenBook(wanted: configuration.credentials.accessToken))
    names = WireNames(universe: universe, broker: configuration.broker)
    connections = Array(repeating: nil, count: sockets.limits.socketsMax)
    sinks = PacketSinks(capacity: configuration.connectionsMax)
    interest = InterestList(instruments: universe.count)
    generator = SeededGenerator(seed: ~configuration.seed)
    schedule = FaultSchedule(plan: configuration.faults, startNanos: nowNanos)
    let seconds = UInt32(clamping: clock.nowNanos() / 1_000_000_000)
    prices = PriceProcess(universe: universe, seed: configuration.seed, nowSeconds: seconds)
  }

  deinit { closeDelayed() }

  var openConnections: [ExchangeConnection] { connections.compactMap { $0 }.filter { $0.stage == .open } }

  // MARK: Loop

  func passesOn(_ descriptor: Int32, listener: Int) -> Bool { delays(descriptor) }

  func onAccept(_ socket: SocketID, listener: Int, peer: SocketAddress) { welcome(socket) }

  func welcome(_ socket: SocketID) {
    connectionCount += 1
    connections[Int(socket.index)] = ExchangeConnection(
      socket: socket, number: connectionCount, restPrefixes: restPrefixes, nowNanos: nowNanos)
  }

  func onConnect(_ socket: SocketID) {}

  func onClosed(_ socket: SocketID, reason: CloseReason) {
    guard let connection = connections[Int(socket.index)] else { return }
    leave(connection)
    connections[Int(socket.index)] = nil
  }

  func onTurn(nowNanos: Int64) {
    self.nowNanos = nowNanos
    if !mailbox.isEmpty { for command in mailbox.takeAll() { execute(command) } }
    if nowNanos >= schedule.nextNanos { advanceFaults() }
    if !delayed.isEmpty { welcomeDelayed() }
    emit()
  }

  func onSweep(nowNanos: Int64) {
    for connection in connections.lazy.compactMap({ $0 }) {
      switch connection.stage {
      case .entrance:
        if nowNanos - connection.openedNanos > Self.handshakeNanosMax { sockets.close(connection.socket) }
      case .open: keepAlive(connection)
      case .closing: break
      }
    }
  }

  func hasWork() -> Bool { !mailbox.isEmpty }

  private func execute(_ command: Command) {
    switch command {
    case .text(let text):
      for connection in openConnections { send(connection, .text, text) }
    case .dropConnections:
      for connection in connections.compactMap({ $0 }) {
        leave(connection)
        sockets.close(connection.socket)
      }
    case .inject(let fault):
      // At once, so that it keeps its place among the other commands.
      schedule.add(fault, atNanos: nowNanos)
      advanceFaults()
    case .clearFaults: clearFaults()
    case .rotateToken(let token): door.tokens.rotate(to: token)
    case .subscriptions(let gate): gate.open(.success(subscriptions()))
    case .stop:
      for connection in openConnections { close(connection, code: CloseCode.goingAway, reason: "exchange stops") }
      for connection in connections.compactMap({ $0 }) where connection.stage == .entrance {
        sockets.close(connection.socket)
      }
      closeDelayed()
      sockets.stop(deadlineNanos: nowNanos + Self.stopNanosMax)
    }
  }

  private func subscriptions() -> [SimulatedSubscription] {
    openConnections.flatMap { connection in
      guard let session = connection.session else { return [SimulatedSubscription]() }
      return session.subscribed.flatMap { instrument in
        type(of: session).names(ofModes: session.modes(of: Int(instrument))).map { mode in
          SimulatedSubscription(
            connection: connection.number, token: door.directory.tokens[Int(instrument)], mode: mode,
            key: universe.instruments[Int(instrument)].instrument.key)
        }
      }
    }
  }

  // MARK: Input

  func onReceive(_ socket: SocketID, _ bytes: UnsafeMutableRawBufferPointer) {
    guard let connection = connections[Int(socket.index)] else { return }
    switch connection.stage {
    case .entrance: enter(connection, bytes)
    case .open: read(connection, bytes)
    case .closing: break
    }
  }

  func read(_ connection: ExchangeConnection, _ bytes: UnsafeMutableRawBufferPointer) {
    connection.webSocket.receive(bytes)
    while true {
      // After a close, and when a fault has silenced the connection, the machine is drained but nothing is obeyed.
      let isHeard = connection.stage == .open && !connection.isDead
      switch connection.webSocket.next() {
      case .text(let text): if isHeard { obey(connection) { $0.receive(text: text) } }
      case .binary(let data): if isHeard { obey(connection) { $0.receive(binary: data) } }
      case .ping(let payload):
        connection.lastLifeNanos = nowNanos
        if isHeard { send(connection, .pong, Array(payload)) }
      case .pong: connection.lastLifeNanos = nowNanos
      case .closed(let code, let reason): if isHeard { close(connection, code: code, reason: reason) }
      case .violation(let code, let reason): if isHeard { close(connection, code: code, reason: reason) }
      case .needMore: return
      }
    }
  }

  private func obey(
    _ connection: ExchangeConnection, _ message: (inout any BrokerSession) -> SessionEffects
  ) {
    guard var session = connection.session else { return }
    // Given back below; taken out, so that the session's table is not copied.
    connection.session = nil
    let before = session.counts
    let effects = message(&session)
    counters.note(before, session.counts)
    if session.counts.pings != before.pings { connection.lastLifeNanos = nowNanos }
    connection.session = session
    apply(effects, to: connection, session)
  }

  private func apply(_ effects: SessionEffects, to connection: ExchangeConnection, _ session: any BrokerSession) {
    for instrument in effects.added { interest.add(instrument) }
    for instrument in effects.removed {
      interest.remove(instrument)
      sinks[connection.sink].pointee.modes[Int(instrument)] = 0
    }
    for instrument in effects.changed {
      sinks[connection.sink].pointee.modes[Int(instrument)] = session.modes(of: Int(instrument))
    }
    if !effects.added.isEmpty || !effects.removed.isEmpty { isRateStale = true }
    for instrument in effects.snapshots { sendSnapshot(connection, session, instrument) }
    flush(sink: connection.sink)
    if let reply = effects.reply {
      let isReplaced = isHeartbeatWrong && reply == Array("pong".utf8)
      send(connection, .text, isReplaced ? dialect.wrongHeartbeat.payload : reply)
    }
    if let farewell = effects.farewell { send(connection, .binary, farewell) }
    if effects.isOver { close(connection, code: CloseCode.normal, reason: "") }
  }

  /// The last known state at once, whether or not it changes now.
  private func sendSnapshot(_ connection: ExchangeConnection, _ session: any BrokerSession, _ instrument: UInt32) {
    let mode = session.modes(of: Int(instrument))
    let sink = sinks[connection.sink]
    sink.pointee.modes[Int(instrument)] = mode
    if mode == 0 || sink.pointee.filter.drops(instrument) { return }
    if sink.pointee.isFull { flush(sink: connection.sink) }
    sink.pointee.addSnapshot(prices.states + Int(instrument), names.names + Int(instrument), mode)
  }

  /// A frame left for a connection.
  func noteSent(_ socket: SocketID) { connections[Int(socket.index)]?.lastSendNanos = nowNanos }
}
