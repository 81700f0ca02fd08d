// The thread of all feeds, and the sequencer: owns the links, the reference counts and the only writer of the ring.

import Logging
import Market
import Reactor
import TickRing

/// What other threads tell the feed loop.
enum FeedMessage: Sendable {
  case wants([Want])
  case resolved(feed: Int, attempt: UInt64, Result<SocketAddress, Resolver.Failure>)
  case credentialsChanged
  case stop
}

final class FeedLoop: LoopHandler {
  private let sockets: Sockets
  private let mailbox: Mailbox<FeedMessage>
  private let ingest: TickQueue?
  private let clock: any WallClock
  private var links: [FeedLink] = []
  /// Which link carries an instrument; `noRoute` for none.
  private let routes: [UInt8]
  private var book: WantBook
  private var sequencer: TickSequencer
  private var owners: [UInt32: FeedLink] = [:]
  private let tick: UnsafeMutablePointer<Tick>
  private var isStopping = false

  static let noRoute = UInt8.max
  /// Ticks of other processes taken per turn, so that a flood of them does not starve the sockets.
  private static let ingestPerTurn = 4096
  private static let stopNanos: Int64 = 1_000_000_000

  init(
    sockets: Sockets, mailbox: Mailbox<FeedMessage>, ingest: TickQueue?, clock: any WallClock, routes: [UInt8],
    sequencer: consuming TickSequencer, makeLinks: (FeedLoop) -> [FeedLink]
  ) {
    self.sockets = sockets
    self.mailbox = mailbox
    self.ingest = ingest
    self.clock = clock
    self.routes = routes
    book = WantBook(count: routes.count)
    self.sequencer = sequencer
    tick = .allocate(capacity: 1)
    tick.initialize(to: Tick())
    links = makeLinks(self)
  }

  deinit { tick.deallocate() }

  func start(now: Int64) {
    for link in links { on(link, now: now) { $0.on(.start, now: now) } }
  }

  /// Runs an action of a link and keeps track of the socket that it may have opened or left.
  private func on(_ link: FeedLink, now: Int64, _ action: (FeedLink) -> Void) {
    let before = link.socket
    action(link)
    guard link.socket != before else { return }
    if let before { owners[before.index] = nil }
    if let socket = link.socket { owners[socket.index] = link }
  }

  private func owner(of socket: SocketID) -> FeedLink? {
    guard let link = owners[socket.index], link.socket == socket else { return nil }
    return link
  }

  // MARK: LoopHandler

  func onAccept(_ socket: SocketID, listener: Int, peer: SocketAddress) { sockets.close(socket) }

  func onConnect(_ socket: SocketID) {
    let now = SystemClock.monotonicNanos()
    guard let link = owner(of: socket) else { return }
    on(link, now: now) { $0.onConnect(now: now) }
  }

  func onReceive(_ socket: SocketID, _ bytes: UnsafeMutableRawBufferPointer) {
    guard let link = owner(of: socket) else { return }
    link.onReceive(bytes, now: SystemClock.monotonicNanos(), &sequencer)
    if link.socket != socket { owners[socket.index] = nil }
  }

  func onClosed(_ socket: SocketID, reason: CloseReason) {
    guard let link = owner(of: socket) else { return }
    owners[socket.index] = nil
    let now = SystemClock.monotonicNanos()
    on(link, now: now) { $0.onClosed(reason, now: now) }
  }

  func onTurn(nowNanos: Int64) {
    for message in mailbox.takeAll() { handle(message, now: nowNanos) }
    takeIngest()
    sequencer.flush()
    for link in links { link.flush(now: nowNanos) }
  }

  func onSweep(nowNanos: Int64) {
    guard !isStopping else { return }
    for link in links { on(link, now: nowNanos) { $0.onSweep(now: nowNanos) } }
  }

  func hasWork() -> Bool { !mailbox.isEmpty || !(ingest?.isEmpty ?? true) }

  func deadlineNanos() -> Int64 { .max }

  // MARK: Messages

  private func handle(_ message: FeedMessage, now: Int64) {
    switch message {
    case .wants(let wants): apply(wants, now: now)
    case .resolved(let feed, let attempt, let result):
      on(links[feed], now: now) { $0.onResolved(result, attempt: attempt, now: now) }
    case .credentialsChanged:
      for link in links { on(link, now: now) { $0.on(.credentialsChanged, now: now) } }
    case .stop:
      isStopping = true
      for link in links { on(link, now: now) { $0.on(.stop, now: now) } }
      sockets.stop(deadlineNanos: now + Self.stopNanos)
    }
  }

  private func apply(_ wants: [Want], now: Int64) {
    for want in wants where book.apply(want) {
      let route = routes[Int(want.instrument)]
      if route != Self.noRoute { links[Int(route)].want(want.instrument, book.mode(of: want.instrument), now: now) }
    }
  }

  private func takeIngest() {
    guard let ingest, !ingest.isEmpty else { return }
    let now = clock.nowNanos()
    var count = 0
    while count < Self.ingestPerTurn, ingest.pop(into: tick) {
      sequencer.submit(tick, publishedNanos: now)
      count += 1
    }
  }
}
