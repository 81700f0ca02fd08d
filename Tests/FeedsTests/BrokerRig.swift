// One broker's simulated exchange and a feed service that serves it, over real sockets: what tests of faults and
// subscriptions run on. The test's task reads every tick; nothing else touches a rig.

import Feeds
import Glibc
import Logging
import Market
import Normalize
import Reactor
import Simulator
import Synchronization
import TestSupport
import Testing
import TickRing

/// Both run the same tests: `TICKGATE_IO_BACKEND` names the other one.
let testBackend = getenv("TICKGATE_IO_BACKEND").map { BackendKind(rawValue: String(cString: $0))! } ?? .auto

let oneSecond: Int64 = 1_000_000_000

/// A state of a feed with its cause.
struct FeedMoment: Equatable, CustomStringConvertible {
  var state: FeedState
  var reason: FeedReason

  init(_ state: FeedState, _ reason: FeedReason) {
    self.state = state
    self.reason = reason
  }

  /// The state that `feed name: from -> to (reason)` came to.
  init?(line: String) {
    let words = line.split(separator: " ")
    guard let arrow = words.firstIndex(of: "->"), arrow + 1 < words.count,
      let state = FeedState.allCases.first(where: { $0.name == words[arrow + 1] })
    else { return nil }
    let cause = arrow + 2 < words.count ? words[arrow + 2].dropFirst().dropLast() : ""
    self.init(state, FeedReason.allCases.first { $0.name == cause } ?? .none)
  }

  var description: String { reason == .none ? state.name : "\(state.name)(\(reason.name))" }
}

final class BrokerRig: CustomStringConvertible {
  struct Options {
    var isSecure = false
    var instrumentCount = Universe.countDefault
    var ticksPerSecond = 800
    var lingerNanos: Int64 = 0
    /// The feeds of books beyond five levels too.
    var hasBooks = false
    var calendar = SessionCalendar.alwaysOpen
    /// Largest message that the feed takes; nil for its own.
    var messageBytesMax: Int?
    var capability: (inout FeedCapability) -> Void = { _ in }
    var exchange: (inout ExchangeConfiguration) -> Void = { _ in }
  }

  let broker: SimulatedBroker
  let exchange: SimulatedExchange
  let credentials: TestCredentials
  let registry: InstrumentRegistry
  let lastValues: LastValueTable
  let board: FeedBoard
  let feeds: FeedService
  /// By id; what the exchange should have of it.
  private(set) var wanted: [UInt32: Mode] = [:]
  /// What the feed has logged.
  let lines = LogLines()
  private var reader: TickReader
  private let entries: [UInt32: SimulatedInstrument]

  /// Lines of the log before the trail.
  private var mark = 0
  /// The last tick of each instrument.
  private(set) var last: [UInt32: Tick] = [:]
  /// Modes in which each instrument has ticked.
  private(set) var modes: [UInt32: Set<Mode>] = [:]
  /// What should never have come.
  private(set) var wrong: [String] = []
  /// Whose ticks may come.
  private var everWanted: Set<UInt32> = []

  init(_ broker: SimulatedBroker, _ options: Options = Options()) throws {
    self.broker = broker
    var configuration = ExchangeConfiguration()
    configuration.broker = broker
    configuration.instrumentCount = options.instrumentCount
    configuration.ticksPerSecond = options.ticksPerSecond
    configuration.credentials.accessToken = "first"
    configuration.backend = testBackend
    var feed = FeedConfiguration()
    feed.lingerNanos = options.lingerNanos
    feed.backend = testBackend
    if let bytes = options.messageBytesMax { feed.messageBytesMax = bytes }
    if options.isSecure {
      let files = TestCertificates.shared
      configuration.host = "localhost"
      configuration.tls = try TLSServerContext(
        certificate: files.directory + "/good.pem", key: files.directory + "/good.key")
      feed.tls = try TLSClientContext(authorities: .file(files.authority))
    }
    options.exchange(&configuration)
    let lines = self.lines
    var quiet = Logger(label: "exchange")
    quiet.logLevel = .critical
    let log = Logger(label: "feed") { _ in LineRecorder(lines: lines) }
    exchange = try SimulatedExchange.start(configuration, log: quiet)
    credentials = TestCredentials(exchange, token: "first")
    let (registry, listings) = try Self.listings(exchange, offers: options.hasBooks ? broker.offers : [])
    self.registry = registry
    lastValues = LastValueTable(registry)
    entries = Dictionary(
      exchange.universe.instruments.compactMap { entry in registry.id(entry.instrument.key).map { ($0, entry) } }
    ) { first, _ in first }
    let ring = TickRing(capacity: 1 << 15)
    reader = TickReader(ring)
    var capability = broker.capability
    capability.timeouts = .short
    options.capability(&capability)
    let market = broker.definition(exchange, listings, instruments: registry.count, capability)
    let books =
      options.hasBooks
      ? broker.books(of: market, exchange, registry) {
        $0.timeouts = .short
        options.capability(&$0)
      } : []
    board = FeedBoard(names: [market.name] + books.map(\.name))
    feeds = FeedService(
      definitions: [market] + books, configuration: feed, registry: registry, ring: ring, lastValues: lastValues,
      board: board, credentials: credentials, calendar: options.calendar, log: log)
    try feeds.start()
  }

  deinit {
    feeds.stop()
    exchange.stop()
  }

  /// What the broker's own instrument list says.
  static func listings(
    _ exchange: SimulatedExchange, offers: [DeepOffer] = []
  ) throws -> (InstrumentRegistry, [FeedListing]) {
    let format = try #require(InstrumentFormat(rawValue: exchange.broker.name))
    let master = try format.parse(exchange.universe.instrumentList(for: exchange.broker))
    let registry = InstrumentRegistry(master.instruments, offers: offers)
    return (registry, master.listings(in: registry))
  }

