import Logging
import Market
import Normalize
import Reactor
import TickRing

/// The feeds of the process on a thread of their own. Safe to use from any thread.
public final class FeedService: WantedSubscriptions, CacheInvalidationSink {
  private let definitions: [FeedDefinition]
  private let configuration: FeedConfiguration
  private let registry: InstrumentRegistry
  private let ring: TickRing
  private let lastValues: LastValueTable
  private let board: FeedBoard
  private let credentials: any CredentialProvider
  private let calendar: SessionCalendar
  private let clock: any WallClock
  private let log: Logger
  private let mailbox: Mailbox<FeedMessage>
  private let thread = OneThread()

  /// Ticks of other processes, when `ingest` is used: push, then `waker.wake()`.
  public let waker = Waker()
  public let ingest: TickQueue?
  /// What has become of each instrument upstream.
  public let upstream: UpstreamStates

  private static let receiveBuffers = 64
  private static let receiveBufferBytes = 65_536
  /// Feed loops have few sockets.
  private static let socketsMax = 256

  /// - Parameters:
  ///   - definitions: in the order of the board's names; where several carry an instrument, the first is its primary.
  ///   - ingest: queue of ticks from elsewhere, nil for none.
  public init(
    definitions: [FeedDefinition], configuration: FeedConfiguration = FeedConfiguration(),
    registry: InstrumentRegistry, ring: TickRing, lastValues: LastValueTable, board: FeedBoard,
    credentials: any CredentialProvider, calendar: SessionCalendar, clock: any WallClock = SystemClock(),
    ingest: TickQueue? = nil, log: Logger
  ) {
    precondition(definitions.count < Int(FeedRoutes.none))
    self.definitions = definitions
    self.configuration = configuration
    self.registry = registry
    self.ring = ring
    self.lastValues = lastValues
    self.board = board
    self.credentials = credentials
    self.calendar = calendar
    self.clock = clock
    self.ingest = ingest
    self.log = log
    upstream = UpstreamStates(count: registry.streamCount)
    mailbox = Mailbox(waker: waker)
  }

  /// Starts the thread; the feeds connect from then on.
  public func start() throws {
    let gate = StartGate<Void>()
    thread.start(name: "feeds", cpu: configuration.cpu) { [self] in
      do {
        var limits = LoopLimits()
        limits.socketsMax = Self.socketsMax
        limits.receiveBuffers = Self.receiveBuffers
        limits.receiveBufferBytes = Self.receiveBufferBytes
        let sockets = Sockets(limits: limits)
        let handler = makeLoop(sockets)
        try LoopRunner.run(configuration.backend, handler: handler, sockets: sockets, waker: waker, log: log) {
          gate.open(.success(()))
          handler.start(now: SystemClock.monotonicNanos())
        }
      } catch {
        gate.open(.failure(error))
      }
    }
    try gate.wait()
  }

  /// Closes the connections and ends the thread.
  public func stop() {
    mailbox.send(.stop)
    thread.join()
  }

  public func apply(_ wants: [Want]) {
    if !wants.isEmpty { mailbox.send(.wants(wants)) }
  }

  /// Another process says that the broker session has changed: every feed logs in anew; subscriptions come back by
  /// themselves.
  public func invalidate(userID: String, scope: CacheScope) {
    mailbox.send(.credentialsChanged(credentials: nil, isForced: true))
  }

  /// The provider has other credentials for a broker: a feed that waits for them goes on at once.
  public func credentialsChanged(_ name: String) {
    mailbox.send(.credentialsChanged(credentials: name, isForced: false))
  }

  private func makeLoop(_ sockets: Sockets) -> FeedLoop {
    let mailbox = self.mailbox
    let routes = FeedRoutes(definitions, instrumentCount: registry.count)
    let surroundings = FeedSurroundings(
      configuration: configuration, board: board, credentials: credentials, calendar: calendar, clock: clock,
      exchanges: registry.instruments.map(\.exchange), lastValues: lastValues, upstream: upstream,
      deep: registry.deep, lanes: DeepLanes(routes, feeds: definitions.count)
    ) { mailbox.send($0) }
    let links = definitions.enumerated().map {
      FeedLink(number: $0.offset, definition: $0.element, sockets: sockets, surroundings: surroundings, log: log)
    }
    return FeedLoop(
      sockets: sockets, mailbox: mailbox, ingest: ingest, surroundings: surroundings,
      routes: routes, links: links,
      sequencer: TickSequencer(ring: ring, lastValues: lastValues), log: log)
  }
}
