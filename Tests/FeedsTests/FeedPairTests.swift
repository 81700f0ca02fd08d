// Two brokers that carry the same instruments, over real sockets: fail-over and arbitration.

import Feeds
import Logging
import Market
import Normalize
import Reactor
import Simulator
import TestSupport
import Testing
import TickRing

/// Two simulated exchanges with the same day, and one feed service with a feed of each.
private final class PairRig {
  struct Credentials: CredentialProvider {
    let feeds: [String: TestCredentials]

    func credentials(feed: String) -> FeedCredentials? { feeds[feed]?.credentials(feed: feed) }

    func access(
      feed: String, refused: FeedCredentials?, answer: @escaping @Sendable (Result<FeedAccess, AccessFailure>) -> Void
    ) {
      guard let provider = feeds[feed] else { return answer(.failure(.noCredentials("unknown feed"))) }
      provider.access(feed: feed, refused: refused, answer: answer)
    }
  }

  let exchanges: [SimulatedExchange]
  let board = FeedBoard(names: ["a", "b"])
  let feeds: FeedService
  let ids: [UInt32]
  let lines = LogLines()
  private var reader: TickReader
  private(set) var ticks: [Tick] = []

  init(
    _ brokers: [SimulatedBroker], mode: Mode = .quote, _ adjust: (inout FeedConfiguration) -> Void,
    timeouts: (inout FeedTimeouts) -> Void = { _ in }
  ) throws {
    var quiet = Logger(label: "exchange")
    quiet.logLevel = .critical
    exchanges = try brokers.map { broker in
      var configuration = ExchangeConfiguration()
      configuration.broker = broker
      configuration.ticksPerSecond = 400
      configuration.credentials.accessToken = "first"
      configuration.backend = testBackend
      return try SimulatedExchange.start(configuration, log: quiet)
    }
    let (registry, listings) = try BrokerRig.listings(exchanges[0])
    let others = try #require(InstrumentFormat(rawValue: brokers[1].name))
      .parse(exchanges[1].universe.instrumentList(for: brokers[1])).listings(in: registry)
    ids = exchanges[0].universe.instruments.prefix(5).compactMap { registry.id($0.instrument.key) }
    var short = FeedTimeouts.short
    timeouts(&short)
    let definitions = zip(["a", "b"], zip(exchanges, [listings, others])).map { name, feed in
      var capability = feed.0.broker.capability
      capability.timeouts = short
      return feed.0.broker.definition(feed.0, feed.1, instruments: registry.count, capability, name: name)
    }
    let providers = zip(["a", "b"], exchanges).map { ($0, TestCredentials($1, token: "first")) }
    var configuration = FeedConfiguration()
    configuration.lingerNanos = 0
    configuration.backend = testBackend
    adjust(&configuration)
    let ring = TickRing(capacity: 1 << 15)
    reader = TickReader(ring)
    let lines = self.lines
    feeds = FeedService(
      definitions: definitions, configuration: configuration, registry: registry, ring: ring,
      lastValues: LastValueTable(count: registry.count), board: board,
      credentials: Credentials(feeds: Dictionary(uniqueKeysWithValues: providers)), calendar: .alwaysOpen,
      log: Logger(label: "feed") { _ in LineRecorder(lines: lines) })
    try feeds.start()
    feeds.apply(ids.map { Want($0, mode, delta: 1) })
  }

  deinit {
    feeds.stop()
    for exchange in exchanges { exchange.stop() }
  }

  /// Collects ticks until the condition holds; false when it does not in time.
  func run(_ seconds: Double = 20, until condition: () -> Bool = { false }) async -> Bool {
    let deadline = SystemClock.monotonicNanos() + Int64(seconds * 1e9)
    while true {
      var tick = Tick()
      while reader.read(into: &tick) == .tick { ticks.append(tick) }
      if condition() { return true }
      guard SystemClock.monotonicNanos() < deadline else { return false }
      try? await Task.sleep(nanoseconds: 2_000_000)
    }
  }

  func forget() { ticks = [] }

  /// All instruments have ticked, all of them by this feed.
  func isServed(by feed: UInt8) -> Bool {
    Set(ticks.map(\.instrument)) == Set(ids) && ticks.allSatisfy { $0.feed == feed }
  }

  func subscribed(_ exchange: Int) -> Int { exchanges[exchange].subscriptions().count }
}

@Suite(.serialized) struct FeedPairTests {
  @Test(arguments: [
    [SimulatedBroker.kite, .angel], [.angel, .upstox], [.upstox, .dhan], [.dhan, .kite],
  ])
  func `the backup speaks while the first is mute, and the first again when it is well`(brokers: [SimulatedBroker])
    async throws
  {
    let rig = try PairRig(
      brokers,
      {
        $0.failoverNanos = oneSecond
        $0.returnNanos = oneSecond
      },
      timeouts: {
        $0.quietNanos = oneSecond / 2
        $0.staleNanos = oneSecond
      })
    #expect(await rig.run { rig.isServed(by: 0) && rig.ticks.count > 100 })
    #expect(await rig.run { rig.board.state(of: 1).isUsable } && rig.subscribed(1) == 0)
    rig.forget()
    rig.exchanges[0].inject(Fault(.mute, durationNanos: 60 * oneSecond))
    // Silence of a second, half a second of grace, a second of patience; the rest is for a busy machine.
    #expect(await rig.run(8) { rig.ticks.contains { $0.feed == 1 } }, "\(rig.lines.all)")
    #expect(!rig.board.state(of: 0).isUsable)
    rig.forget()
    #expect(await rig.run { rig.isServed(by: 1) && rig.ticks.count > 100 })
    _ = await rig.run(1)
    #expect(rig.ticks.allSatisfy { $0.feed == 1 }, "\(rig.lines.all)")
    rig.forget()
    rig.exchanges[0].clearFaults()
    #expect(await rig.run { rig.ticks.contains { $0.feed == 0 } }, "\(rig.lines.all)")
    let back = try #require(rig.ticks.first { $0.feed == 0 })
    #expect(back.receivedTime - rig.board.liveSince(of: 0) >= oneSecond * 9 / 10, "\(rig.lines.all)")
    let (before, after) = (rig.ticks.prefix { $0.feed == 1 }, rig.ticks.drop { $0.feed == 1 })
    #expect(!before.isEmpty && after.allSatisfy { $0.feed == 0 })
    rig.forget()
    #expect(await rig.run { rig.isServed(by: 0) && rig.ticks.count > 100 })
    #expect(await rig.run { rig.subscribed(1) == 0 })
  }

