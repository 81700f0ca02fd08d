// Feeds that talk to a scripted broker. The test's task reads the ticks; nothing else touches a rig.

import Feeds
import Logging
import Market
import Normalize
import Reactor
import Testing
import TickRing

final class ScriptedRig {
  struct Credentials: CredentialProvider {
    func credentials(feed: String) -> FeedCredentials? { sampleCredentials }
  }

  let broker: ScriptedBroker
  let board: FeedBoard
  let feeds: FeedService
  private let lines = LogLines()
  private var reader: TickReader
  private(set) var ticks: [Tick] = []

  /// - Parameter define: makes the feeds out of the broker's address.
  init(
    _ instruments: [Instrument], configuration: FeedConfiguration = FeedConfiguration(),
    script: @escaping @Sendable (ScriptedConnection) -> Void, define: (String) -> [FeedDefinition]
  ) throws {
    broker = try ScriptedBroker(script)
    var configuration = configuration
    configuration.backend = testBackend
    let definitions = define(broker.url)
    let registry = InstrumentRegistry(instruments)
    let ring = TickRing(capacity: 1 << 12)
    reader = TickReader(ring)
    board = FeedBoard(names: definitions.map(\.name))
    let lines = self.lines
    feeds = FeedService(
      definitions: definitions, configuration: configuration, registry: registry, ring: ring,
      lastValues: LastValueTable(registry), board: board, credentials: Credentials(), calendar: .alwaysOpen,
      log: Logger(label: "feed") { _ in LineRecorder(lines: lines) })
    try feeds.start()
  }

  deinit {
    feeds.stop()
    broker.stop()
  }

  /// Everything that a feed has logged.
  func lines(of feed: String) -> [String] {
    lines.all.filter { $0.hasPrefix("feed \(feed): ") }
  }

  /// The states that a feed has had, in order.
  func trail(of feed: String) -> [FeedMoment] { lines(of: feed).compactMap(FeedMoment.init(line:)) }

  /// Collects ticks until the condition holds; false when it does not in time.
  func run(_ seconds: Double = 20, until condition: () -> Bool) async -> Bool {
    let deadline = SystemClock.monotonicNanos() + Int64(seconds * 1e9)
    while true {
      var tick = Tick()
      while reader.read(into: &tick) == .tick { ticks.append(tick) }
      if condition() { return true }
      guard SystemClock.monotonicNanos() < deadline else { return false }
      try? await Task.sleep(nanoseconds: 2_000_000)
    }
  }
}
