// Life of one broker feed as a value: what happens and the time go in, actions come out. No I/O, no clock. One for all
// brokers: what differs between them is in their capability.
//
// A feed has up to `socketsMax` sockets (shards). Each goes
//
//   idle → asking → connecting → authenticating → subscribing → up, any of them → waiting → asking;
//
// a refused login stops all of them: the feed is then `authFailed` and waits for other credentials. What the feed as a
// whole is called (`FeedState`) is made of its sockets in FeedSupervisor+State.swift.

import Market

public struct FeedSupervisor: Sendable {
  public enum Event: Sendable, Equatable {
    case start
    case stop
    /// The highest mode that anyone wants of an instrument has changed.
    case want(UInt32, Mode?, isIndex: Bool)
    /// Leave to connect, or not: the answer to `.ask` with the same attempt.
    case access(shard: Int, attempt: UInt64, AccessFailure?)
    /// TCP and TLS are up.
    case connected(shard: Int)
    /// The WebSocket is open.
    case opened(shard: Int)
    /// The upgrade was answered with another status.
    case refused(shard: Int, status: Int, retryAfterSeconds: Int?)
    /// Bytes that show that the peer lives.
    case alive(shard: Int)
    /// Market data.
    case payload(shard: Int, ticks: Int)
    case lost(shard: Int, FeedReason)
    /// Credentials are others now. Forced: log in anew even where all is well.
    case credentialsChanged(isForced: Bool)
    /// A regular look. Which shards carry something that could trade now, as bits, and whether anything wanted could.
    case sweep(inSession: UInt64, isDay: Bool)
  }

  public enum Action: Sendable, Equatable {
    /// Ask for leave to connect; differing from what was refused if `isRefused`.
    case ask(shard: Int, attempt: UInt64, isRefused: Bool)
    /// Resolve and connect with the leave that was given.
    case connect(shard: Int)
    case hangUp(shard: Int)
    case send(ShardPlanner.Message)
    /// The credentials in use were refused: keep them, to tell others from them.
    case noteRefusal
    /// Look whether there are others; if so, `credentialsChanged`.
    case checkCredentials
  }

  struct Shard: Sendable {
    enum Phase: Sendable { case idle, waiting, asking, connecting, authenticating, subscribing, up }

    var phase = Phase.idle
    var since: Int64 = 0
    var retryAt: Int64 = .max
    var attempt: UInt64 = 0
    var lastAlive: Int64 = 0
    var reason = FeedReason.none
    /// Was up once: its loss is a fault of the feed, not a socket more that is being opened.
    var wasUp = false
    var isQuiet = false
    /// Since when it is stale; `.max` while it is not.
    var staleSince: Int64 = .max
    /// Stale because too little comes, so that what comes does not end it.
    var hasCollapsed = false
    /// The last connection was given up because it brought nothing: that a new one opens proves nothing, data does.
    var mustSpeak = false
    var monitor: PayloadMonitor
    var backoff: Backoff

    var hasSocket: Bool {
      switch phase {
      case .idle, .waiting, .asking: false
      case .connecting, .authenticating, .subscribing, .up: true
      }
    }
  }

  public let capability: FeedCapability
  public internal(set) var planner: ShardPlanner
  var shards: [Shard]
  var isRunning = false
  /// Since when a login is refused; `.max` while none is.
  var authFailedSince: Int64 = .max
  private var authRetryAt: Int64 = .max
  private var checkAt: Int64 = .max
  private var authBackoff: Backoff
  private var budget: ConnectBudget
  private var attempts: UInt64 = 0
  /// Connections and attempts that were lost, over all sockets.
  public private(set) var retryCount: UInt64 = 0
  /// Whether something wanted could trade at the last look.
  private var isDay = true

  static let authFirstNanos: Int64 = 10_000_000_000
  static let authMostNanos: Int64 = 1_800_000_000_000
  /// Quick attempts outside session hours.
  static let nightAttempts = 2
  /// Longest that a login may take.
  static let loginNanosMax: Int64 = 60_000_000_000
  /// A socket that has carried nothing for so long is not about to.
  private static let emptyNanos: Int64 = 1_000_000_000

