// Feeds that are connected and say nothing, or too little: every broker over real sockets.

import Feeds
import Market
import Simulator
import Testing

@Suite(.serialized) struct SilenceFaultTests {
  private static func options(_ change: @escaping (inout FeedTimeouts) -> Void) -> BrokerRig.Options {
    var options = BrokerRig.Options()
    options.capability = { change(&$0.timeouts) }
    return options
  }

  @Test(arguments: SimulatedBroker.allCases)
  func `a mute feed is quiet, then stale, then connected anew`(broker: SimulatedBroker) async throws {
    let rig = try BrokerRig(
      broker,
      Self.options {
        $0.quietNanos = oneSecond / 2
        $0.staleNanos = oneSecond
      })
    try rig.wantSome()
    #expect(await rig.isServed())
    #expect(await rig.run(0.5) == false)
    let before = rig.attempts
    rig.inject(.mute)
    #expect(await rig.sees(.quiet, .none, within: 5))
    #expect(await rig.sees(.stale, .stall, within: 10))
    #expect(await rig.sees(.reconnecting, .stall, within: 5))
    #expect(await rig.isServed())
    #expect(rig.attempts == before + 1, "\(rig)")
    #expect(rig.wrong.isEmpty)
  }

  /// A broker that is mute for all connections: a handshake and a pong do not make the feed live again.
  @Test(arguments: SimulatedBroker.allCases)
  func `a feed that stays mute is not called live until it speaks`(broker: SimulatedBroker) async throws {
    let rig = try BrokerRig(
      broker,
      Self.options {
        $0.quietNanos = oneSecond / 2
        $0.staleNanos = oneSecond
      })
    try rig.wantSome()
    #expect(await rig.isServed())
    #expect(await rig.run(0.5) == false)
    rig.inject(.mute, seconds: 60)
    #expect(await rig.sees(.reconnecting, .stall, within: 10))
    let before = rig.exchange.statistics.connects
    #expect(await rig.run(10) { rig.exchange.statistics.connects > before })
    _ = await rig.run(1)
    #expect(rig.trail.drop { $0.state != .stale }.allSatisfy { !$0.state.isUsable }, "\(rig.trail)")
    rig.exchange.clearFaults()
    #expect(await rig.isServed())
    #expect(rig.wrong.isEmpty)
  }

  @Test(arguments: SimulatedBroker.allCases)
  func `a dead connection is found by its missing answers`(broker: SimulatedBroker) async throws {
    var options = BrokerRig.Options()
    options.capability = {
      $0.pingNanos = oneSecond / 2
      $0.pongNanos = oneSecond
    }
    let rig = try BrokerRig(broker, options)
    try rig.wantSome()
    #expect(await rig.isServed())
    let before = rig.attempts
    rig.inject(.dead)
    #expect(await rig.sees(.reconnecting, .stall, within: 8))
    #expect(await rig.isServed())
    #expect(rig.attempts == before + 1, "\(rig)")
    #expect(rig.wrong.isEmpty)
  }
}
