import Feeds
import Market
import TestSupport
import Testing

private let milli: Int64 = 1_000_000
private let second: Int64 = 1_000_000_000

private func planner(
  total: Int = 10, sockets: Int = 1, perMessage: Int = 100, perSecond: Int = 100, lingerNanos: Int64 = 0,
  _ change: ModeChange = .modeMessage(initial: .quote)
) -> ShardPlanner {
  ShardPlanner(
    capability: FeedCapability(
      limits: SocketLimits(total: total), socketsMax: sockets, instrumentsPerMessage: perMessage,
      messagesPerSecond: perSecond, modeChange: change), lingerNanos: lingerNanos)
}

private func message(
  _ verb: ShardPlanner.Verb, _ mode: Mode, _ instruments: [UInt32], shard: Int = 0
) -> ShardPlanner.Message {
  ShardPlanner.Message(shard: shard, verb: verb, mode: mode, instruments: instruments)
}

@Suite struct ShardPlannerTests {
  @Test func `changes are gathered for 50 ms and share messages`() {
    var planner = planner()
    planner.opened(0, now: 0)
    _ = planner.messages(now: 0)
    planner.want(1, .depth, now: 10 * milli)
    planner.want(2, .quote, now: 40 * milli)
    let early = planner.messages(now: 59 * milli)
    #expect(early.isEmpty && planner.dueAt == 60 * milli)
    let messages = planner.messages(now: 60 * milli)
    #expect(messages == [message(.subscribe, .quote, [1, 2]), message(.change, .depth, [1])])
    #expect(planner.state(of: 1) == .active && planner.state(of: 3) == .none && planner.usedCount == 2)
  }

  @Test func `a new socket is told everything at once, in full messages`() {
    var planner = planner(total: 1000, perMessage: 100)
    for instrument in 0..<250 as Range<UInt32> { planner.want(instrument, .quote, now: 0) }
    #expect(planner.messages(now: 50 * milli).isEmpty && planner.state(of: 7) == .pending)
    planner.opened(0, now: second)
    let messages = planner.messages(now: second)
    #expect(messages.map(\.instruments.count) == [100, 100, 50] && messages.allSatisfy { $0.verb == .subscribe })
    planner.closed(0, now: 2 * second)
    #expect(planner.state(of: 7) == .pending)
    planner.opened(0, now: 3 * second)
    let again = planner.messages(now: 3 * second)
    #expect(again.flatMap(\.instruments).sorted() == Array(0..<250))
  }

  @Test func `an unwanted subscription lingers, and comes back without a word`() {
    var planner = planner(lingerNanos: second)
    planner.opened(0, now: 0)
    planner.want(7, .quote, now: 0)
    #expect(planner.messages(now: 0).count == 1)
    planner.want(7, nil, now: second)
    #expect(planner.messages(now: second + 60 * milli).isEmpty)
    planner.want(7, .quote, now: second + 100 * milli)
    #expect(planner.messages(now: 5 * second).isEmpty)
    planner.want(7, nil, now: 6 * second)
    #expect(planner.messages(now: 6 * second + 500 * milli).isEmpty)
    let ended = planner.messages(now: 7 * second)
    #expect(ended == [message(.unsubscribe, .quote, [7])] && planner.usedCount == 0)
  }

  @Test func `what is over the limit is rejected, and gets the room that comes free`() {
    var planner = planner(total: 2)
    planner.opened(0, now: 0)
    for instrument in 1...3 as ClosedRange<UInt32> { planner.want(instrument, .quote, now: 0) }
    let first = planner.messages(now: 0)
    #expect(first == [message(.subscribe, .quote, [1, 2])])
    #expect(planner.state(of: 3) == .rejected && planner.unplacedCount == 1)
    planner.want(1, nil, now: second)
    let next = planner.messages(now: 2 * second) + planner.messages(now: 2 * second)
    #expect(next == [message(.unsubscribe, .quote, [1]), message(.subscribe, .quote, [3])])
    #expect(planner.state(of: 3) == .active)
  }