  public init(capability: FeedCapability, lingerNanos: Int64, seed: UInt64) {
    precondition((1...64).contains(capability.socketsMax))
    self.capability = capability
    planner = ShardPlanner(capability: capability, lingerNanos: lingerNanos)
    shards = (0..<capability.socketsMax).map {
      Shard(
        monitor: PayloadMonitor(timeouts: capability.timeouts, now: 0),
        backoff: Backoff(seed: seed &+ UInt64($0) &* 0x1_0001))
    }
    authBackoff = Backoff(firstNanos: Self.authFirstNanos, mostNanos: Self.authMostNanos, seed: ~seed)
    budget = ConnectBudget(perHour: capability.connectsPerHour)
  }

  /// - Parameter now: monotonic nanoseconds.
  public mutating func on(_ event: Event, now: Int64) -> [Action] {
    switch event {
    case .payload(let shard, let ticks):
      // The tick path: nothing allocates here.
      shards[shard].monitor.note(ticks: ticks, now: now)
      shards[shard].isQuiet = false
      if !shards[shard].hasCollapsed { shards[shard].staleSince = .max }
      shards[shard].mustSpeak = false
      receive(shard, now)
      return []
    case .alive(let shard):
      receive(shard, now)
      return []
    default:
      var actions: [Action] = []
      handle(event, now, &actions)
      return actions
    }
  }

  /// Messages that are due. To be asked every turn; costs nothing while nothing is due.
  public mutating func messages(now: Int64) -> [ShardPlanner.Message] {
    guard planner.isDue(now: now) else { return [] }
    let messages = planner.messages(now: now)
    for message in messages where message.verb != .unsubscribe { shards[message.shard].monitor.asked(now: now) }
    return messages
  }

  private mutating func handle(_ event: Event, _ now: Int64, _ actions: inout [Action]) {
    switch event {
    case .start:
      guard !isRunning else { return }
      isRunning = true
      openWanted(now, &actions)
    case .stop:
      isRunning = false
      for shard in shards.indices { shut(shard, now, &actions) }
      forgetRefusal()
    case .want(let instrument, let mode, let isIndex):
      planner.want(instrument, mode, isIndex: isIndex, now: now)
    case .access(let shard, let attempt, let failure):
      guard shards[shard].phase == .asking, shards[shard].attempt == attempt else { return }
      answer(shard, failure, now, &actions)
    case .connected(let shard):
      if shards[shard].phase == .connecting { enter(shard, .authenticating, now) }
    case .opened(let shard): open(shard, now)
    case .refused(let shard, let status, let retryAfter): refuse(shard, status, retryAfter, now, &actions)
    case .lost(let shard, let reason):
      guard shards[shard].hasSocket else { return }
      if reason == .auth { return failLogin(now, &actions) }
      retry(shard, reason, atLeast: reason == .limit ? capability.timeouts.limitNanos : 0, now, &actions)
    case .credentialsChanged(let isForced):
      guard isRunning else { return }
      // Whoever says so may be wrong: the provider tells whether they differ from those that were refused.
      guard authFailedSince == .max else { return askForOthers(now, &actions) }
      guard isForced else { return }
      for shard in shards.indices { shut(shard, now, &actions) }
      openWanted(now, &actions)
    case .sweep(let inSession, let isDay):
      self.isDay = isDay || planner.wantedCount == 0
      sweep(inSession, now, &actions)
    case .alive, .payload: break
    }
  }

  // MARK: Ways up

  private mutating func enter(_ shard: Int, _ phase: Shard.Phase, _ now: Int64) {
    shards[shard].phase = phase
    shards[shard].since = now
  }

  /// Opens as many sockets as it takes.
  private mutating func openWanted(_ now: Int64, _ actions: inout [Action]) {
    guard isRunning, authFailedSince == .max else { return }
    var missing = planner.socketsWanted - shards.lazy.filter { $0.phase != .idle }.count
    for shard in shards.indices where missing > 0 && shards[shard].phase == .idle {
      ask(shard, now, &actions)
      missing -= 1
    }
  }

  /// Begins an attempt, or waits until the hour has room for one.
  private mutating func ask(_ shard: Int, _ now: Int64, _ actions: inout [Action]) {
    guard budget.freeAt <= now else {
      enter(shard, .waiting, now)
      shards[shard].retryAt = budget.freeAt
      shards[shard].reason = .limit
      return
    }
    budget.spend(now: now)
    attempts += 1
    shards[shard].attempt = attempts
    enter(shard, .asking, now)
    actions.append(.ask(shard: shard, attempt: attempts, isRefused: authFailedSince != .max))
  }

