// A synthetic exchange on a real port: it speaks one broker's feed protocol, so that a gateway can be tried, tested and
// measured without a broker. One thread and one event loop of its own; the methods here may be called from any thread.

import Glibc
import Logging
import Market
import Reactor
import Synchronization
import TickRing

/// A running simulated exchange. Stops with `stop()`; until then its thread keeps it alive.
public final class SimulatedExchange: Sendable {
  /// The port that was bound.
  public let port: UInt16
  public let universe: Universe
  public let broker: SimulatedBroker
  /// Where the feed is: `ws://`, `wss://`, or, where an address has to be asked for first, `http://` or `https://`.
  public let url: String
  private let isStopped = Atomic<Bool>(false)
  private let mailbox: Mailbox<ExchangeLoop.Command>
  private let counters: ExchangeCounters
  private let thread: LoopThread

  /// Binds the port and starts to serve.
  ///
  /// - Parameters:
  ///   - clock: gives packets their times and the universe its expiries.
  ///   - log: gets refused connections; never credentials.
  /// - Throws: `ExchangeError` for bad settings, `LoopError` when the port or the backend cannot be had.
  public static func start(
    _ configuration: ExchangeConfiguration, clock: any WallClock = SystemClock(),
    log: Logger = Logger(label: "simulator")
  ) throws -> SimulatedExchange {
    if let problem = configuration.problem { throw ExchangeError.badConfiguration(problem) }
    return try SimulatedExchange(configuration, clock: clock, log: log)
  }

  private init(_ configuration: ExchangeConfiguration, clock: any WallClock, log: Logger) throws {
    let universe = Universe(
      count: configuration.instrumentCount, seed: configuration.seed,
      todayDay: ISTTime(epochNanos: clock.nowNanos()).day)
    let waker = Waker()
    let mailbox = Mailbox<ExchangeLoop.Command>(waker: waker)
    let counters = ExchangeCounters()
    let listener = try Listener(host: configuration.host, port: configuration.port)
    let gate = StartGate<Bool>()
    thread = LoopThread(name: "exchange", cpu: configuration.cpu) {
      let limits = Self.limits(configuration)
      do {
        let sockets = Sockets(limits: limits)
        let handler = ExchangeLoop(
          configuration: configuration, universe: universe, sockets: sockets, mailbox: mailbox, counters: counters,
          clock: clock, log: log, nowNanos: SystemClock.monotonicNanos())
        try LoopRunner.run(
          configuration.backend, handler: handler, sockets: sockets, listeners: [listener], tls: configuration.tls,
          waker: waker,
          log: log
        ) { gate.open(.success(true)) }
      } catch {
        gate.open(.failure(error))
      }
    }
    self.universe = universe
    self.mailbox = mailbox
    self.counters = counters
    broker = configuration.broker
    port = listener.port
    let isSecure = configuration.tls != nil
    let scheme = broker == .upstox ? (isSecure ? "https" : "http") : (isSecure ? "wss" : "ws")
    url = "\(scheme)://\(configuration.host):\(listener.port)\(broker.feedPath)"
    do {
      _ = try gate.wait()
    } catch {
      thread.join()
      close(listener.descriptor)
      throw error
    }
  }

  private static func limits(_ configuration: ExchangeConfiguration) -> LoopLimits {
    var limits = LoopLimits()
    // Beyond those that are served, some that are being refused.
    limits.socketsMax = configuration.connectionsMax + 64
    return limits
  }

  /// Closes all connections and ends the thread. Once only; later calls do nothing.
  public func stop() {
    isStopped.store(true, ordering: .releasing)
    mailbox.send(.stop)
    thread.join()
  }

  /// Sends a text frame to every open connection, for instance
  /// `{"type":"order","data":{...}}` or `{"type":"error","data":"..."}`.
  public func broadcast(text: String) { mailbox.send(.text(Array(text.utf8))) }

  /// Cuts all connections without a word, as a failing network does.
  public func dropConnections() { mailbox.send(.dropConnections) }

  /// Counts so far.
  public var statistics: ExchangeStatistics { counters.snapshot }

  // MARK: Faults

  /// Begins a fault at once.
  public func inject(_ fault: Fault) { mailbox.send(.inject(fault)) }

  /// Ends all faults, and forgets those of the plan that have not begun.
  public func clearFaults() { mailbox.send(.clearFaults) }

  /// From now on only this access token is good. Open connections stay; `inject` an expiry to end them.
  public func rotateToken(to token: String) { mailbox.send(.rotateToken(token)) }

  /// Everything that is subscribed at this moment, by all connections. Waits for the exchange's thread; not to be
  /// called at the same time as `stop`, after which there is nothing.
  public func subscriptions() -> [SimulatedSubscription] {
    guard !isStopped.load(ordering: .acquiring) else { return [] }
    let gate = StartGate<[SimulatedSubscription]>()
    mailbox.send(.subscriptions(gate))
    return (try? gate.wait()) ?? []
  }
}