  @Test func `what only lingers makes room at once`() {
    var planner = planner(total: 2, lingerNanos: 100 * second)
    planner.opened(0, now: 0)
    for instrument in [1, 2] as [UInt32] { planner.want(instrument, .quote, now: 0) }
    _ = planner.messages(now: 0)
    planner.want(2, nil, now: second)
    planner.want(1, nil, now: second + 1)
    planner.want(3, .quote, now: 2 * second)
    let messages = planner.messages(now: 3 * second) + planner.messages(now: 3 * second)
    #expect(messages == [message(.unsubscribe, .quote, [2]), message(.subscribe, .quote, [3])])
  }

  /// A look at the sockets may fall between a want and the messages that place it.
  @Test func `only what was tried and found no room asks for a further socket`() {
    var planner = planner(total: 2, sockets: 3, lingerNanos: 100 * second)
    planner.opened(0, now: 0)
    planner.want(1, .quote, now: 0)
    #expect(planner.socketsWanted == 1)
    _ = planner.messages(now: 50 * milli)
    planner.want(2, .quote, now: second)
    #expect(planner.socketsWanted == 1)
    _ = planner.messages(now: second + 50 * milli)
    planner.want(1, nil, now: 2 * second)
    planner.want(3, .quote, now: 3 * second)
    _ = planner.messages(now: 3 * second + 50 * milli)
    #expect(planner.socketsWanted == 1, "the one that lingers makes room")
    _ = planner.messages(now: 4 * second)
    #expect(planner.state(of: 3) == .active)
    planner.want(4, .quote, now: 5 * second)
    #expect(planner.socketsWanted == 2)
  }

  @Test func `instruments go where there is room when a socket dies`() {
    var planner = planner(total: 4, sockets: 2)
    for instrument in 0..<6 as Range<UInt32> { planner.want(instrument, .quote, now: 0) }
    #expect(planner.socketsWanted == 2)
    planner.opened(0, now: 0)
    planner.opened(1, now: 0)
    _ = planner.messages(now: 0)
    #expect(planner.instruments(on: 0).count == 4 && planner.instruments(on: 1).count == 2)
    planner.closed(0, now: second)
    let moved = planner.messages(now: second)
    #expect(moved.count == 1 && moved[0].shard == 1 && moved[0].instruments.count == 2)
    planner.opened(0, now: 2 * second)
    let rest = planner.messages(now: 2 * second)
    #expect(rest.count == 1 && rest[0].shard == 0 && rest[0].instruments.count == 2)
  }

  @Test func `the pace is kept, and what changes meanwhile goes into the messages that follow`() {
    var planner = planner(total: 100, perMessage: 1, perSecond: 4)
    planner.opened(0, now: 0)
    for instrument in 1...8 as ClosedRange<UInt32> { planner.want(instrument, .quote, now: 0) }
    var sent = planner.messages(now: 0)
    #expect((1...4).contains(sent.count))
    planner.want(8, nil, now: 1)
    var now: Int64 = 0
    while planner.dueAt < .max, now < 60 * second {
      now = max(now, planner.dueAt)
      sent += planner.messages(now: now)
    }
    #expect(sent.flatMap(\.instruments) == [1, 2, 3, 4, 5, 6, 7], "8 was not wanted any more when its turn came")
    #expect(now >= second)
  }

  @Test func `each way to change a mode`() {
    let expected: [(ModeChange, [ShardPlanner.Message])] = [
      (.modeMessage(initial: .quote), [message(.change, .depth, [1])]),
      (.changeMessage, [message(.change, .depth, [1])]),
      (.subscribeThenUnsubscribe, [message(.subscribe, .depth, [1]), message(.unsubscribe, .quote, [1])]),
      (.unsubscribeThenSubscribe, [message(.unsubscribe, .quote, [1]), message(.subscribe, .depth, [1])]),
    ]
    for (change, messages) in expected {
      var planner = planner(change)
      planner.opened(0, now: 0)
      planner.want(1, .quote, now: 0)
      _ = planner.messages(now: 0)
      planner.want(1, .depth, now: second)
      let sent = planner.messages(now: 2 * second)
      #expect(sent == messages, "\(change)")
      #expect(planner.usedCount == 1)
    }
  }

  @Test func `where two modes do not fit beside one another the old one ends first`() {
    var planner = planner(total: 1, .subscribeThenUnsubscribe)
    planner.opened(0, now: 0)
    planner.want(1, .quote, now: 0)
    _ = planner.messages(now: 0)
    planner.want(1, .depth, now: second)
    let sent = planner.messages(now: 2 * second)
    #expect(sent == [message(.unsubscribe, .quote, [1]), message(.subscribe, .depth, [1])])
  }

