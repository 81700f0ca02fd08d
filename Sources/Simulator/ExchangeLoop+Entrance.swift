// Who comes in, how connections are kept alive, and how they end. Loop thread only.

import Logging
import Market
import Reactor
import Synchronization
import WebSocket

extension ExchangeLoop {
  /// How requests begin that are REST calls: the broker's own, and its instrument list.
  var restPrefixes: [String] { dialect.restPrefixes + ["GET \(configuration.broker.instrumentListPath)"] }

  // MARK: Entrance

  func enter(_ connection: ExchangeConnection, _ bytes: UnsafeMutableRawBufferPointer) {
    guard !connection.isHandshake else { return shakeHands(connection, bytes) }
    switch connection.reader.receive(UnsafeRawBufferPointer(bytes)) {
    case .needMore: break
    case .request(let request): answer(connection, request)
    case .reject(let response): end(connection, response)
    case .other(var earlier):
      connection.isHandshake = true
      earlier.withUnsafeMutableBytes { if !$0.isEmpty { shakeHands(connection, $0) } }
      if connection.stage == .entrance { shakeHands(connection, bytes) }
    }
  }

  private func answer(_ connection: ExchangeConnection, _ request: RestRequest) {
    if request.target.path == configuration.broker.instrumentListPath {
      let list = universe.instrumentList(for: configuration.broker)
      return end(connection, RestResponse(file: list, contentType: configuration.broker.instrumentListType))
    }
    let kind = request.method == "POST" ? counters.logins : counters.authorizations
    kind.asked.add(1, ordering: .relaxed)
    let response = isTurnedAway() ? RestResponse.tooMany : dialect.answer(request, &door)
    // Angel answers failures with status 200.
    let isGood = response.status == 200 && !response.body.starts(with: #"{"status":false"#.utf8)
    if !isGood { kind.refused.add(1, ordering: .relaxed) }
    end(connection, response)
  }

  private func end(_ connection: ExchangeConnection, _ response: RestResponse) {
    connection.stage = .closing
    _ = sockets.append(connection.socket, response.bytes)
    sockets.closeAfterFlush(connection.socket)
  }

  private func shakeHands(_ connection: ExchangeConnection, _ bytes: UnsafeMutableRawBufferPointer) {
    switch connection.handshake.receive(UnsafeRawBufferPointer(bytes)) {
    case .needMore: break
    case .reject(let rejection): refuse(connection, rejection)
    case .upgrade(let request, let consumed):
      counters.upgrades.asked.add(1, ordering: .relaxed)
      if isTurnedAway() {
        return refuseUpgrade(connection, HandshakeRejection(status: 429, message: "too many requests"))
      }
      let millis = clock.nowNanos() / 1_000_000
      switch dialect.upgrade(request, &door, epochMillis: millis) {
      case .reject(let rejection): refuseUpgrade(connection, rejection)
      case .turnAway(let payload):
        counters.upgrades.refused.add(1, ordering: .relaxed)
        counters.refused.add(1, ordering: .relaxed)
        turnAway(connection, request, payload)
      case .accept(let session, let user, let greeting):
        guard admit(connection, session, user) else { return }
        guard sockets.append(connection.socket, request.acceptResponse()) else {
          return sockets.close(connection.socket)
        }
        open(connection, session, user)
        if let greeting { send(connection, .binary, greeting) }
        read(connection, UnsafeMutableRawBufferPointer(rebasing: bytes[consumed...]))
      }
    }
  }

  /// Whether there is room for one more connection of that user; makes room where the broker does.
  private func admit(_ connection: ExchangeConnection, _ session: any BrokerSession, _ user: String) -> Bool {
    guard sinks.count < configuration.connectionsMax else {
      refuseUpgrade(connection, HandshakeRejection(status: 429, message: "too many connections"))
      return false
    }
    let others = openConnections.filter { $0.user == user }
    guard let countMax = door.limits.connectionsPerUser, others.count >= countMax else { return true }
    switch dialect.overflow(of: session) {
    case .refuse(let rejection):
      refuseUpgrade(connection, rejection)
      return false
    case .dropOldest(let payload):
      if let oldest = others.min(by: { $0.number < $1.number }) {
        send(oldest, .binary, payload)
        close(oldest, code: CloseCode.normal, reason: "")
      }
      return true
    }
  }

  private func refuseUpgrade(_ connection: ExchangeConnection, _ rejection: HandshakeRejection) {
    counters.upgrades.refused.add(1, ordering: .relaxed)
    refuse(connection, rejection)
  }

  private func refuse(_ connection: ExchangeConnection, _ rejection: HandshakeRejection) {
    counters.refused.add(1, ordering: .relaxed)
    log.info("connection refused", metadata: ["status": "\(rejection.status)"])
    connection.stage = .closing
    _ = sockets.append(connection.socket, rejection.response)
    sockets.closeAfterFlush(connection.socket)
  }

  /// Opens a connection only to say in a frame why it is not wanted.
  private func turnAway(_ connection: ExchangeConnection, _ request: UpgradeRequest, _ payload: [UInt8]) {
    log.info("connection turned away")
    connection.stage = .closing
    _ = sockets.append(connection.socket, request.acceptResponse() + Self.frame(.binary, payload))
    sockets.closeAfterFlush(connection.socket)
  }

  private func open(_ connection: ExchangeConnection, _ session: any BrokerSession, _ user: String) {
    let packetsMax = min(universe.count, door.limits.instruments)
    connection.sink = sinks.append(
      PacketSink(
        socket: connection.socket, format: session.format, instruments: universe.count, packetsMax: packetsMax))
    connection.stage = .open
    connection.session = session
    connection.user = user
    connection.lastSendNanos = nowNanos
    connection.lastLifeNanos = nowNanos
    if case .ping(let period) = session.heartbeat { connection.nextPingNanos = nowNanos + period }
    counters.connects.add(1, ordering: .relaxed)
    counters.connections.store(UInt64(sinks.count), ordering: .relaxed)
    follow(connection)
  }

  // MARK: Keeping alive

  func keepAlive(_ connection: ExchangeConnection) {
    if connection.isDead { return }
    if let silence = door.limits.silenceNanosMax, nowNanos - connection.lastLifeNanos > silence {
      return close(connection, code: CloseCode.policyViolation, reason: "no sign of life")
    }
    switch connection.session?.heartbeat {
    case .byteFrame(let silence):
      if nowNanos - connection.lastSendNanos >= silence { beat(connection, .binary, [0]) }
    case .ping(let period):
      if nowNanos >= connection.nextPingNanos {
        connection.nextPingNanos = nowNanos + period
        beat(connection, .ping, [])
      }
    case .some(.none), nil: break
    }
  }

  private func beat(_ connection: ExchangeConnection, _ opcode: Opcode, _ payload: [UInt8]) {
    if isHeartbeatWrong {
      send(connection, dialect.wrongHeartbeat.opcode, dialect.wrongHeartbeat.payload)
    } else {
      send(connection, opcode, payload)
    }
    counters.heartbeats.add(1, ordering: .relaxed)
  }

  // MARK: End

  /// Ends the tick stream of a connection; what is in its outbox still goes out.
  func leave(_ connection: ExchangeConnection) {
    guard connection.stage == .open, let session = connection.session else { return }
    connection.stage = .closing
    flush(sink: connection.sink)
    for instrument in session.subscribed { interest.remove(instrument) }
    if let moved = sinks.remove(at: connection.sink) { connections[Int(moved.index)]?.sink = connection.sink }
    counters.connections.store(UInt64(sinks.count), ordering: .relaxed)
    isRateStale = true
  }

  func close(_ connection: ExchangeConnection, code: UInt16?, reason: UnsafeRawBufferPointer) {
    guard connection.stage == .open else { return }
    leave(connection)
    withUnsafeTemporaryAllocation(byteCount: FrameWriter.controlFrameBytesMax, alignment: 1) { frame in
      let count = FrameWriter.writeClose(code: code, reason: reason, to: frame)
      _ = sockets.append(connection.socket, UnsafeRawBufferPointer(rebasing: frame[..<count]))
    }
    connection.webSocket.closeSent()
    sockets.closeAfterFlush(connection.socket)
  }

  func close(_ connection: ExchangeConnection, code: UInt16, reason: StaticString) {
    close(
      connection, code: code, reason: UnsafeRawBufferPointer(start: reason.utf8Start, count: reason.utf8CodeUnitCount))
  }

  // MARK: Frames

  static func frame(_ opcode: Opcode, _ payload: [UInt8]) -> [UInt8] {
    // Room for the longest header; what is not needed is dropped again.
    var frame = [UInt8](repeating: 0, count: FrameHeader.bytesMax)
    let headerBytes = frame.withUnsafeMutableBytes { room in
      room.baseAddress.map { FrameWriter.writeHeader(opcode, payloadCount: payload.count, to: $0) } ?? 0
    }
    frame.removeSubrange(headerBytes...)
    return frame + payload
  }

  func send(_ connection: ExchangeConnection, _ opcode: Opcode, _ payload: [UInt8]) {
    if connection.isDead { return }
    if sockets.append(connection.socket, Self.frame(opcode, payload)) { connection.lastSendNanos = nowNanos }
  }
}
