// The supervisor and its planner against a broker that does everything wrong that brokers do, in thousands of random
// lives. What must hold is checked at every step; when the broker behaves at last, everything wanted is subscribed.

import Feeds
import Market
import TestSupport
import Testing

private let milli: Int64 = 1_000_000
private let second: Int64 = 1_000_000_000

@Suite struct FeedSimulationTests {
  #if DEBUG
  private static let lives = 300
  #else
  private static let lives = 4000
  #endif

  @Test func `whatever the broker does, nothing is hammered and everything comes back`() {
    let seed = SeededGenerator.chosenSeed()
    var generator = SeededGenerator(seed: seed)
    for round in 0..<Self.lives {
      var world = World(smallCapabilities()[round % 6], generator.next())
      for _ in 0..<Int.random(in: 10...150, using: &generator) { world.step(&generator) }
      world.recover()
      let faults = world.faults + world.broker.complaints
      #expect(faults.isEmpty, "seed \(seed), round \(round): \(faults.prefix(3))")
      guard faults.isEmpty else { return }
    }
  }
}

/// One life of a feed.
private struct World {
  private var feed: FeedSupervisor
  var broker: ModelBroker
  private(set) var faults: [String] = []
  private var now: Int64 = 0
  private var wanted: [UInt32: Mode] = [:]
  /// The credentials that are there, those that the broker takes, those that it refused.
  private var token = 1
  private var goodToken = 1
  private var refused: Set<Int> = []
  private var known = 0
  private var tried: [Int: Int] = [:]
  private var asks: [(shard: Int, attempt: UInt64, isRefused: Bool)] = []
  private var attempts: [Int64] = []
  private var isMute: Set<Int> = []
  private var queue: [FeedSupervisor.Action] = []
  /// Sockets that are to be connected.
  private var connecting: Set<Int> = []

  init(_ capability: FeedCapability, _ seed: UInt64) {
    var capability = capability
    // Few enough to be met in some lives.
    capability.connectsPerHour = seed % 10 == 0 ? 30 : 300
    feed = FeedSupervisor(capability: capability, lingerNanos: 200 * milli, seed: seed)
    broker = ModelBroker(capability)
    on(.start)
  }

  private mutating func on(_ event: FeedSupervisor.Event) {
    queue += feed.on(event, now: now)
    while !queue.isEmpty { perform(queue.removeFirst()) }
  }

  private mutating func perform(_ action: FeedSupervisor.Action) {
    switch action {
    case .ask(let shard, let attempt, let isRefused):
      attempts = attempts.filter { $0 > now - ConnectBudget.hourNanos } + [now]
      if attempts.count > feed.capability.connectsPerHour { faults.append("\(attempts.count) attempts in an hour") }
      asks.append((shard, attempt, isRefused))
    case .connect(let shard):
      if broker.sockets[shard] != nil { faults.append("connects a socket that is open") }
      if refused.contains(token) { faults.append("tries credentials again that were refused") }
      connecting.insert(shard)
    case .hangUp(let shard):
      connecting.remove(shard)
      broker.close(shard)
      isMute.remove(shard)
    case .send(let message): broker.apply(message, now: now)
    case .noteRefusal:
      refused.insert(token)
      known = token
    case .checkCredentials:
      if token != known { queue += feed.on(.credentialsChanged(isForced: false), now: now) }
    }
  }

  private mutating func turn() {
    for message in feed.messages(now: now) { broker.apply(message, now: now) }
    on(.sweep(inSession: .max, isDay: true))
  }

  /// Answers the oldest question for leave; then the broker takes or refuses the connection.
  private mutating func answer(isFair: Bool, _ generator: inout SeededGenerator) {
    guard !asks.isEmpty else { return }
    let ask = asks.removeFirst()
    if ask.isRefused, refused.contains(token) {
      return on(.access(shard: ask.shard, attempt: ask.attempt, .noCredentials("")))
    }
    if !isFair, Int.random(in: 0..<4, using: &generator) == 0 {
      return on(.access(shard: ask.shard, attempt: ask.attempt, .unavailable("")))
    }
    on(.access(shard: ask.shard, attempt: ask.attempt, nil))
    guard connecting.remove(ask.shard) != nil else { return }
    if token != goodToken { return on(.refused(shard: ask.shard, status: 403, retryAfterSeconds: nil)) }
    switch isFair ? 9 : Int.random(in: 0..<10, using: &generator) {
    case 0: on(.lost(shard: ask.shard, .network))
    case 1: on(.refused(shard: ask.shard, status: 429, retryAfterSeconds: nil))
    case 2: on(.refused(shard: ask.shard, status: 502, retryAfterSeconds: 3))
    case 3: break  // Never answers.
    default:
      on(.connected(shard: ask.shard))
      broker.open(ask.shard)
      on(.opened(shard: ask.shard))
      on(.alive(shard: ask.shard))
    }
  }

  mutating func step(_ generator: inout SeededGenerator) {
    now += Int64.random(in: 1...3000, using: &generator) * milli
    let shard = Int.random(in: 0..<feed.capability.socketsMax, using: &generator)
    switch Int.random(in: 0..<16, using: &generator) {
    case 0...4:
      let instrument = UInt32.random(in: 0..<20, using: &generator)
      wanted[instrument] = [nil, Mode.ltp, .quote, .depth].randomElement(using: &generator)!
      on(.want(instrument, wanted[instrument], isIndex: false))
    case 5...8: answer(isFair: false, &generator)
    case 9: if broker.sockets[shard] != nil { lose(shard, &generator) }
    case 10: if broker.sockets[shard] != nil { isMute.insert(shard) }
    case 11: goodToken += Int.random(in: 0...1, using: &generator)
    case 12: renew()
    case 13: on(.credentialsChanged(isForced: true))
    default: traffic()
    }
    turn()
  }

  private mutating func lose(_ shard: Int, _ generator: inout SeededGenerator) {
    broker.close(shard)
    isMute.remove(shard)
    on(.lost(shard: shard, [FeedReason.network, .serverClose, .limit].randomElement(using: &generator)!))
  }

  private mutating func renew() {
    token = goodToken
    refused.remove(token)
    on(.credentialsChanged(isForced: false))
  }

  private mutating func traffic() {
    for shard in broker.sockets.keys.sorted() {
      on(isMute.contains(shard) ? .alive(shard: shard) : .payload(shard: shard, ticks: 3))
    }
  }

  /// From now on the broker behaves; everything wanted must be there within the hour that the budget needs.
  mutating func recover() {
    var generator = SeededGenerator(seed: 1)
    isMute = []
    renew()
    for step in 0..<2000 where !isSettled {
      now += step < 50 ? 500 * milli : 4 * second
      while !asks.isEmpty { answer(isFair: true, &generator) }
      traffic()
      turn()
    }
    if !isSettled {
      faults.append("not settled: \(feed.state.name) \(feed.reason.name), has \(broker.set), wants \(wanted)")
    }
  }

  private var isSettled: Bool {
    let want = wanted.mapValues { feed.capability.modeOnWire[$0.index] }
    let room = feed.capability.limits.total * feed.capability.socketsMax
    let have = broker.set
    guard asks.isEmpty, feed.state == .live || (want.isEmpty && feed.state != .authFailed) else { return false }
    guard have.keys.allSatisfy({ want[$0] != nil }) else { return false }
    return want.count * 2 <= room && feed.capability.limits.alone == feed.capability.limits.mixed
      ? have == want : have.count >= min(want.count, 1)
  }
}
