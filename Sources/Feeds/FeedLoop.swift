// The thread of all feeds, and the sequencer: owns the links, the reference counts and the only writer of the ring.

import Logging
import Market
import Reactor
import TickRing

/// What other threads tell the feed loop.
enum FeedMessage: Sendable {
  case wants([Want])
  case access(feed: Int, shard: Int, attempt: UInt64, Result<FeedAccess, AccessFailure>)
  case resolved(feed: Int, shard: Int, attempt: UInt64, Result<SocketAddress, Resolver.Failure>)
  case credentialsChanged(credentials: String?, isForced: Bool)
  case stop
}

final class FeedLoop: LoopHandler {
  private struct Owner {
    let link: FeedLink
    let shard: Int
  }

  private let sockets: Sockets
  private let mailbox: Mailbox<FeedMessage>
  private let ingest: TickQueue?
  private let clock: any WallClock
  private let board: FeedBoard
  private let links: [FeedLink]
  private let deep: DeepSymbols
  private let lanes: DeepLanes
  private let upstream: UpstreamStates
  private let log: Logger
  /// Which links carry an instrument.
  private let routes: FeedRoutes
  private var book: WantBook
  private var sink: TickSink
  private var failover: Failover
  private var owners: [UInt32: Owner] = [:]
  /// Ids of books that somebody wants.
  private var wantedBooks: Set<UInt32> = []
  private let tick: UnsafeMutablePointer<Tick>
  private var isStopping = false

  /// Ticks of other processes taken per turn, so that a flood of them does not starve the sockets.
  private static let ingestPerTurn = 4096
  private static let stopNanos: Int64 = 1_000_000_000

  init(
    sockets: Sockets, mailbox: Mailbox<FeedMessage>, ingest: TickQueue?, surroundings: FeedSurroundings,
    routes: FeedRoutes, links: [FeedLink], sequencer: consuming TickSequencer, log: Logger
  ) {
    self.sockets = sockets
    self.mailbox = mailbox
    self.ingest = ingest
    self.log = log
    clock = surroundings.clock
    board = surroundings.board
    deep = surroundings.deep
    lanes = surroundings.lanes
    upstream = surroundings.upstream
    self.routes = routes
    self.links = links
    let configuration = surroundings.configuration
    book = WantBook(count: routes.count + deep.capacity)
    var gate = TickGate(
      sharing: configuration.sharing, instruments: routes.count, feeds: max(links.count, 1), isShared: routes.isShared)
    if routes.isShared {
      for instrument in 0..<UInt32(routes.count) where routes.backup(of: instrument) != FeedRoutes.none {
        gate.setOwner(of: instrument, routes.primary(of: instrument))
      }
    }
    sink = TickSink(sequencer: sequencer, gate: gate, lanes: lanes, board: board)
    failover = Failover(
      feeds: links.count, failNanos: configuration.failoverNanos, returnNanos: configuration.returnNanos)
    tick = .allocate(capacity: 1)
    tick.initialize(to: Tick())
  }

  deinit { tick.deallocate() }

  func start(now: Int64) {
    for link in links { on(link) { $0.onEvent(.start, now: now) } }
  }

  /// Runs an action of a link and keeps track of the sockets that it may have opened or left.
  private func on(_ link: FeedLink, _ action: (FeedLink) -> Void) {
    action(link)
    track(link)
  }

  private func track(_ link: FeedLink) {
    for shard in 0..<link.shardCount {
      guard let socket = link.socket(shard) else { continue }
      if let owner = owners[socket.index], owner.link === link, owner.shard == shard { continue }
      owners[socket.index] = Owner(link: link, shard: shard)
    }
  }

  private func owner(of socket: SocketID) -> Owner? {
    guard let owner = owners[socket.index], owner.link.socket(owner.shard) == socket else { return nil }
    return owner
  }

  // MARK: LoopHandler

  func onAccept(_ socket: SocketID, listener: Int, peer: SocketAddress) { sockets.close(socket) }

  func onConnect(_ socket: SocketID) {
    let now = SystemClock.monotonicNanos()
    guard let owner = owner(of: socket) else { return }
    on(owner.link) { $0.onConnect(owner.shard, now: now) }
  }

  func onReceive(_ socket: SocketID, _ bytes: UnsafeMutableRawBufferPointer) {
    guard let owner = owner(of: socket) else { return }
    owner.link.onReceive(owner.shard, bytes, now: SystemClock.monotonicNanos(), &sink)
  }

  func onClosed(_ socket: SocketID, reason: CloseReason) {
    guard let owner = owner(of: socket) else { return }
    owners[socket.index] = nil
    let now = SystemClock.monotonicNanos()
    on(owner.link) { $0.onClosed(owner.shard, reason, now: now) }
  }

  func onTurn(nowNanos: Int64) {
    for message in mailbox.takeAll() { handle(message, now: nowNanos) }
    takeIngest()
    sink.sequencer.flush()
    for link in links { link.flush(now: nowNanos) }
  }

  func onSweep(nowNanos: Int64) {
    guard !isStopping else { return }
    for link in links {
      shareSockets(now: nowNanos)
      on(link) { $0.onSweep(now: nowNanos) }
    }
    if routes.isShared {
      lookAtFailover(now: nowNanos)
      for feed in links.indices { board.setRace(feed, sink.gate.races[feed]) }
    }
  }

