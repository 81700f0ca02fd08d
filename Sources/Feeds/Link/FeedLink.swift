// One feed: carries out what its supervisor decides. Owns the sockets and a session for each. Feed loop only. Per frame
// no allocation on the happy path.

import Logging
import Market
import Reactor
import TickRing

final class FeedLink: FeedSocketOwner {
  let number: Int
  let definition: FeedDefinition
  private let surroundings: FeedSurroundings
  private let log: Logger
  private let sockets: Sockets
  private var label: String { "feed \(definition.name)" }

  private var supervisor: FeedSupervisor
  private var sessions: [any FeedSession] = []
  private var lines: [FeedSocket] = []
  /// Leave and address of the attempt under way, by shard.
  private var endpoints: [FeedEndpoint?]
  private var attempts: [UInt64]
  private var used: FeedCredentials?
  private var refused: FeedCredentials?
  private var shown = (state: FeedState.closed, reason: FeedReason.none)
  private var hasReportedLimit = false
  /// Instruments that each shard carries, as bits of their exchanges; what all wanted ones are.
  private var exchangesOfShard: [UInt32]
  private var wantedByExchange = Array(repeating: 0, count: Exchange.allCases.count)
  private var wanted: [UInt32: Mode] = [:]
  private var nextLookAt: Int64 = 0
  private var subscribedAt: [UInt32: Int64] = [:]
  private var rejections = RejectionLog()

  /// Between two looks at what costs a walk over all instruments.
  private static let lookNanos: Int64 = 1_000_000_000
  /// Silent instruments that are told by name.
  private static let silentNamedMax = 100

  init(number: Int, definition: FeedDefinition, sockets: Sockets, surroundings: FeedSurroundings, log: Logger) {
    self.number = number
    self.definition = definition
    self.sockets = sockets
    self.surroundings = surroundings
    self.log = log
    let capability = definition.capability
    supervisor = FeedSupervisor(
      capability: capability, lingerNanos: surroundings.configuration.lingerNanos,
      seed: surroundings.configuration.seed &+ UInt64(number) &* 7919)
    endpoints = Array(repeating: nil, count: capability.socketsMax)
    attempts = Array(repeating: 0, count: capability.socketsMax)
    exchangesOfShard = Array(repeating: 0, count: capability.socketsMax)
    for shard in 0..<capability.socketsMax {
      let session = definition.makeSession(UInt8(number))
      sessions.append(session)
      lines.append(
        FeedSocket(
          shard: shard, label: shard == 0 ? label : "\(label) (socket \(shard + 1))", pingNanos: capability.pingNanos,
          pongNanos: capability.pongNanos, heartbeat: session.heartbeat, sockets: sockets,
          configuration: surroundings.configuration, log: log, owner: self))
    }
  }

  /// Sockets that are open, by shard: the loop keeps track of whose they are.
  func socket(_ shard: Int) -> SocketID? { lines[shard].id }
  var shardCount: Int { lines.count }
  var isUsable: Bool { shown.state.isUsable }
  var state: FeedState { shown.state }
  var socketsInUse: Int { supervisor.socketsInUse }
  /// When there is something to do again, beside what comes from sockets.
  var dueAt: Int64 { supervisor.openCount > 0 ? supervisor.planner.dueAt : .max }

  // MARK: Events

  func onEvent(_ event: FeedSupervisor.Event, now: Int64) {
    for action in supervisor.on(event, now: now) { perform(action, now: now) }
    report(at: surroundings.clock.nowNanos())
  }

  /// - Parameter wall: since when it is so, nanoseconds since the epoch.
  private func report(at wall: Int64) {
    let (state, reason) = (supervisor.state, supervisor.reason)
    guard state != shown.state || reason != shown.reason else { return }
    let before = shown.state
    shown = (state, reason)
    let board = surroundings.board
    board.setReconnects(number, supervisor.retryCount)
    showUse()
    board.set(state, reason: reason, of: number, now: wall)
    let cause = reason == .none ? "" : " (\(reason.name))"
    let isRoutine = before.isUsable && state.isUsable
    log.log(
      level: isRoutine ? .debug : reason == .none ? .info : .warning,
      "\(label): \(before.name) -> \(state.name)\(cause)")
  }

  private func showUse() {
    surroundings.board.setUse(
      number, used: supervisor.planner.usedCount, limit: supervisor.planner.limit, sockets: supervisor.openCount)
  }

  private func perform(_ action: FeedSupervisor.Action, now: Int64) {
    switch action {
    case .ask(let shard, let attempt, let isRefused): ask(shard, attempt, isRefused: isRefused)
    case .connect(let shard):
      sessions[shard].reset()
      connect(shard, now: now)
    case .hangUp(let shard):
      // A look-up that is under way must not open what was given up.
      endpoints[shard] = nil
      lines[shard].hangUp()
    case .send(let message): send(message, now: now)
    case .noteRefusal: refused = used
    case .checkCredentials:
      let current = surroundings.credentials.credentials(feed: definition.credentials)
      if let current, current != refused { onEvent(.credentialsChanged(isForced: false), now: now) }
    }
  }