  private mutating func answer(_ shard: Int, _ failure: AccessFailure?, _ now: Int64, _ actions: inout [Action]) {
    switch failure {
    case nil:
      if authFailedSince != .max {
        // Others than those that were refused.
        authFailedSince = .max
        checkAt = .max
      }
      enter(shard, .connecting, now)
      actions.append(.connect(shard: shard))
    case .noCredentials, .refused: failLogin(now, &actions)
    case .limited(let seconds):
      let wait = max(Self.nanos(seconds), capability.timeouts.limitNanos)
      authFailedSince == .max ? retry(shard, .limit, atLeast: wait, now, &actions) : putOff(shard, wait, now)
    case .unavailable:
      authFailedSince == .max ? retry(shard, .network, now, &actions) : putOff(shard, 0, now)
    }
  }

  /// The login service did not answer while others than the refused credentials were asked for.
  private mutating func putOff(_ shard: Int, _ least: Int64, _ now: Int64) {
    enter(shard, .idle, now)
    authRetryAt = now + max(least, authBackoff.next())
  }

  private mutating func open(_ shard: Int, _ now: Int64) {
    guard shards[shard].phase == .authenticating || shards[shard].phase == .connecting else { return }
    enter(shard, .subscribing, now)
    // It opened; what is still missing is data.
    if shards[shard].mustSpeak { shards[shard].reason = .stall }
    shards[shard].lastAlive = now
    shards[shard].isQuiet = false
    shards[shard].staleSince = .max
    shards[shard].monitor.restart(now: now)
    planner.opened(shard, now: now)
  }

  private mutating func receive(_ shard: Int, _ now: Int64) {
    shards[shard].lastAlive = now
    guard shards[shard].phase == .subscribing, !shards[shard].mustSpeak else { return }
    enter(shard, .up, now)
    shards[shard].wasUp = true
    shards[shard].reason = .none
  }

  // MARK: Ways down

  private mutating func refuse(
    _ shard: Int, _ status: Int, _ retryAfter: Int?, _ now: Int64, _ actions: inout [Action]
  ) {
    guard shards[shard].hasSocket else { return }
    switch status {
    case 401, 403: failLogin(now, &actions)
    case 429:
      retry(shard, .limit, atLeast: max(Self.nanos(retryAfter), capability.timeouts.limitNanos), now, &actions)
    default: retry(shard, .serverClose, atLeast: Self.nanos(retryAfter), now, &actions)
    }
  }

  private mutating func retry(
    _ shard: Int, _ reason: FeedReason, atLeast least: Int64 = 0, _ now: Int64, _ actions: inout [Action]
  ) {
    // At night a blip is mended at once, too; what goes on is not worth more than a look now and then.
    let isPatient = !isDay && shards[shard].backoff.attempts >= Self.nightAttempts
    let wait = max(shards[shard].backoff.next(), least, isPatient ? capability.timeouts.nightNanos : 0)
    let wasOpen = shards[shard].hasSocket
    retryCount += 1
    enter(shard, .waiting, now)
    shards[shard].reason = reason
    shards[shard].retryAt = now + wait
    shards[shard].staleSince = .max
    planner.closed(shard, now: now)
    if wasOpen { actions.append(.hangUp(shard: shard)) }
  }

  /// Nothing is tried with the same credentials again. A provider that can log in by itself is asked now and then.
  private mutating func failLogin(_ now: Int64, _ actions: inout [Action]) {
    actions.append(.noteRefusal)
    for shard in shards.indices { shut(shard, now, &actions) }
    if authFailedSince == .max { authFailedSince = now }
    checkAt = now + capability.timeouts.credentialsNanos
    authRetryAt = now + authBackoff.next()
  }

  private mutating func forgetRefusal() {
    authFailedSince = .max
    authRetryAt = .max
    checkAt = .max
  }

  private mutating func shut(_ shard: Int, _ now: Int64, _ actions: inout [Action]) {
    guard shards[shard].phase != .idle else { return }
    let wasOpen = shards[shard].hasSocket
    enter(shard, .idle, now)
    shards[shard].staleSince = .max
    shards[shard].mustSpeak = false
    shards[shard].wasUp = false
    planner.closed(shard, now: now)
    if wasOpen { actions.append(.hangUp(shard: shard)) }
  }

  // MARK: Looks

  private mutating func sweep(_ inSession: UInt64, _ now: Int64, _ actions: inout [Action]) {
    guard isRunning else { return }
    guard authFailedSince == .max else { return waitForCredentials(now, &actions) }
    for shard in shards.indices {
      watch(shard, isInSession: inSession >> UInt64(shard) & 1 == 1, now, &actions)
      guard authFailedSince == .max else { return }
    }
    openWanted(now, &actions)
  }

