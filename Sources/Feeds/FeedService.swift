import Logging
import Market
import Normalize
import Reactor
import TickRing

/// The feeds of the process on a thread of their own. Safe to use from any thread.
public final class FeedService: WantedSubscriptions, CacheInvalidationSink {
  private let definitions: [FeedDefinition]
  private let configuration: FeedConfiguration
  private let instrumentCount: Int
  private let ring: TickRing
  private let lastValues: LastValueTable
  private let board: FeedBoard
  private let credentials: any CredentialProvider
  private let clock: any WallClock
  private let log: Logger
  private let mailbox: Mailbox<FeedMessage>
  private let thread = OneThread()

  /// Ticks of other processes, when `ingest` is used: push, then `waker.wake()`.
  public let waker = Waker()
  public let ingest: TickQueue?

  private static let receiveBuffers = 64
  private static let receiveBufferBytes = 65_536
  /// Feed loops have few sockets.
  private static let socketsMax = 256

  /// - Parameters:
  ///   - definitions: in the order of the board's names; where several carry an instrument, the first does.
  ///   - ingest: queue of ticks from elsewhere, nil for none.
  public init(
    definitions: [FeedDefinition], configuration: FeedConfiguration = FeedConfiguration(), instrumentCount: Int,
    ring: TickRing, lastValues: LastValueTable, board: FeedBoard, credentials: any CredentialProvider,
    clock: any WallClock = SystemClock(), ingest: TickQueue? = nil, log: Logger
  ) {
    precondition(definitions.count < Int(FeedLoop.noRoute))
    self.definitions = definitions
    self.configuration = configuration
    self.instrumentCount = instrumentCount
    self.ring = ring
    self.lastValues = lastValues
    self.board = board
    self.credentials = credentials
    self.clock = clock
    self.ingest = ingest
    self.log = log
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
  public func invalidate(userID: String, scope: CacheScope) { mailbox.send(.credentialsChanged) }

  private func makeLoop(_ sockets: Sockets) -> FeedLoop {
    var routes = [UInt8](repeating: FeedLoop.noRoute, count: instrumentCount)
    for (number, definition) in definitions.enumerated() {
      for entry in definition.tokens where routes[Int(entry.instrument)] == FeedLoop.noRoute {
        routes[Int(entry.instrument)] = UInt8(number)
      }
    }
    return FeedLoop(
      sockets: sockets, mailbox: mailbox, ingest: ingest, clock: clock, routes: routes,
      sequencer: TickSequencer(ring: ring, lastValues: lastValues)
    ) { _ in definitions.enumerated().map { makeLink($0.offset, $0.element, sockets) } }
  }

  private func makeLink(_ number: Int, _ definition: FeedDefinition, _ sockets: Sockets) -> FeedLink {
    var tokens = [UInt32](repeating: 0, count: instrumentCount)
    for entry in definition.tokens { tokens[Int(entry.instrument)] = UInt32(entry.token) }
    let mailbox = self.mailbox
    return FeedLink(
      number: number, name: definition.name, tokens: tokens,
      session: definition.makeSession(UInt8(number), TokenMap(definition.tokens)), timeouts: definition.timeouts,
      sockets: sockets, board: board, credentials: credentials, configuration: configuration, clock: clock, log: log
    ) { host, port, attempt in
      Resolver.resolve(host: host, port: port) { mailbox.send(.resolved(feed: number, attempt: attempt, $0)) }
    }
  }
}