  // MARK: Connecting

  private func ask(_ shard: Int, _ attempt: UInt64, isRefused: Bool) {
    attempts[shard] = attempt
    let (send, number) = (surroundings.send, number)
    // The account may lack books alone: the credentials of its market data are not blamed.
    let blamed = isRefused && definition.lane == nil ? refused : nil
    surroundings.credentials.access(feed: definition.credentials, refused: blamed) { result in
      send(.access(feed: number, shard: shard, attempt: attempt, result))
    }
  }

  func onAccess(_ shard: Int, _ attempt: UInt64, _ result: Result<FeedAccess, AccessFailure>, now: Int64) {
    guard attempts[shard] == attempt else { return }
    switch result {
    case .success(let access):
      do {
        let endpoint = try sessions[shard].endpoint(access)
        endpoints[shard] = endpoint
        used = access.credentials
        noteToken()
        onEvent(.access(shard: shard, attempt: attempt, nil), now: now)
      } catch {
        log.error("\(label): \(error)")
        onEvent(.access(shard: shard, attempt: attempt, .unavailable("\(error)")), now: now)
      }
    case .failure(let failure):
      switch failure {
      case .noCredentials(let text), .refused(let text): log.warning("\(label): no login: \(text)")
      case .limited: log.warning("\(label): the login service says that there were too many attempts")
      case .unavailable(let text): log.warning("\(label): login: \(text)")
      }
      onEvent(.access(shard: shard, attempt: attempt, failure), now: now)
    }
  }

  private func noteToken() {
    let obtained = surroundings.credentials.obtainedNanos(feed: definition.credentials) ?? 0
    surroundings.board.setToken(number, obtained: obtained)
  }

  private func connect(_ shard: Int, now: Int64) {
    guard let endpoint = endpoints[shard] else { return }
    let (send, number, attempt) = (surroundings.send, number, attempts[shard])
    Resolver.resolve(host: endpoint.host, port: endpoint.port) {
      send(.resolved(feed: number, shard: shard, attempt: attempt, $0))
    }
  }

  func onResolved(
    _ shard: Int, _ attempt: UInt64, _ result: Result<SocketAddress, Resolver.Failure>, now: Int64
  ) {
    guard attempts[shard] == attempt, let endpoint = endpoints[shard], lines[shard].id == nil else { return }
    endpoints[shard] = nil
    switch result {
    case .success(let address): lines[shard].connect(to: address, endpoint, now: now)
    case .failure(let failure):
      log.warning("\(label): \(failure)")
      onEvent(.lost(shard: shard, .network), now: now)
    }
  }

  func onConnect(_ shard: Int, now: Int64) { lines[shard].onConnect(now: now) }

  func onClosed(_ shard: Int, _ reason: CloseReason, now: Int64) { lines[shard].onClosed(reason, now: now) }

  // MARK: Frames

  func onReceive(_ shard: Int, _ bytes: UnsafeMutableRawBufferPointer, now: Int64, _ sink: inout TickSink) {
    lines[shard].onReceive(bytes, now: now, &sink)
  }

  func onFrame(_ frame: UnsafeRawBufferPointer, isText: Bool, shard: Int, now: Int64, _ sink: inout TickSink) {
    let received = surroundings.clock.nowNanos()
    let session = sessions[shard]
    let notice =
      isText ? session.onText(frame) : session.onBinary(frame, receivedNanos: received, &sink)
    switch notice {
    case .ticks(let count):
      if count == 0 { return onEvent(.alive(shard: shard), now: now) }
      _ = supervisor.on(.payload(shard: shard, ticks: count), now: now)
      // A tick must not be older than the moment since which the feed counts as live.
      if shown.state != .live { report(at: received) }
      surroundings.board.touch(number, now: received)
    case .disconnect(let reason, let text):
      log.warning("\(label): the broker ends the connection: \(text)")
      onEvent(.lost(shard: shard, reason), now: now)
    case .heartbeat, .ignored: onEvent(.alive(shard: shard), now: now)
    case .message(let text):
      onEvent(.alive(shard: shard), now: now)
      say(.notice, "broker says: \(text)", now: now)
    case .error(let text):
      onEvent(.alive(shard: shard), now: now)
      say(.warning, "broker reports: \(text)", now: now)
    case .order:
      // Live order events come with live order routing.
      onEvent(.alive(shard: shard), now: now)
    }
  }

  /// Logs a text of the broker, unless there were many.
  private func say(_ level: Logger.Level, _ text: @autoclosure () -> String, now: Int64) {
    switch rejections.text(now: now) {
    case .say: log.log(level: level, "\(label): \(text())")
    case .sayLast: log.log(level: level, "\(label): \(text()); more in this minute are not shown")
    case .skip: break
    }
  }

  // MARK: Subscriptions

  /// The highest mode anyone wants of an instrument on this feed.
  func want(_ instrument: UInt32, _ mode: Mode?, now: Int64) {
    let before = wanted[instrument]
    guard before != mode else { return }
    let exchange = surroundings.exchanges[Int(instrument)]
    if before == nil { wantedByExchange[Int(exchange.rawValue)] += 1 }
    if mode == nil { wantedByExchange[Int(exchange.rawValue)] -= 1 }
    wanted[instrument] = mode
    _ = supervisor.on(.want(instrument, mode, isIndex: !exchange.isTradable), now: now)
  }

