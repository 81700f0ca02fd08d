// The handler of the simulated exchange's event loop: connections come and go, client messages become subscriptions.
// Everything here runs on the loop's thread. Ticks are in ExchangeLoop+Ticks.swift.

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
    case stop
  }

  private static let handshakeNanosMax: Int64 = 10_000_000_000
  static let stopNanosMax: Int64 = 1_000_000_000

  let configuration: ExchangeConfiguration
  let sockets: Sockets
  let counters: ExchangeCounters
  let clock: any WallClock
  private let mailbox: Mailbox<Command>
  private let log: Logger
  private let indexByToken: [UInt32: UInt32]
  let instrumentCount: Int
  /// By index of the socket.
  private var connections: [ExchangeConnection?]

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
    instrumentCount = universe.count
    let pairs = universe.instruments.enumerated().map { ($1.token, UInt32($0)) }
    indexByToken = Dictionary(uniqueKeysWithValues: pairs)
    connections = Array(repeating: nil, count: sockets.limits.socketsMax)
    sinks = PacketSinks(capacity: configuration.connectionsMax)
    interest = InterestList(instruments: universe.count)
    generator = SeededGenerator(seed: ~configuration.seed)
    let seconds = UInt32(clamping: clock.nowNanos() / 1_000_000_000)
    prices = PriceProcess(universe: universe, seed: configuration.seed, nowSeconds: seconds)
  }

  // MARK: Loop

  func onAccept(_ socket: SocketID, listener: Int, peer: SocketAddress) {
    let session = KiteServerSession(
      indexByToken: indexByToken, instrumentsMax: configuration.instrumentsPerConnectionMax, nowNanos: nowNanos)
    connections[Int(socket.index)] = ExchangeConnection(socket: socket, session: session, nowNanos: nowNanos)
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
    emit()
  }

  func onSweep(nowNanos: Int64) {
    for connection in connections.lazy.compactMap({ $0 }) {
      switch connection.stage {
      case .handshake:
        if nowNanos - connection.openedNanos > Self.handshakeNanosMax { sockets.close(connection.socket) }
      case .open:
        if connection.session.isHeartbeatDue(nowNanos: nowNanos) { beat(connection) }
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
    case .stop:
      for connection in openConnections { close(connection, code: CloseCode.goingAway, reason: "exchange stops") }
      for connection in connections.compactMap({ $0 }) where connection.stage == .handshake {
        sockets.close(connection.socket)
      }
      sockets.stop(deadlineNanos: nowNanos + Self.stopNanosMax)
    }
  }

  private var openConnections: [ExchangeConnection] {
    connections.compactMap { $0 }.filter { $0.stage == .open }
  }

  // MARK: Input

  func onReceive(_ socket: SocketID, _ bytes: UnsafeMutableRawBufferPointer) {
    guard let connection = connections[Int(socket.index)] else { return }
    switch connection.stage {
    case .handshake: shakeHands(connection, bytes)
    case .open: read(connection, bytes)
    case .closing: break
    }
  }

  private func shakeHands(_ connection: ExchangeConnection, _ bytes: UnsafeMutableRawBufferPointer) {
    switch connection.handshake.receive(UnsafeRawBufferPointer(bytes)) {
    case .needMore: break
    case .reject(let rejection): refuse(connection, rejection)
    case .upgrade(let request, let consumed):
      guard configuration.authorization.accepts(target: request.target) else {
        return refuse(connection, HandshakeRejection(status: 403, message: "wrong api_key or access_token"))
      }
      guard sinks.count < configuration.connectionsMax else {
        return refuse(connection, HandshakeRejection(status: 429, message: "too many connections"))
      }
      guard sockets.append(connection.socket, request.acceptResponse()) else {
        return sockets.close(connection.socket)
      }
      enter(connection)
      read(connection, UnsafeMutableRawBufferPointer(rebasing: bytes[consumed...]))
    }
  }

  private func refuse(_ connection: ExchangeConnection, _ rejection: HandshakeRejection) {
    counters.refused.add(1, ordering: .relaxed)
    log.info("connection refused", metadata: ["status": "\(rejection.status)"])
    connection.stage = .closing
    _ = sockets.append(connection.socket, rejection.response)
    sockets.closeAfterFlush(connection.socket)
  }

  private func read(_ connection: ExchangeConnection, _ bytes: UnsafeMutableRawBufferPointer) {
    connection.webSocket.receive(bytes)
    while true {
      switch connection.webSocket.next() {
      case .text(let text):
        // After a close the machine is drained, but nothing is obeyed any more.
        if connection.stage == .open { obey(connection, connection.session.receive(text: text)) }
      case .ping(let payload):
        if connection.stage == .open { send(connection, .pong, Array(payload)) }
      case .binary, .pong: break
      case .closed(let code, let reason): close(connection, code: code, reason: reason)
      case .violation(let code, let reason): close(connection, code: code, reason: reason)
      case .needMore: return
      }
    }
  }

  private func obey(_ connection: ExchangeConnection, _ effects: KiteServerSession.Effects) {
    for instrument in effects.added { interest.add(instrument) }
    for instrument in effects.removed {
      interest.remove(instrument)
      sinks[connection.sink].pointee.modes[Int(instrument)] = 0
    }
    if !effects.added.isEmpty || !effects.removed.isEmpty { isRateStale = true }
    for instrument in effects.snapshots { sendSnapshot(connection, instrument) }
    flush(sink: connection.sink)
    if let reply = effects.reply { send(connection, .text, reply) }
  }

  /// The last known state at once, whether or not it changes now.
  private func sendSnapshot(_ connection: ExchangeConnection, _ instrument: UInt32) {
    guard let mode = connection.session.mode(of: Int(instrument)) else { return }
    sinks[connection.sink].pointee.modes[Int(instrument)] = mode.rawValue
    if sinks[connection.sink].pointee.isFull { flush(sink: connection.sink) }
    sinks[connection.sink].pointee.add(prices.states + Int(instrument), mode)
  }

  // MARK: Life of a connection

  private func enter(_ connection: ExchangeConnection) {
    let packetsMax = min(instrumentCount, configuration.instrumentsPerConnectionMax)
    connection.sink = sinks.append(
      PacketSink(socket: connection.socket, instruments: instrumentCount, packetsMax: packetsMax))
    connection.stage = .open
    connection.session.onSent(nowNanos: nowNanos)
    counters.connections.store(UInt64(sinks.count), ordering: .relaxed)
  }

  /// Ends the tick stream of a connection; what is in its outbox still goes out.
  private func leave(_ connection: ExchangeConnection) {
    guard connection.stage == .open else { return }
    connection.stage = .closing
    flush(sink: connection.sink)
    for instrument in connection.session.subscribed { interest.remove(instrument) }
    if let moved = sinks.remove(at: connection.sink) { connections[Int(moved.index)]?.sink = connection.sink }
    counters.connections.store(UInt64(sinks.count), ordering: .relaxed)
    isRateStale = true
  }

  private func close(_ connection: ExchangeConnection, code: UInt16?, reason: UnsafeRawBufferPointer) {
    guard connection.stage == .open else { return }
    leave(connection)
    withUnsafeTemporaryAllocation(byteCount: FrameWriter.controlFrameBytesMax, alignment: 1) { frame in
      let count = FrameWriter.writeClose(code: code, reason: reason, to: frame)
      _ = sockets.append(connection.socket, UnsafeRawBufferPointer(rebasing: frame[..<count]))
    }
    connection.webSocket.closeSent()
    sockets.closeAfterFlush(connection.socket)
  }

  private func close(_ connection: ExchangeConnection, code: UInt16, reason: StaticString) {
    close(
      connection, code: code, reason: UnsafeRawBufferPointer(start: reason.utf8Start, count: reason.utf8CodeUnitCount))
  }

  private func send(_ connection: ExchangeConnection, _ opcode: Opcode, _ payload: [UInt8]) {
    // Room for the longest header; what is not needed is dropped again.
    var frame = [UInt8](repeating: 0, count: FrameHeader.bytesMax)
    let headerBytes = frame.withUnsafeMutableBytes { room in
      room.baseAddress.map { FrameWriter.writeHeader(opcode, payloadCount: payload.count, to: $0) } ?? 0
    }
    frame.removeSubrange(headerBytes...)
    if sockets.append(connection.socket, frame + payload) { connection.session.onSent(nowNanos: nowNanos) }
  }

  private func beat(_ connection: ExchangeConnection) {
    send(connection, .binary, [0])
    counters.heartbeats.add(1, ordering: .relaxed)
  }

  /// A data frame left for a connection.
  func noteSent(_ socket: SocketID) { connections[Int(socket.index)]?.session.onSent(nowNanos: nowNanos) }
}