  private mutating func waitForCredentials(_ now: Int64, _ actions: inout [Action]) {
    // A feed that nobody needs asks for nothing; that it was refused is not forgotten.
    guard planner.socketsWanted > 0 else {
      for shard in shards.indices { shut(shard, now, &actions) }
      return
    }
    // A login service that never answers.
    if shards[0].phase == .asking, now - shards[0].since >= Self.loginNanosMax { enter(0, .idle, now) }
    if now >= authRetryAt {
      authRetryAt = now + authBackoff.next()
      askForOthers(now, &actions)
    } else if now >= checkAt {
      checkAt = now + capability.timeouts.credentialsNanos
      actions.append(.checkCredentials)
    }
  }

  private mutating func askForOthers(_ now: Int64, _ actions: inout [Action]) {
    guard shards[0].phase == .idle else { return }
    ask(0, now, &actions)
    // Without room in this hour's budget it stays as it was.
    if shards[0].phase == .waiting { shards[0].phase = .idle }
  }

  private mutating func watch(_ shard: Int, isInSession: Bool, _ now: Int64, _ actions: inout [Action]) {
    let timeouts = capability.timeouts
    switch shards[shard].phase {
    case .idle: break
    case .waiting:
      guard now >= shards[shard].retryAt else { return }
      // What it was for may be over, or another feed of the account may have its place.
      if isSpare(shard) { shut(shard, now, &actions) } else { ask(shard, now, &actions) }
    case .asking: if now - shards[shard].since >= Self.loginNanosMax { retry(shard, .network, now, &actions) }
    case .connecting, .authenticating:
      if now - shards[shard].since >= timeouts.openNanos { retry(shard, .network, now, &actions) }
    case .subscribing, .up:
      if now - shards[shard].lastAlive >= timeouts.silenceNanos { return retry(shard, .stall, now, &actions) }
      if shards[shard].phase == .up, now - shards[shard].since >= timeouts.provenNanos {
        shards[shard].backoff.reset()
        authBackoff.reset()
      }
      if let since = planner.emptySince(shard), now - since >= timeouts.idleNanos, isSpare(shard) {
        return shut(shard, now, &actions)
      }
      judge(shard, isInSession, now, &actions)
    }
  }

  /// Gives the socket that carries least to another feed of the account; its instruments go to the others.
  public mutating func spareSocket(now: Int64) -> [Action] {
    var actions: [Action] = []
    let used = shards.indices.filter { shards[$0].phase != .idle }
    if canSpareSocket,
      let least = used.min(by: { planner.instruments(on: $0).count < planner.instruments(on: $1).count })
    {
      shut(least, now, &actions)
    }
    return actions
  }

  private func isSpare(_ shard: Int) -> Bool {
    shards.lazy.filter { $0.phase != .idle }.count > planner.socketsWanted
  }

  private mutating func judge(_ shard: Int, _ isInSession: Bool, _ now: Int64, _ actions: inout [Action]) {
    if shards[shard].staleSince != .max {
      guard now - shards[shard].staleSince >= capability.timeouts.staleGraceNanos else { return }
      shards[shard].mustSpeak = !shards[shard].hasCollapsed
      return retry(shard, .stall, now, &actions)
    }
    let subscribed = planner.instruments(on: shard).count
    if hasNothingToSay(shard, isInSession, now) { shards[shard].mustSpeak = false }
    switch shards[shard].monitor.judge(subscribed: subscribed, isInSession: isInSession, now: now) {
    case .fine: shards[shard].isQuiet = false
    case .quiet: shards[shard].isQuiet = true
    case let verdict:
      shards[shard].hasCollapsed = verdict == .collapsed
      shards[shard].staleSince = now
      shards[shard].reason = .stall
    }
  }

  /// Whether silence of the connection means nothing. One that has just opened is empty too, until it is told what to
  /// carry.
  private func hasNothingToSay(_ shard: Int, _ isInSession: Bool, _ now: Int64) -> Bool {
    guard planner.instruments(on: shard).isEmpty else { return !isInSession }
    return planner.emptySince(shard).map { now - $0 >= Self.emptyNanos } ?? false
  }

  private static func nanos(_ seconds: Int?) -> Int64 { Int64(min(max(seconds ?? 0, 0), 86_400)) * 1_000_000_000 }
}
