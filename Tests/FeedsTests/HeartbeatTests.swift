// Brokers that cut clients which show no life: our pings are what keeps a connection, whatever comes the other way.

import Feeds
import Market
import Simulator
import Testing

@Suite(.serialized) struct HeartbeatTests {
  /// A broker that waits for one and a half seconds, and no ping of its own in that time.
  private func rig(_ broker: SimulatedBroker, pingNanos: Int64) throws -> BrokerRig {
    var options = BrokerRig.Options()
    options.exchange = {
      var limits = BrokerLimits.of(broker)
      limits.silenceNanosMax = oneSecond * 3 / 2
      $0.limits = limits
    }
    options.capability = { $0.pingNanos = pingNanos }
    return try BrokerRig(broker, options)
  }

  @Test(arguments: SimulatedBroker.allCases)
  func `our pings keep a connection, ticks or not`(broker: SimulatedBroker) async throws {
    let rig = try rig(broker, pingNanos: oneSecond * 2 / 5)
    try rig.wantSome()
    #expect(await rig.isServed())
    _ = await rig.run(5)
    #expect(rig.status.state.isUsable && rig.status.reconnects == 0, "\(rig)")
    #expect(rig.exchange.statistics.connects == 1 && rig.wrong.isEmpty)
    rig.want([:])
    _ = await rig.run(3)
    #expect(rig.status.reconnects == 0 && rig.exchange.statistics.connects == 1, "\(rig)")
  }

  /// Else the test above would say nothing.
  @Test(arguments: SimulatedBroker.allCases)
  func `without pings such a broker cuts the connection`(broker: SimulatedBroker) async throws {
    let rig = try rig(broker, pingNanos: 60 * oneSecond)
    try rig.wantSome()
    #expect(await rig.sees(.reconnecting, .serverClose, within: 10), "\(rig)")
  }
}
