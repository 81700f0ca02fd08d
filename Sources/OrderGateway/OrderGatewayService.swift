import Glibc
import Hummingbird
import HummingbirdCore
import Logging
import Market
import NIOCore
import NIOPosix
import Sandbox
import ServiceLifecycle
import Synchronization
import TickRing

// The order gateway as one service: journal and engine threads begin before the REST server and end after it, so that
// every request that was let in is decided, written down and answered.

/// What the gateway shares with the rest of the process.
public struct OrderGatewaySurroundings: Sendable {
  public var registry: InstrumentRegistry
  public var ring: TickRing
  public var lastValues: LastValueTable
  public var board: FeedBoard
  public var wanted: any WantedSubscriptions
  public var calendar: SessionCalendar
  public var clock: any WallClock
  public var keys: any KeyVerifying
  /// Told of every order event, in order, after it is durable. Called on the journal thread; must not block.
  public var sinks: [any OrderUpdateSink]
  /// Label `orders`.
  public var log: Logger

  public init(
    registry: InstrumentRegistry, ring: TickRing, lastValues: LastValueTable, board: FeedBoard,
    wanted: any WantedSubscriptions, calendar: SessionCalendar, clock: any WallClock, keys: any KeyVerifying,
    sinks: [any OrderUpdateSink], log: Logger = Logger(label: "orders")
  ) {
    self.registry = registry
    self.ring = ring
    self.lastValues = lastValues
    self.board = board
    self.wanted = wanted
    self.calendar = calendar
    self.clock = clock
    self.keys = keys
    self.sinks = sinks
    self.log = log
  }
}

/// REST, the paper exchange and its journal.
public final class OrderGatewayService: Service {
  private let configuration: OrderGatewayConfiguration
  private let surroundings: OrderGatewaySurroundings
  private let journal: JournalService
  private let engine: EngineService
  private let onRunning: @Sendable (_ port: Int) async -> Void

  /// Opens the journal and rebuilds the accounts from it; nothing runs before `run`. Registers one sleeper on the ring.
  /// - Parameters:
  ///   - recordLog: written instead of the files in `journalDirectory`.
  ///   - onRunning: called with the port once requests are accepted.
  public init(
    configuration: OrderGatewayConfiguration, surroundings: OrderGatewaySurroundings,
    recordLog: (any RecordLog)? = nil, onRunning: @escaping @Sendable (_ port: Int) async -> Void = { _ in }
  ) throws(OrderGatewayError) {
    if let mistake = configuration.mistake { throw .configuration(mistake) }
    self.configuration = configuration
    self.surroundings = surroundings
    self.onRunning = onRunning
    let log: any RecordLog
    if let recordLog { log = recordLog } else { log = try Self.openLog(configuration, surroundings.log) }
    let ledger = log.takeLedger()
    journal = JournalService(log: log, sinks: surroundings.sinks, logger: surroundings.log)
    engine = EngineService(
      surroundings: EngineSurroundings(
        registry: surroundings.registry, ring: surroundings.ring, lastValues: surroundings.lastValues,
        board: surroundings.board, wanted: surroundings.wanted, calendar: surroundings.calendar,
        clock: surroundings.clock, logger: surroundings.log),
      rules: configuration.rules, ledger: ledger,
      limits: EngineLimits(
        quoteWaitNanos: configuration.quoteWaitNanos, quoteWaitsMax: configuration.quoteWaitsMax,
        commandsPendingMax: configuration.commandsPendingMax),
      journal: journal)
    surroundings.log.info("paper accounts recovered", metadata: ["accounts": "\(ledger.accounts.count)"])
  }

  /// Ticks that the paper exchange missed because it was overtaken on the ring, and how often that happened.
  public var missedTicks: (ticks: UInt64, laps: UInt64) {
    (engine.ticksLost.load(ordering: .relaxed), engine.laps.load(ordering: .relaxed))
  }

  /// A journal write failed: orders are refused until the process is started again.
  public var isJournalBroken: Bool { journal.isBroken }

  /// Serves until graceful shutdown. Throws `OrderGatewayError.bind` when the port is taken.
  public func run() async throws {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: configuration.ioThreads)
    async let journalEnded: Void = WorkerThread.run("tg-journal") { [journal] in journal.run() }
    async let engineEnded: Void = WorkerThread.run("tg-engine") { [engine] in engine.run() }
    let outcome: Result<Void, any Error>
    do {
      try await application(group).run()
      outcome = .success(())
    } catch {
      outcome = .failure(explained(error))
    }
    engine.stop()
    await engineEnded
    journal.stop()
    await journalEnded
    try await group.shutdownGracefully()
    try outcome.get()
  }

  private func application(_ group: MultiThreadedEventLoopGroup) -> Application<RestResponder> {
    let quotes = QuoteReader(
      lastValues: surroundings.lastValues, board: surroundings.board, wanted: surroundings.wanted,
      clock: surroundings.clock,
      limits: QuoteLimits(
        freshNanos: configuration.quoteFreshNanos, refreshNanos: configuration.quoteRefreshNanos,
        waitNanos: configuration.quoteWaitNanos, waitsMax: configuration.quoteWaitsMax))
    let responder = RestResponder(
      dependencies: RestDependencies(
        engine: engine, quotes: quotes, registry: surroundings.registry, brokerName: configuration.brokerName),
      keys: surroundings.keys,
      limits: RestLimits(
        ordersPerSecond: configuration.ordersPerSecond, requestsPerSecond: configuration.requestsPerSecond,
        bodyBytesMax: configuration.bodyBytesMax),
      logger: surroundings.log)
    return Application(
      responder: responder,
      server: .http1(configuration: .init(idleTimeout: .seconds(Int64(configuration.idleSecondsMax)))),
      configuration: ApplicationConfiguration(
        address: .hostname(configuration.host, port: configuration.port),
        availableConnectionsDelegate: MaximumAvailableConnections(configuration.connectionsMax)),
      onServerRunning: { [onRunning] channel in await onRunning(channel.localAddress?.port ?? 0) },
      eventLoopGroupProvider: .shared(group), logger: surroundings.log)
  }

  /// The only thing that ends the server by an error is that it cannot listen.
  private func explained(_ error: any Error) -> any Error {
    guard let error = error as? IOError else { return error }
    return OrderGatewayError.bind(
      host: configuration.host, port: configuration.port, reason: systemErrorText(error.errnoCode))
  }

  private static func openLog(
    _ configuration: OrderGatewayConfiguration, _ logger: Logger
  ) throws(OrderGatewayError) -> FileRecordLog {
    do throws(JournalError) {
      if mkdir(configuration.stateDirectory, 0o700) != 0, errno != EEXIST {
        throw .system(call: "mkdir", path: configuration.stateDirectory, errno: errno)
      }
      let log = try FileRecordLog(directory: configuration.journalDirectory, settings: configuration.journal)
      if log.droppedBytes > 0 {
        logger.notice(
          "dropped an interrupted last write of the order journal; it was never acknowledged",
          metadata: ["bytes": "\(log.droppedBytes)"])
      }
      return log
    } catch { throw .journal(error) }
  }
}
