// What is wanted and what the exchange has, over real sockets: modes, several sockets, subscriptions that linger.

import Feeds
import Glibc
import Market
import Simulator
import Testing

@Suite(.serialized) struct FeedSubscriptionTests {
  /// The mode that ticks come in: Upstox has one packet for quote and depth, and a close in the least.
  private static func tickMode(_ broker: SimulatedBroker, _ mode: Mode) -> Mode {
    guard broker == .upstox else { return mode }
    return mode == .ltp ? .quote : .depth
  }

  @Test(arguments: SimulatedBroker.allCases)
  func `a mode goes up and down again, and ticks follow`(broker: SimulatedBroker) async throws {
    let rig = try BrokerRig(broker)
    let universe = rig.exchange.universe.instruments
    let index = try #require(universe.first { $0.isIndex }.flatMap(rig.id))
    let others = universe.filter { !$0.isIndex }.prefix(4).compactMap(rig.id)
    for mode in [Mode.ltp, .quote, .depth, .ltp] {
      rig.want(Dictionary(uniqueKeysWithValues: (others + [index]).map { ($0, mode) }))
      #expect(await rig.isServed(), "\(mode) \(rig)")
      // What was sent before the change has come by now.
      _ = await rig.run(0.2)
      rig.forget()
      #expect(await rig.run { rig.last.count == others.count + 1 })
      let wanted = Self.tickMode(broker, mode)
      for id in others {
        #expect(rig.modes[id] == [wanted], "\(mode)")
        #expect(rig.last[id]?.has(.depth) == (wanted == .depth))
        #expect(rig.last[id]?.has(.volume) == (mode != .ltp))
      }
      // Dhan sends the previous close of an index in every mode.
      #expect(rig.modes[index]?.allSatisfy { $0 <= max(wanted, .quote) } == true)
    }
    rig.want([:])
    #expect(await rig.run { rig.isWhole })
    _ = await rig.run(0.3)
    rig.forget()
    _ = await rig.run(0.3)
    #expect(rig.last.isEmpty && rig.status.state.isUsable && rig.status.reconnects == 0, "\(rig)")
    #expect(rig.wrong.isEmpty)
  }

  /// More than one socket takes, then all of them in another mode, then all sockets lost.
  @Test(arguments: [(SimulatedBroker.kite, 3500), (.angel, 1200)])
  func `what is too much for one socket goes over two`(broker: SimulatedBroker, count: Int) async throws {
    var options = BrokerRig.Options()
    options.instrumentCount = count + 50
    options.ticksPerSecond = 2000
    let rig = try BrokerRig(broker, options)
    let ids = rig.exchange.universe.instruments.compactMap(rig.id).prefix(count)
    try #require(ids.count == count)
    rig.want(Dictionary(uniqueKeysWithValues: ids.map { ($0, .quote) }))
    #expect(await rig.isServed(40), "\(rig)")
    #expect(rig.status.sockets == 2 && rig.status.used == UInt32(count))
    rig.want(Dictionary(uniqueKeysWithValues: ids.map { ($0, .depth) }))
    #expect(await rig.isServed(40), "\(rig)")
    rig.inject(.reset)
    #expect(await rig.sees(.reconnecting, .network, within: 5))
    #expect(await rig.isServed(40), "\(rig)")
    #expect(rig.status.used == UInt32(count))
    #expect(rig.exchange.statistics.ignoredFrames == 0)
    #expect(rig.attempts == 4 && rig.wrong.isEmpty, "\(rig)")
  }

  @Test(arguments: SimulatedBroker.allCases)
  func `what nobody wants any more stays for a while, for those who come back`(broker: SimulatedBroker) async throws {
    var options = BrokerRig.Options()
    options.lingerNanos = 3 * oneSecond / 2
    let rig = try BrokerRig(broker, options)
    let ids = rig.exchange.universe.instruments.filter { !$0.isIndex }.prefix(2).compactMap(rig.id)
    let (first, second) = (ids[0], ids[1])
    rig.want([first: .quote, second: .quote])
    #expect(await rig.isServed())
    let frames = rig.exchange.statistics.subscribeFrames
    rig.want([first: .quote])
    _ = await rig.run(0.3)
    #expect(rig.exchange.subscriptions().count == 2)
    rig.want([first: .quote, second: .quote])
    _ = await rig.run(2)
    #expect(rig.isWhole && rig.exchange.statistics.subscribeFrames == frames)
    #expect(rig.exchange.statistics.unsubscribeFrames == 0)
    rig.want([first: .quote])
    #expect(await rig.run { rig.isWhole })
    #expect(rig.wrong.isEmpty)
  }
}