  @Test func `an index is asked for in the mode that it is served in`() {
    var capability = planner().capability
    capability.indexModeMax = .quote
    var planner = ShardPlanner(capability: capability, lingerNanos: 0)
    planner.opened(0, now: 0)
    planner.want(1, .depth, isIndex: true, now: 0)
    let sent = planner.messages(now: 0)
    #expect(sent == [message(.subscribe, .quote, [1])])
  }

  /// Whatever is wanted and whichever socket dies: no limit is ever broken, and in the end the broker has exactly what
  /// is wanted, as far as it has room.
  @Test func `random wants and sockets on a broker that enforces its limits`() {
    let seed = SeededGenerator.chosenSeed()
    var generator = SeededGenerator(seed: seed)
    for round in 0..<600 {
      let capability = smallCapabilities()[round % smallCapabilities().count]
      var world = PlannerWorld(capability, lingerNanos: round % 2 == 0 ? 0 : 300 * milli)
      for _ in 0..<Int.random(in: 5...120, using: &generator) { world.step(&generator) }
      world.settle()
      #expect(world.broker.complaints.isEmpty, "seed \(seed), round \(round): \(world.broker.complaints.prefix(3))")
      #expect(world.isRight, "seed \(seed), round \(round): \(world.difference)")
      if !world.isRight || !world.broker.complaints.isEmpty { return }
    }
  }
}

/// A planner, the broker that it talks to, and what is wanted of it.
private struct PlannerWorld {
  var planner: ShardPlanner
  var broker: ModelBroker
  var wanted: [UInt32: Mode] = [:]
  var now: Int64 = 0

  init(_ capability: FeedCapability, lingerNanos: Int64) {
    planner = ShardPlanner(capability: capability, lingerNanos: lingerNanos)
    broker = ModelBroker(capability)
  }

  mutating func step(_ generator: inout SeededGenerator) {
    now += Int64.random(in: 0...400, using: &generator) * milli
    let socketsMax = broker.capability.socketsMax
    let shard = Int.random(in: 0..<socketsMax, using: &generator)
    switch Int.random(in: 0..<10, using: &generator) {
    case 0: open(shard)
    case 1:
      broker.close(shard)
      planner.closed(shard, now: now)
    case 2...7:
      let instrument = UInt32.random(in: 0..<30, using: &generator)
      let mode = [nil, nil, Mode.ltp, .quote, .depth].randomElement(using: &generator)!
      wanted[instrument] = mode
      planner.want(instrument, mode, now: now)
    default: send()
    }
  }

  private mutating func open(_ shard: Int) {
    guard broker.sockets[shard] == nil else { return }
    broker.open(shard)
    planner.opened(shard, now: now)
  }

  private mutating func send() {
    for message in planner.messages(now: now) { broker.apply(message, now: now) }
  }

  mutating func settle() {
    for shard in 0..<broker.capability.socketsMax { open(shard) }
    for _ in 0..<2000 where planner.dueAt < .max {
      now = max(now, planner.dueAt)
      send()
    }
  }

  private var onWire: [UInt32: Mode] { wanted.mapValues { broker.capability.modeOnWire[$0.index] } }

  var difference: String {
    let (have, want) = (broker.set, onWire)
    return "missing \(want.filter { have[$0.key] == nil }), other \(have.filter { want[$0.key] != $0.value })"
  }

  /// Everything that the broker has is wanted; in the right mode or, where that found no room, in another; and nothing
  /// is missing that would have found room.
  var isRight: Bool {
    let (have, want) = (broker.set, onWire)
    guard have.allSatisfy({ want[$0.key] != nil }) else { return false }
    let missing = want.filter { have[$0.key] == nil }
    let other = have.filter { want[$0.key] != $0.value }
    for mode in Array(missing.values) + other.keys.map({ want[$0]! }) {
      for shard in 0..<broker.capability.socketsMax {
        var counts = [0, 0, 0]
        for modes in broker.sockets[shard]!.subscribed.values { for some in modes { counts[some.index] += 1 } }
        counts[mode.index] += 1
        if missing.values.contains(mode), broker.capability.limits.allow(counts) { return false }
      }
    }
    return true
  }
}
