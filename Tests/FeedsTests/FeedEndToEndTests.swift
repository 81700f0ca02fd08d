// The feed loop against the simulated exchange over real sockets: what a broker does to us, and what we must do then.

import Feeds
import Glibc
import Logging
import Market
import Normalize
import Reactor
import Simulator
import Synchronization
import Testing
import TickRing

/// A gateway's left half: simulated exchange, feed service, ring.
private final class Rig {
  let exchange: SimulatedExchange
  let registry: InstrumentRegistry
  let ring = TickRing(capacity: 1 << 14)
  let lastValues: LastValueTable
  let board = FeedBoard(names: ["sim"])
  let feeds: FeedService
  var reader: TickReader

  init(
    credentials: any CredentialProvider = Fixed(), lingerNanos: Int64 = 0, pingNanos: Int64 = 10_000_000_000,
    adjust: (inout FeedCapability) -> Void = { _ in }, configure: (inout ExchangeConfiguration) -> Void = { _ in }
  ) throws {
    var configuration = ExchangeConfiguration()
    configuration.ticksPerSecond = 2000
    configuration.backend = testBackend
    configure(&configuration)
    var log = Logger(label: "test")
    log.logLevel = .critical
    exchange = try SimulatedExchange.start(configuration, log: log)
    let master = try KiteInstruments.parse(exchange.universe.csv())
    let registry = InstrumentRegistry(master.instruments)
    self.registry = registry
    lastValues = LastValueTable(count: registry.count)
    reader = TickReader(ring)
    let listings = master.listings(in: registry)
    var capability = FeedCapability.kite
    capability.pingNanos = pingNanos
    capability.pongNanos = pingNanos
    adjust(&capability)
    var feedConfiguration = FeedConfiguration()
    feedConfiguration.lingerNanos = lingerNanos
    feedConfiguration.backend = testBackend
    feeds = FeedService(
      definitions: [
        .kite(name: "sim", url: "ws://127.0.0.1:\(exchange.port)", listings: listings, capability: capability)
      ],
      configuration: feedConfiguration, registry: registry, ring: ring, lastValues: lastValues,
      board: board, credentials: credentials, calendar: .alwaysOpen, log: log)
    try feeds.start()
  }

  deinit {
    feeds.stop()
    exchange.stop()
  }

  struct Fixed: CredentialProvider {
    var token = "token"
    func credentials(feed: String) -> FeedCredentials? { FeedCredentials(apiKey: "key", accessToken: token) }
  }

  func id(_ symbol: String) -> UInt32 { registry.id(exchange: .nse, symbol: symbol)! }

  /// Reads ticks until the condition holds; false when it does not in time.
  func read(seconds: Double = 10, until condition: (Tick) -> Bool) -> Bool {
    let deadline = SystemClock.monotonicNanos() + Int64(seconds * 1e9)
    var tick = Tick()
    while SystemClock.monotonicNanos() < deadline {
      if reader.read(into: &tick) == .tick {
        if condition(tick) { return true }
      } else {
        usleep(1000)
      }
    }
    return false
  }

  func wait(seconds: Double = 10, for condition: () -> Bool) -> Bool {
    let deadline = SystemClock.monotonicNanos() + Int64(seconds * 1e9)
    while SystemClock.monotonicNanos() < deadline {
      if condition() { return true }
      usleep(2000)
    }
    return condition()
  }
}

private func share(_ symbol: String) -> Instrument {
  Instrument(key: InstrumentKey(.nse, symbol), name: symbol, tickSize: 5_000_000, kind: .equity)
}

@Suite(.serialized) struct FeedEndToEndTests {
  @Test func `ticks come in the highest mode that anyone wants, and stop when nobody does`() throws {
    let rig = try Rig()
    let reliance = rig.id("RELIANCE")
    rig.feeds.apply([Want(reliance, .ltp, delta: 1)])
    #expect(rig.read { $0.instrument == reliance && $0.mode == Mode.ltp.rawValue })
    rig.feeds.apply([Want(reliance, .depth, delta: 1)])
    #expect(rig.read { $0.instrument == reliance && $0.mode == Mode.depth.rawValue && $0.has(.depth) })
    rig.feeds.apply([Want(reliance, .depth, delta: -1)])
    #expect(rig.read { $0.instrument == reliance && $0.mode == Mode.ltp.rawValue })
    rig.feeds.apply([Want(reliance, .ltp, delta: -1)])
    usleep(300_000)
    while rig.read(seconds: 0.05, until: { _ in true }) {}
    #expect(!rig.read(seconds: 0.5) { _ in true }, "nothing is subscribed")
    #expect(rig.board.state(of: 0).isUsable)
  }

