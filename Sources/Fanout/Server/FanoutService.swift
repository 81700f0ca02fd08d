// The WebSocket server as the rest of the program sees it: start, stop, statistics, and the two things that other
// threads tell it. Any thread; everything else happens on the loop's own thread.

import Glibc
import Logging
import Market
import Reactor
import Synchronization
import TickRing

/// Serves the 8765 protocol (`docs/websocket.md`): one thread, one ring, all clients.
public final class FanoutService: Sendable, OrderUpdateSink, KeyRevocationListener {
  private let configuration: FanoutConfiguration
  private let registry: InstrumentRegistry
  private let ring: TickRing
  private let lastValues: LastValueTable
  private let wanted: any WantedSubscriptions
  private let keys: any KeyVerifying
  private let board: FeedBoard
  private let clock: any WallClock
  private let epochMillis: Int64
  private let log: Logger
  private let waker = Waker()
  private let mailbox: Mailbox<FanoutCommand>
  private let counters = FanoutCounters()
  private let thread = Mutex<LoopThread?>(nil)

  /// - Parameters:
  ///   - lastValues: has a row for every instrument of the registry.
  ///   - wanted: told what clients want, from the loop's thread.
  ///   - board: the first feed's name is what replies call the broker.
  ///   - epochNanos: start of the sequences, since the Unix epoch; nil for the time of this call.
  public init(
    configuration: FanoutConfiguration, registry: InstrumentRegistry, ring: TickRing, lastValues: LastValueTable,
    wanted: any WantedSubscriptions, keys: any KeyVerifying, board: FeedBoard, log: Logger,
    clock: any WallClock = SystemClock(), epochNanos: Int64? = nil
  ) {
    precondition(lastValues.count >= registry.count, "the last-value table is smaller than the registry")
    self.configuration = configuration
    self.registry = registry
    self.ring = ring
    self.lastValues = lastValues
    self.wanted = wanted
    self.keys = keys
    self.board = board
    self.clock = clock
    self.log = log
    epochMillis = (epochNanos ?? clock.nowNanos()) / 1_000_000
    mailbox = Mailbox(waker: waker)
  }

  /// Binds the port and starts the thread. Once only.
  /// - Returns: the port that was bound.
  /// - Throws: `FanoutError` for settings that cannot be used, `LoopError` for a taken port or a kernel that refuses.
  public func start() throws -> UInt16 {
    if let problem = configuration.problem { throw FanoutError.configuration(problem) }
    let limits = configuration.loopLimits
    try ProcessLimits.raiseDescriptors(to: UInt64(limits.socketsMax + Self.otherDescriptors))
    return try thread.withLock { thread in
      guard thread == nil else { throw FanoutError.alreadyStarted }
      let listener = try Listener(host: configuration.host, port: configuration.port)
      let gate = StartGate<UInt16>()
      let started = LoopThread(name: "fanout", cpu: configuration.cpu) { [self] in run(listener, limits, gate) }
      do {
        let port = try gate.wait()
        thread = started
        return port
      } catch {
        started.join()
        close(listener.descriptor)
        throw error
      }
    }
  }

  /// Descriptors of the process besides this server's sockets, generously.
  private static let otherDescriptors = 1024

  /// Closes every client with 1001, waits until they are gone or the time is over, ends the thread.
  public func stop() {
    guard let running = thread.withLock({ $0 }) else { return }
    mailbox.send(.stop)
    running.join()
  }

  /// Sends an order event to every connection of its user that subscribed to order events.
  public func publish(_ update: OrderUpdate) { mailbox.send(.order(update)) }

  /// Closes the connections that were authenticated with the key.
  public func keyRevoked(keyID: Int64) { mailbox.send(.revoke(keyID: keyID)) }

  public func statistics() -> FanoutStatistics { counters.load() }

  // MARK: Loop thread

  private func run(_ listener: Listener, _ limits: LoopLimits, _ gate: StartGate<UInt16>) {
    do {
      let backend = try UringBackend(limits: limits)
      let sockets = Sockets(limits: limits)
      let loop = EventLoop(
        handler: makeHandler(sockets), sockets: sockets, backend: backend, waker: waker, log: log)
      loop.add(listener)
      ring.register(waker)
      gate.open(.success(listener.port))
      loop.run()
    } catch {
      gate.open(.failure(error))
    }
  }

  private func makeHandler(_ sockets: Sockets) -> FanoutLoop {
    let index = SubscriptionIndex(
      instrumentCount: registry.count, clientsMax: sockets.limits.socketsMax, lastValues: lastValues)
    let context = SessionContext(
      rules: .init(configuration, feedNames: board.names, epochMillis: epochMillis), registry: registry, keys: keys,
      board: board, subscriptions: index)
    let ticks = TickFanout(
      sockets: sockets, index: index, registry: registry, ring: ring, lastValues: lastValues,
      feedNames: board.names, epochMillis: epochMillis, ticksPerTurnMax: configuration.ticksPerTurnMax)
    return FanoutLoop(
      configuration: configuration, sockets: sockets, context: context, ticks: ticks, mailbox: mailbox,
      wanted: wanted, counters: counters, clock: clock, log: log)
  }
}