  // MARK: Wants

  func id(_ entry: SimulatedInstrument) -> UInt32? { registry.id(entry.instrument.key) }

  /// Some of every exchange, in all modes.
  func wantSome() throws {
    var modes: [UInt32: Mode] = [:]
    for place in Exchange.allCases {
      for entry in exchange.universe.instruments.filter({ $0.instrument.exchange == place }).prefix(3) {
        modes[try #require(id(entry))] = Mode.allCases[modes.count % 3]
      }
    }
    try #require(modes.count >= 10)
    want(modes)
  }

  /// Changes what is wanted to exactly this.
  func want(_ modes: [UInt32: Mode]) {
    var wants = modes.map { Want($0.key, $0.value, delta: 1) }
    wants += wanted.map { Want($0.key, $0.value, delta: -1) }
    wanted = modes
    // Prices that go with a book bring ticks of its instrument.
    everWanted.formUnion(modes.keys.map { registry.deep[$0]?.base ?? $0 })
    feeds.apply(wants)
  }

  /// Whether the exchange has exactly what is wanted, once each and in the right modes.
  var isWhole: Bool {
    let all = exchange.subscriptions()
    let expected = wanted.compactMap { id, mode in
      entries[id].map { "\($0.instrument.key) \(broker.modeName(mode, isIndex: $0.isIndex))" }
    }
    return all.count == expected.count && Set(all.map { "\($0.key) \($0.mode)" }) == Set(expected)
  }

  // MARK: Running

  /// What has happened so far.
  var description: String { lines.all.joined(separator: "; ") }
  var status: FeedStatus { board.status(of: 0) }

  /// States since the last fault or `startTrail`, out of the log: none is too short to be seen.
  var trail: [FeedMoment] { lines.all.dropFirst(mark).compactMap(FeedMoment.init(line:)) }

  /// Reads ticks until the condition holds; false when it does not in time.
  func run(_ seconds: Double = 20, until condition: () -> Bool = { false }) async -> Bool {
    let deadline = SystemClock.monotonicNanos() + Int64(seconds * 1e9)
    while true {
      note()
      if condition() { return true }
      guard SystemClock.monotonicNanos() < deadline else { return false }
      try? await Task.sleep(nanoseconds: 2_000_000)
    }
  }

  private func note() {
    var tick = Tick()
    while true {
      switch reader.read(into: &tick) {
      case .tick: check(tick)
      case .empty: return
      default: break
      }
    }
  }

  private func check(_ tick: Tick) {
    last[tick.instrument] = tick
    if let mode = Mode(rawValue: tick.mode) { modes[tick.instrument, default: []].insert(mode) }
    let base = registry.deep[tick.instrument]?.base ?? tick.instrument
    guard everWanted.contains(base), let entry = entries[base] else {
      return complain("a tick of \(tick.instrument), which nobody wants")
    }
    // The exchange keeps prices within bounds that a wrong divisor or a wrong place would leave by far.
    let isOption = entry.instrument.kind == .call || entry.instrument.kind == .put
    let close = Price.double(entry.previousClose)
    let price = Price.double(tick.ltp)
    // The first book may come before the first price.
    if base != tick.instrument, !tick.has(.ltp) { return }
    if price <= 0 || price > close * (isOption ? 5.1 : 1.21) || (!isOption && price < close * 0.79) {
      complain("\(entry.instrument.symbol) at \(price) after \(close)")
    }
  }

  private func complain(_ text: String) {
    if wrong.count < 10 { wrong.append(text) }
  }

  /// The feed is up and has brought a tick of everything wanted since this call, and the exchange has it all.
  func isServed(_ seconds: Double = 60) async -> Bool {
    let called = SystemClock().nowNanos()
    return await run(seconds) {
      guard status.state.isUsable, status.reason == .none else { return false }
      let since = max(called, board.liveSince(of: 0))
      return wanted.keys.allSatisfy { (last[$0]?.receivedTime ?? 0) >= since } && isWhole
    }
  }

  /// Ticks that were read count no more.
  func forget() {
    note()
    last = [:]
    modes = [:]
  }

  /// The trail begins here.
  func startTrail() { mark = lines.all.count }

  func inject(_ kind: Fault.Kind, seconds: Double? = nil) {
    startTrail()
    exchange.inject(Fault(kind, durationNanos: seconds.map { Int64($0 * 1e9) }))
  }

  /// The feed gets there in time after the last fault, whatever comes before.
  func sees(_ state: FeedState, _ reason: FeedReason, within seconds: Double) async -> Bool {
    await run(seconds) { trail.contains(FeedMoment(state, reason)) }
  }

  /// No connection was left behind.
  func hasOneConnection() async -> Bool { await run(5) { exchange.statistics.connections == 1 } }

  /// Requests of the feed that show credentials.
  var attempts: UInt64 {
    let statistics = exchange.statistics
    return max(statistics.upgrades.asked, statistics.authorizations.asked)
  }
}

extension FeedTimeouts {
  /// As short as a busy machine allows. Staleness is left long: tests of silence shorten it.
  static var short: FeedTimeouts {
    var timeouts = FeedTimeouts()
    timeouts.openNanos = 3 * oneSecond
    timeouts.quietNanos = 2 * oneSecond
    timeouts.provenNanos = oneSecond / 2
    timeouts.credentialsNanos = oneSecond / 20
    timeouts.limitNanos = oneSecond
    timeouts.symbolNanos = oneSecond
    return timeouts
  }
}