  func hasWork() -> Bool { !mailbox.isEmpty || !(ingest?.isEmpty ?? true) }

  func deadlineNanos() -> Int64 {
    var due = Int64.max
    for link in links { due = min(due, link.dueAt) }
    return due
  }

  // MARK: Messages

  private func handle(_ message: FeedMessage, now: Int64) {
    switch message {
    case .wants(let wants): apply(wants, now: now)
    case .access(let feed, let shard, let attempt, let result):
      on(links[feed]) { $0.onAccess(shard, attempt, result, now: now) }
    case .resolved(let feed, let shard, let attempt, let result):
      on(links[feed]) { $0.onResolved(shard, attempt, result, now: now) }
    case .credentialsChanged(let credentials, let isForced):
      for link in links where credentials == nil || link.definition.credentials == credentials {
        on(link) { $0.onEvent(.credentialsChanged(isForced: isForced), now: now) }
      }
    case .stop:
      isStopping = true
      for link in links { on(link) { $0.onEvent(.stop, now: now) } }
      sockets.stop(deadlineNanos: now + Self.stopNanos)
    }
  }

  private func apply(_ wants: [Want], now: Int64) {
    for want in wants where book.apply(want) { route(want.instrument, now: now) }
  }

  /// Tells the feeds that speak for an instrument what is wanted of it.
  private func route(_ instrument: UInt32, now: Int64) {
    if let symbol = deep[instrument] { return route(instrument, symbol, now: now) }
    guard Int(instrument) < routes.count else { return }
    let mode = book.mode(of: instrument)
    let (primary, backup) = (routes.primary(of: instrument), routes.backup(of: instrument))
    guard primary != FeedRoutes.none else { return }
    links[Int(primary)].want(instrument, mode, now: now)
    guard backup != FeedRoutes.none else { return }
    let isBackupNeeded = sink.gate.sharing == .arbitrate || sink.gate.owner(of: instrument) == backup
    links[Int(backup)].want(instrument, isBackupNeeded ? mode : nil, now: now)
  }

  /// Tells the lane that has a book; the prices that go with it come by the market data of the instrument.
  private func route(_ id: UInt32, _ symbol: DeepSymbol, now: Int64) {
    guard let lane = routes.lane(of: symbol.base, levels: symbol.levels) else { return upstream.set(id, .rejected) }
    let isWanted = book.mode(of: id) != nil
    guard isWanted != wantedBooks.contains(id) else { return }
    if isWanted {
      wantedBooks.insert(id)
      // Prices from a time when nobody had them kept up to date are none.
      let isKept = book.mode(of: symbol.base) != nil && upstream[symbol.base] == .active
      lanes.set(
        feed: lane.feed, instrument: symbol.base, DeepLanes.Row(id: id, pricesSince: isKept ? 0 : clock.nowNanos()))
    } else {
      // The row stays: while the subscription lingers, the book is kept up to date for whoever comes back.
      wantedBooks.remove(id)
    }
    links[Int(lane.feed)].want(symbol.base, isWanted ? .depth : nil, now: now)
    apply([Want(symbol.base, .quote, delta: isWanted ? 1 : -1)], now: now)
  }

  /// Feeds of one account that share its sockets: what one has open the other cannot open.
  private func shareSockets(now: Int64) {
    for lane in routes.lanes {
      guard let total = lane.socketsShared else { continue }
      let (books, market) = (links[Int(lane.feed)], links[Int(lane.parent)])
      books.allow(sockets: total - market.socketsInUse)
      if books.isStarved { on(market) { $0.spareSocket(now: now) } }
      market.allow(sockets: total - books.socketsInUse)
    }
  }

  // MARK: Fail-over

  private func lookAtFailover(now: Int64) {
    for feed in links.indices where links[feed].definition.lane == nil {
      guard let change = failover.look(feed, isUsable: links[feed].isUsable, now: now) else { continue }
      let name = links[feed].definition.name
      switch change {
      case .failed: log.warning("feed \(name) is down: others speak for its instruments where they can")
      case .returned: log.notice("feed \(name) is back and speaks for its instruments again")
      }
      for instrument in routes.shared {
        let primary = routes.primary(of: instrument)
        guard Int(primary) == feed || Int(routes.backup(of: instrument)) == feed else { continue }
        setOwner(instrument, now: now)
      }
    }
  }

  private func setOwner(_ instrument: UInt32, now: Int64) {
    let (primary, backup) = (routes.primary(of: instrument), routes.backup(of: instrument))
    let owner = failover.isOut(Int(primary)) && !failover.isOut(Int(backup)) ? backup : primary
    guard sink.gate.sharing == .failover, sink.gate.owner(of: instrument) != owner else { return }
    sink.gate.setOwner(of: instrument, owner)
    if book.mode(of: instrument) != nil { route(instrument, now: now) }
  }

  private func takeIngest() {
    guard let ingest, !ingest.isEmpty else { return }
    let now = clock.nowNanos()
    var count = 0
    while count < Self.ingestPerTurn, ingest.pop(into: tick) {
      sink.sequencer.submit(tick, publishedNanos: now)
      count += 1
    }
  }
}