  @Test func `after a cut the feed comes back by itself with every subscription`() throws {
    let rig = try Rig()
    let ids = ["RELIANCE", "TCS", "INFY"].map(rig.id)
    rig.feeds.apply(ids.map { Want($0, .quote, delta: 1) })
    #expect(rig.read { $0.instrument == ids[2] })
    let before = rig.board.liveSince(of: 0)
    rig.exchange.dropConnections()
    #expect(rig.wait { rig.board.reconnects(of: 0) == 1 })
    #expect(rig.wait { rig.board.state(of: 0) == .live })
    let since = rig.board.liveSince(of: 0)
    #expect(since > before)
    var missing = Set(ids)
    #expect(
      rig.read {
        if $0.receivedTime >= since { missing.remove($0.instrument) }
        return missing.isEmpty
      })
  }

  @Test func `a refused login waits for a new token and then goes on`() throws {
    final class Changing: CredentialProvider {
      let token = Mutex("stale")
      let asked = Atomic<Int>(0)
      func credentials(feed: String) -> FeedCredentials? {
        asked.add(1, ordering: .relaxed)
        return FeedCredentials(apiKey: "key", accessToken: token.withLock { $0 })
      }
    }
    let credentials = Changing()
    let rig = try Rig(
      credentials: credentials,
      configure: {
        $0.authorization = KiteAuthorization(apiKey: "key", accessToken: "fresh")
      })
    let tcs = rig.id("TCS")
    rig.feeds.apply([Want(tcs, .ltp, delta: 1)])
    #expect(rig.wait { rig.board.state(of: 0) == .authFailed })
    usleep(700_000)
    #expect(rig.exchange.statistics.refused == 1, "no hammering")
    credentials.token.withLock { $0 = "fresh" }
    rig.feeds.invalidate(userID: "asha", scope: .feed)
    #expect(rig.read { $0.instrument == tcs })
  }

  @Test func `a broker that is not there is tried again and again, never at once`() throws {
    let rig = try Rig()
    rig.exchange.stop()
    #expect(rig.wait { rig.board.state(of: 0) == .reconnecting })
    usleep(1_500_000)
    let attempts = rig.board.reconnects(of: 0)
    #expect((1...6).contains(attempts), "\(attempts) attempts")
  }

  /// The watch over the old connection must not judge the attempts that follow it.
  @Test func `a broker that is cut off and stays away longer than the pings is found again`() throws {
    let rig = try Rig(pingNanos: 100_000_000)
    let tcs = rig.id("TCS")
    rig.feeds.apply([Want(tcs, .ltp, delta: 1)])
    #expect(rig.read { $0.instrument == tcs })
    let port = rig.exchange.port
    rig.exchange.dropConnections()
    rig.exchange.stop()
    usleep(1_500_000)
    var configuration = ExchangeConfiguration()
    configuration.port = port
    configuration.ticksPerSecond = 2000
    let again = try SimulatedExchange.start(configuration)
    defer { again.stop() }
    let since = SystemClock().nowNanos()
    #expect(rig.read(seconds: 15) { $0.instrument == tcs && $0.receivedTime > since })
  }

  @Test func `ticks of other processes go through the same sequencer`() throws {
    let exchange = try SimulatedExchange.start(ExchangeConfiguration())
    defer { exchange.stop() }
    let queue = TickQueue(capacity: 64)
    let ring = TickRing(capacity: 256)
    let values = LastValueTable(count: 2)
    let feeds = FeedService(
      definitions: [],
      registry: InstrumentRegistry([share("A"), share("B")]), ring: ring, lastValues: values,
      board: FeedBoard(names: ["bus"]),
      credentials: Rig.Fixed(), calendar: .alwaysOpen, ingest: queue, log: Logger(label: "test"))
    try feeds.start()
    defer { feeds.stop() }
    var reader = TickReader(ring)
    var tick = Tick()
    tick.instrument = 1
    tick.mode = Mode.ltp.rawValue
    tick.ltp = 42
    #expect(queue.push(&tick))
    feeds.waker.wake()
    let deadline = SystemClock.monotonicNanos() + 5_000_000_000
    var out = Tick()
    while reader.read(into: &out) != .tick, SystemClock.monotonicNanos() < deadline { usleep(500) }
    #expect(out.ltp == 42 && out.sequence == 1)
    #expect(values[1]?.ltp == 42)
  }
}
