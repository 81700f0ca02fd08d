// What is done on purpose to fail: faults begin and end here. Loop thread only; see `Fault` for what each one means.

import Glibc
import Logging
import Market
import Reactor
import Synchronization
import WebSocket

extension ExchangeLoop {
  private static let garbageBytes = 200
  /// What a connection without subscriptions gets half of.
  private static let emptyFrameBytes = 200

  func advanceFaults() {
    for change in schedule.advance(nowNanos: nowNanos) { apply(change) }
  }

  /// Everything is as without faults.
  func clearFaults() {
    for connection in openConnections { connection.faults = [] }
    attemptsToTurnAway = 0
    for change in schedule.clear() { apply(change) }
    follow()
  }

  private func apply(_ change: FaultSchedule.Change) {
    switch change {
    case .begin(let fault):
      log.notice("fault begins", metadata: ["fault": "\(fault.kind)"])
      counters.faults.add(1, ordering: .relaxed)
      begin(fault)
    case .again(let fault): strike(fault)
    case .end(let fault):
      log.notice("fault ends", metadata: ["fault": "\(fault.kind)"])
      if fault.kind == .expire { door.tokens.restore() }
      follow()
    }
  }

  private func begin(_ fault: Fault) {
    strike(fault)
    if fault.isForOpenConnections {
      for connection in openConnections { connection.faults.append(fault.kind) }
    }
    follow()
    guard fault.kind == .badHeartbeat else { return }
    for connection in openConnections {
      send(connection, dialect.wrongHeartbeat.opcode, dialect.wrongHeartbeat.payload)
    }
  }

  /// Sets what lasts by the faults that are under way; of several of one kind the last counts.
  private func follow() {
    door.isRefusing = false
    collapsePercent = nil
    acceptDelayNanos = 0
    isHeartbeatWrong = false
    standing = []
    for fault in schedule.underWay where !fault.isForOpenConnections {
      switch fault.kind {
      case .refuse: door.isRefusing = true
      case .collapse(let percent): collapsePercent = percent
      case .slowTLS(let delay): acceptDelayNanos = delay
      case .badHeartbeat: isHeartbeatWrong = true
      case .mute, .dead, .dropHalf: standing.append(fault.kind)
      case .expire, .garbage, .halfFrame, .reset, .limit429: break
      }
    }
    isRateStale = true
    for connection in openConnections { follow(connection) }
  }

  /// Sets what lasts for one connection.
  func follow(_ connection: ExchangeConnection) {
    let kinds = connection.faults + standing
    connection.isDead = kinds.contains(.dead)
    let isMute = connection.isDead || kinds.contains(.mute)
    sinks[connection.sink].pointee.filter = isMute ? .all : kinds.contains(.dropHalf) ? .half : .none
  }

  /// What happens at a moment.
  private func strike(_ fault: Fault) {
    switch fault.kind {
    case .expire:
      door.tokens.expireAll()
      for connection in openConnections {
        guard let session = connection.session else { continue }
        if let farewell = dialect.farewell(toExpired: session) { send(connection, .binary, farewell) }
        close(connection, code: CloseCode.normal, reason: "")
      }
    case .limit429(let attempts): attemptsToTurnAway += attempts
    case .garbage:
      for connection in openConnections { send(connection, .binary, garbage()) }
    case .halfFrame:
      for connection in openConnections { cutShort(connection) }
    case .reset:
      for connection in openConnections {
        leave(connection)
        sockets.reset(connection.socket)
      }
    case .refuse, .mute, .dead, .dropHalf, .collapse, .slowTLS, .badHeartbeat: break
    }
  }

  // MARK: Broken frames

  private func garbage() -> [UInt8] {
    let rest = max(0, Self.garbageBytes - dialect.garbage.count)
    return dialect.garbage + (0..<rest).map { _ in UInt8(generator.below(256)) }
  }

  /// The first half of a frame that would have been good, then the end of the connection.
  private func cutShort(_ connection: ExchangeConnection) {
    guard let session = connection.session else { return }
    var whole = Self.frame(.binary, [UInt8](repeating: 0, count: Self.emptyFrameBytes))
    if let instrument = session.subscribed.first {
      let sink = sinks[connection.sink]
      sink.pointee.add(
        prices.states + Int(instrument), names.names + Int(instrument), session.modes(of: Int(instrument)))
      if sink.pointee.packetCount > 0 {
        whole = Array(sink.pointee.takeFrame(epochMillis: clock.nowNanos() / 1_000_000))
      }
    }
    leave(connection)
    _ = sockets.append(connection.socket, Array(whole[..<(whole.count / 2)]))
    sockets.closeAfterFlush(connection.socket)
  }

  // MARK: Entrance

  /// Counts one attempt to connect; true when it is to be answered with 429.
  func isTurnedAway() -> Bool {
    guard attemptsToTurnAway > 0 else { return false }
    attemptsToTurnAway -= 1
    return true
  }

  /// Whether a new connection is put aside, to be served later.
  func delays(_ descriptor: Int32) -> Bool {
    guard acceptDelayNanos > 0, delayed.count < sockets.limits.socketsMax else { return false }
    delayed.append((descriptor, nowNanos + acceptDelayNanos))
    return true
  }

  func welcomeDelayed() {
    while let first = delayed.first, first.dueNanos <= nowNanos {
      delayed.removeFirst()
      if let socket = sockets.take(descriptor: first.descriptor, tls: configuration.tls) {
        welcome(socket)
      } else {
        Glibc.close(first.descriptor)
      }
    }
  }

  func closeDelayed() {
    for item in delayed { Glibc.close(item.descriptor) }
    delayed = []
  }
}