  /// Sends what is due, and notes what has become of the instruments.
  func flush(now: Int64) {
    for message in supervisor.messages(now: now) { send(message, now: now) }
    let touched = supervisor.planner.takeTouched()
    guard !touched.isEmpty else { return }
    // What the sockets carry has changed: the next look must not judge them by what it was.
    nextLookAt = now
    for instrument in touched {
      let state = supervisor.planner.state(of: instrument)
      if let id = streamed(instrument) { surroundings.upstream.set(id, state) }
      if state == .active {
        if subscribedAt[instrument] == nil { subscribedAt[instrument] = now }
      } else {
        subscribedAt[instrument] = nil
      }
    }
    showUse()
  }

  /// How many of its sockets may be open.
  func allow(sockets: Int) { supervisor.allow(sockets: sockets) }

  /// Something is wanted, and no socket may be opened for it.
  var isStarved: Bool { supervisor.planner.socketsAllowed == 0 && supervisor.planner.wantedCount > 0 }

  /// Closes a socket that it can do without.
  func spareSocket(now: Int64) {
    for action in supervisor.spareSocket(now: now) { perform(action, now: now) }
    report(at: surroundings.clock.nowNanos())
  }

  /// The id under which consumers know what this feed brings of an instrument; nil when nobody ever wanted its book.
  private func streamed(_ instrument: UInt32) -> UInt32? {
    definition.lane == nil ? instrument : surroundings.lanes.row(feed: UInt8(number), instrument: instrument)?.id
  }

  private func send(_ message: ShardPlanner.Message, now: Int64) {
    for frame in sessions[message.shard].frames(for: message) { lines[message.shard].send(frame) }
  }

  // MARK: Looks

  func onSweep(now: Int64) {
    if now >= nextLookAt {
      nextLookAt = now + Self.lookNanos
      look(now)
    }
    let wall = surroundings.clock.nowNanos()
    let open = openExchanges(wall)
    var inSession: UInt64 = 0
    for shard in exchangesOfShard.indices where exchangesOfShard[shard] & open != 0 { inSession |= 1 << UInt64(shard) }
    let isDay = wantedByExchange.indices.contains { wantedByExchange[$0] > 0 && open >> UInt32($0) & 1 == 1 }
    onEvent(.sweep(inSession: inSession, isDay: isDay), now: now)
    for line in lines { line.onSweep(now: now) }
  }

  private func openExchanges(_ wall: Int64) -> UInt32 {
    var bits: UInt32 = 0
    for exchange in Exchange.allCases where wantedByExchange[Int(exchange.rawValue)] > 0 {
      if surroundings.calendar.isOpen(exchange, at: wall) { bits |= 1 << UInt32(exchange.rawValue) }
    }
    return bits
  }

  /// What costs a walk over all that is subscribed.
  private func look(_ now: Int64) {
    for shard in exchangesOfShard.indices {
      var bits: UInt32 = 0
      for instrument in supervisor.planner.instruments(on: shard) {
        bits |= 1 << UInt32(surroundings.exchanges[Int(instrument)].rawValue)
      }
      exchangesOfShard[shard] = bits
    }
    noteRejections(now)
    showUse()
    surroundings.board.setReconnects(number, supervisor.retryCount)
    countSilent(now)
    let unplaced = supervisor.planner.unplacedCount
    guard unplaced > 0, supervisor.openCount >= supervisor.planner.socketsAllowed else {
      return hasReportedLimit = false
    }
    guard !hasReportedLimit else { return }
    hasReportedLimit = true
    log.error(
      "\(label): \(unplaced) instruments over the limit of \(supervisor.planner.limit) are not subscribed")
  }

  private func noteRejections(_ now: Int64) {
    var counts = FeedRejections()
    for session in sessions { counts.add(session.counters) }
    surroundings.board.setRejections(number, counts)
    if let line = rejections.line(counts, now: now) { log.warning("\(label): \(line)") }
  }

  /// Instruments without a tick for long on a feed that lives: reported, not acted on, for many hardly trade.
  private func countSilent(_ now: Int64) {
    let limit = definition.capability.timeouts.symbolNanos
    guard shown.state == .live else { return surroundings.board.setSilent(number, 0) }
    let wall = surroundings.clock.nowNanos()
    let open = openExchanges(wall)
    var silent = 0
    var some: [UInt32] = []
    for (instrument, since) in subscribedAt where now - since >= limit {
      let exchange = surroundings.exchanges[Int(instrument)]
      guard open >> UInt32(exchange.rawValue) & 1 == 1 else { continue }
      guard let id = streamed(instrument) else { continue }
      guard wall - surroundings.lastValues.receivedTime(id) >= limit else { continue }
      silent += 1
      if some.count < Self.silentNamedMax { some.append(id) }
    }
    surroundings.board.setSilent(number, silent, some)
  }
}