  /// Both exchanges play the same day, each at its own time.
  @Test func `of two feeds the newer tick passes, once`() async throws {
    let rig = try PairRig([.kite, .kite], { $0.sharing = .arbitrate })
    #expect(await rig.run { Set(rig.ticks.map(\.instrument)) == Set(rig.ids) && rig.subscribed(1) == rig.ids.count })
    #expect(await rig.run { rig.ticks.count > 1000 })
    // Whoever is ahead falls silent: the other one goes on.
    for loser in [0, 1] {
      rig.exchanges[loser].inject(Fault(.mute, durationNanos: 60 * oneSecond))
      let count = rig.ticks.count
      #expect(await rig.run { rig.ticks.count > count + 200 && rig.ticks.last?.feed == UInt8(1 - loser) })
      rig.exchanges[loser].clearFaults()
      _ = await rig.run(0.3)
    }
    #expect(Set(rig.ticks.map(\.feed)) == [0, 1])
    for id in rig.ids {
      let ticks = rig.ticks.filter { $0.instrument == id && $0.has(.volume) }
      for (earlier, later) in zip(ticks, ticks.dropFirst()) {
        #expect(later.volume >= earlier.volume, "volume falls from feed \(earlier.feed) to \(later.feed)")
        let isDouble = later.feed != earlier.feed && later.volume == earlier.volume && later.ltp == earlier.ltp
        #expect(!isDouble || later.exchangeTime > earlier.exchangeTime, "a tick came twice")
      }
    }
  }

  /// Last prices alone cannot be put in order: two feeds that take turns would jump back and forth.
  @Test func `where nothing tells the order, one feed keeps the word until it falls silent`() async throws {
    let rig = try PairRig([.kite, .kite], mode: .ltp, { $0.sharing = .arbitrate })
    #expect(await rig.run { rig.ticks.count > 100 && rig.subscribed(1) == rig.ids.count })
    rig.forget()
    #expect(await rig.run { rig.ticks.count > 500 })
    // A feed may have kept silent for a second where the machine is busy, but not often.
    let switches = rig.ids.map { id in
      let feeds = rig.ticks.filter { $0.instrument == id }.map(\.feed)
      return zip(feeds, feeds.dropFirst()).count { $0 != $1 }
    }
    #expect(switches.reduce(0, +) < 10, "\(switches)")
    let speaker = Int(try #require(rig.ticks.last).feed)
    rig.exchanges[speaker].inject(Fault(.mute, durationNanos: 60 * oneSecond))
    rig.forget()
    #expect(await rig.run { Set(rig.ticks.filter { $0.feed != speaker }.map(\.instrument)) == Set(rig.ids) })
  }

  private func races(_ rig: PairRig) -> [FeedRace] { [0, 1].map { rig.board.status(of: $0).race } }

  @Test func `the board says who leads, and by how much`() async throws {
    let rig = try PairRig([.kite, .kite], { $0.sharing = .arbitrate })
    #expect(await rig.run { rig.subscribed(0) == rig.ids.count && rig.subscribed(1) == rig.ids.count })
    let isCounted = await rig.run {
      let races = races(rig)
      return races.reduce(0) { $0 + $1.led } > 500 && races.reduce(0) { $0 + $1.lagged + $1.old } > 100
    }
    let before = races(rig)
    #expect(isCounted, "\(before)")
    // Whole sweeps later, all has been counted that was read before.
    let count = rig.ticks.count
    #expect(await rig.run { races(rig).reduce(0) { $0 + Int($1.led) } >= count }, "\(count) ticks, \(races(rig))")
    for (race, earlier) in zip(races(rig), before) {
      #expect(race.led >= earlier.led && race.lagged >= earlier.lagged && race.old >= earlier.old)
      #expect(race.lagNanos >= 0)
      // What is not there has no lag; what came later came within the time that the test has run.
      #expect(race.lagged > 0 || race.lagNanos == 0)
      #expect(race.lagNanos <= Int64(race.lagged) * 60 * oneSecond, "\(race)")
    }
  }

  /// With fail-over only one feed is asked: nothing races.
  @Test func `without arbitration there is no race`() async throws {
    let rig = try PairRig([.kite, .kite], { $0.sharing = .failover })
    #expect(await rig.run { rig.ticks.count > 500 })
    _ = await rig.run(0.5)
    #expect(races(rig) == [FeedRace(), FeedRace()])
  }
}
