// The WebSocket server as the rest of the program sees it: start, stop, statistics, and the two things that other
// threads tell it. Any thread; everything else happens on the loop's own thread.

import Glibc
import Logging
import Market
import Reactor
import Synchronization
import TickRing
import WebSocket

/// Serves the 8765 protocol (`docs/websocket.md`): one or more loops, each a thread with its own clients. The first
/// one accepts and hands each connection to the loop with the fewest.
public final class FanoutService: Sendable, OrderUpdateSink, KeyRevocationListener {
  private let shared: FanoutShared
  private let registry: InstrumentRegistry
  private let ring: TickRing
  private let lastValues: LastValueTable
  private let keys: any KeyVerifying
  private let board: FeedBoard
  private let upstream: UpstreamStates
  private let epochMillis: Int64
  private let wakers: [Waker]
  private let counters: [FanoutCounters]
  private struct Running {
    var threads: [LoopThread] = []
    var isStopping = false
  }

  private let running = Mutex(Running())

  private var configuration: FanoutConfiguration { shared.configuration }

  /// - Parameters:
  ///   - lastValues: has a row for every instrument of the registry.
  ///   - wanted: told what clients want, from the loops' threads.
  ///   - board: the first feed's name is what replies call the broker.
  ///   - upstream: what has become of each instrument at its broker; without it everything counts as pending.
  ///   - epochNanos: start of the sequences, since the Unix epoch; nil for the time of this call.
  public init(
    configuration: FanoutConfiguration, registry: InstrumentRegistry, ring: TickRing, lastValues: LastValueTable,
    wanted: any WantedSubscriptions, keys: any KeyVerifying, board: FeedBoard,
    upstream: UpstreamStates = UpstreamStates(count: 0), log: Logger, clock: any WallClock = SystemClock(),
    epochNanos: Int64? = nil
  ) {
    precondition(lastValues.count >= registry.streamCount, "the last-value table is smaller than the registry")
    let loops = min(max(configuration.loops, 1), FanoutConfiguration.loopsMax)
    wakers = (0..<loops).map { _ in Waker() }
    counters = (0..<loops).map { _ in FanoutCounters() }
    shared = FanoutShared(
      configuration: configuration,
      admission: Admission(
        loops: loops, clientsMax: configuration.clientsMax, perHostMax: configuration.connectionsPerAddressMax),
      paced: PacedSubscriptions(), mailboxes: wakers.map { Mailbox(waker: $0) }, wanted: wanted, clock: clock,
      log: log)
    self.registry = registry
    self.ring = ring
    self.lastValues = lastValues
    self.keys = keys
    self.board = board
    self.upstream = upstream
    epochMillis = (epochNanos ?? clock.nowNanos()) / 1_000_000
  }

  /// Binds the port and starts the threads. Once only.
  /// - Returns: the port that was bound.
  /// - Throws: `FanoutError` for settings that cannot be used, `LoopError` for a taken port or a kernel that refuses.
  public func start() throws -> UInt16 {
    if let problem = configuration.problem { throw FanoutError.configuration(problem) }
    let limits = configuration.loopLimits
    try ProcessLimits.raiseDescriptors(
      to: UInt64(configuration.clientsMax + FanoutConfiguration.spareSockets + Self.otherDescriptors))
    return try running.withLock { running in
      guard running.threads.isEmpty else { throw FanoutError.alreadyStarted }
      let listener = try Listener(host: configuration.host, port: configuration.port)
      let gates = wakers.map { _ in StartGate<Void>() }
      let started = gates.indices.map { number in
        let cpus = configuration.cpus
        return LoopThread(
          name: gates.count == 1 ? "fanout" : "fanout-\(number)", cpu: cpus.isEmpty ? nil : cpus[number % cpus.count]
        ) { [self] in run(number, number == 0 ? listener : nil, limits, gates[number]) }
      }
      let failure = gates.compactMap { gate in
        do {
          try gate.wait()
          return nil as (any Error)?
        } catch { return error }
      }.first
      guard let failure else {
        running.threads = started
        return listener.port
      }
      for mailbox in shared.mailboxes { mailbox.send(.stop) }
      for thread in started { thread.join() }
      close(listener.descriptor)
      throw failure
    }
  }

  /// Descriptors of the process besides this server's sockets, generously.
  private static let otherDescriptors = 1024

  /// Closes every client with 1001, waits until they are gone or the time is over, ends the threads.
  public func stop() {
    let threads = running.withLock { running in
      running.isStopping = true
      return running.threads
    }
    for mailbox in shared.mailboxes { mailbox.send(.stop) }
    for thread in threads { thread.join() }
    // What was handed to a loop that had ended already.
    for command in shared.mailboxes.flatMap({ $0.takeAll() }) {
      switch command {
      case .adopt(let descriptor): close(descriptor)
      case .report(let gate): gate.open(.success([]))
      case .order, .revoke, .stop: break
      }
    }
  }

  /// Sends an order event to every connection of its user that subscribed to order events.
  public func publish(_ update: OrderUpdate) {
    for mailbox in shared.mailboxes { mailbox.send(.order(update)) }
  }

  /// Closes the connections that were authenticated with the key.
  public func keyRevoked(keyID: Int64) {
    for mailbox in shared.mailboxes { mailbox.send(.revoke(keyID: keyID)) }
  }

  /// Of all loops together.
  public func statistics() -> FanoutStatistics { counters.reduce(FanoutStatistics()) { $0 + $1.load() } }

  /// Every connection as it is now; none before the start and after the stop. Blocks until the loops have answered, a
  /// turn each: not for a loop's thread.
  public func clients() throws -> [ClientReport] {
    // Under the lock, so that whoever stops the loops answers what they no longer do.
    let gates = running.withLock { running -> [StartGate<[ClientReport]>] in
      guard !running.threads.isEmpty, !running.isStopping else { return [] }
      return shared.mailboxes.map { mailbox in
        let gate = StartGate<[ClientReport]>()
        mailbox.send(.report(gate))
        return gate
      }
    }
    return try gates.flatMap { try $0.wait() }
  }

  // MARK: Loop threads

  private func run(_ number: Int, _ listener: Listener?, _ limits: LoopLimits, _ gate: StartGate<Void>) {
    do {
      let sockets = Sockets(limits: limits)
      try LoopRunner.run(
        configuration.backend, handler: makeHandler(number, sockets), sockets: sockets,
        listeners: listener.map { [$0] } ?? [], tls: configuration.tls, waker: wakers[number], log: shared.log
      ) {
        ring.register(wakers[number])
        gate.open(.success(()))
      }
    } catch {
      gate.open(.failure(error))
    }
  }

  private func makeHandler(_ number: Int, _ sockets: Sockets) -> FanoutLoop {
    let index = SubscriptionIndex(
      instrumentCount: registry.streamCount, clientsMax: sockets.limits.socketsMax, lastValues: lastValues)
    let context = SessionContext(
      rules: .init(configuration, feedNames: board.names, epochMillis: epochMillis), registry: registry, keys: keys,
      board: board, upstream: upstream, subscriptions: index)
    let deflater = configuration.makeDeflater()
    let ticks = TickFanout(
      .init(
        sockets: sockets, index: index, registry: registry, ring: ring, lastValues: lastValues,
        feedNames: board.names, epochMillis: epochMillis, deflater: deflater),
      configuration: configuration)
    return FanoutLoop(
      number: number, shared: shared, sockets: sockets, context: context, ticks: ticks, counters: counters[number],
      deflateWindowBits: deflater?.windowBits)
  }
}
