// The ZeroMQ bus (`docs/zmq.md`): market data and order updates to co-located strategies, and messages of other
// processes in. This is the handle that the composition holds; the work is done by `BusLoop` on a thread of its own.
// Any thread may call anything here.

import Logging
import Market
import Reactor
import Synchronization
import TickRing

public final class BusService: Sendable {
  private let surroundings: BusSurroundings
  private let shared = BusShared()
  private let state = Mutex(State())

  private struct State {
    var thread: LoopThread?
    var endpoints: [String] = []
  }

  /// - Parameters:
  ///   - wanted: told what bus subscribers want of upstream.
  ///   - board: names the feeds; its row `ingest.feed` stands for the bus and is written by the bus alone.
  ///   - ingest: where messages of other processes go; used when the configuration has an ingest endpoint.
  public init(
    configuration: BusConfiguration, registry: InstrumentRegistry, ring: TickRing, lastValues: LastValueTable,
    wanted: any WantedSubscriptions, board: FeedBoard, ingest: BusIngestTargets? = nil,
    clock: any WallClock = SystemClock(), log: Logger
  ) {
    precondition(lastValues.count == registry.streamCount, "one last value per instrument")
    if let ingest { precondition(Int(ingest.feed) < board.names.count, "the bus needs a row of the feed board") }
    surroundings = BusSurroundings(
      configuration: configuration, registry: registry, ring: ring, lastValues: lastValues, wanted: wanted,
      board: board, ingest: ingest, clock: clock, log: log)
  }

  /// Binds every endpoint and starts the thread. Throws `BusError`, with nothing left bound; may be tried again then.
  public func start() throws {
    try state.withLock { state in
      precondition(state.thread == nil, "the bus runs already")
      shared.isStopping.store(false, ordering: .releasing)
      let gate = StartGate<[String]>()
      let thread = LoopThread(name: "bus", cpu: surroundings.configuration.cpu) { [surroundings, shared] in
        do {
          var loop = try BusLoop(surroundings, shared)
          gate.open(.success(loop.endpoints))
          loop.run()
        } catch {
          gate.open(.failure(error))
        }
      }
      do {
        state.endpoints = try gate.wait()
        state.thread = thread
      } catch {
        thread.join()
        throw error
      }
    }
    surroundings.log.info("bus started", metadata: ["endpoints": "\(endpoints.joined(separator: " "))"])
  }

  /// Ends the thread and closes the sockets; upstream wants are given back. Waits at most for the linger time.
  public func stop() {
    let thread = state.withLock { state in
      defer { state.thread = nil }
      return state.thread
    }
    guard let thread else { return }
    shared.isStopping.store(true, ordering: .releasing)
    shared.controlWaker.signal()
    thread.join()
    surroundings.log.info("bus stopped")
  }

  /// Endpoints as bound, with the ports that were chosen; the ingest endpoint last.
  public var endpoints: [String] { state.withLock { $0.endpoints } }

  public func statistics() -> BusStatistics { shared.counters.snapshot }
}

extension BusService: OrderUpdateSink {
  /// Queues an order update for the bus; in order, never waits.
  public func publish(_ update: OrderUpdate) {
    guard !shared.isStopping.load(ordering: .relaxed) else { return }
    shared.orders.send(update)
  }
}
