// Broken frames and broken connections: every broker over real sockets, some of them encrypted.

import Feeds
import Market
import Simulator
import Testing

@Suite(.serialized) struct ConnectionFaultTests {
  private static func secure(_ isSecure: Bool) -> BrokerRig.Options {
    var options = BrokerRig.Options()
    options.isSecure = isSecure
    return options
  }

  @Test(arguments: SimulatedBroker.allCases)
  func `a frame of garbage is counted and passed over`(broker: SimulatedBroker) async throws {
    let rig = try BrokerRig(broker)
    try rig.wantSome()
    #expect(await rig.isServed())
    let before = rig.attempts
    let rejected = rig.status.rejections.total
    rig.inject(.garbage)
    #expect(await rig.run(10) { rig.status.rejections.total > rejected })
    #expect(await rig.run(10) { rig.lines.all.contains { $0.contains("without a tick: ") } }, "\(rig)")
    rig.inject(.garbage)
    let second = rig.status.rejections.total
    #expect(await rig.run(10) { rig.status.rejections.total > second })
    #expect(await rig.run(3) { false } == false)
    #expect(rig.lines.all.count { $0.contains("without a tick: ") } == 1, "once per interval: \(rig)")
    #expect(await rig.isServed())
    #expect(rig.attempts == before && rig.status.reconnects == 0, "\(rig)")
    #expect(rig.trail.allSatisfy { $0.state.isUsable }, "\(rig.trail)")
    #expect(await rig.hasOneConnection() && rig.wrong.isEmpty)
  }

  @Test(arguments: SimulatedBroker.allCases)
  func `a wrong heartbeat does not end a feed that brings data`(broker: SimulatedBroker) async throws {
    let rig = try BrokerRig(broker)
    try rig.wantSome()
    #expect(await rig.isServed())
    let before = rig.attempts
    rig.inject(.badHeartbeat)
    #expect(await rig.run(5) { rig.exchange.statistics.faults == 1 })
    _ = await rig.run(1)
    #expect(await rig.isServed())
    #expect(rig.attempts == before && rig.status.reconnects == 0, "\(rig)")
    #expect(rig.trail.allSatisfy { $0.state.isUsable }, "\(rig.trail)")
    #expect(await rig.hasOneConnection() && rig.wrong.isEmpty)
  }

  @Test(arguments: SimulatedBroker.allCases, [false, true])
  func `half a frame and the end of the connection`(broker: SimulatedBroker, isSecure: Bool) async throws {
    let rig = try BrokerRig(broker, Self.secure(isSecure))
    try rig.wantSome()
    #expect(await rig.isServed())
    let before = rig.attempts
    rig.inject(.halfFrame)
    #expect(await rig.sees(.reconnecting, .serverClose, within: 5))
    #expect(await rig.isServed())
    #expect(rig.attempts == before + 1, "\(rig)")
    #expect(await rig.hasOneConnection() && rig.wrong.isEmpty)
  }

  @Test(arguments: SimulatedBroker.allCases, [false, true])
  func `a reset connection`(broker: SimulatedBroker, isSecure: Bool) async throws {
    let rig = try BrokerRig(broker, Self.secure(isSecure))
    try rig.wantSome()
    #expect(await rig.isServed())
    let before = rig.attempts
    rig.inject(.reset)
    #expect(await rig.sees(.reconnecting, .network, within: 5))
    #expect(await rig.isServed())
    #expect(rig.attempts == before + 1, "\(rig)")
    #expect(await rig.hasOneConnection() && rig.wrong.isEmpty)
  }

  /// Every connection is reset as soon as it is there: the hour's budget holds, and says so.
  @Test(arguments: SimulatedBroker.allCases)
  func `a broker that throws everyone out is not stormed`(broker: SimulatedBroker) async throws {
    var options = BrokerRig.Options()
    options.capability = { $0.connectsPerHour = 3 }
    let rig = try BrokerRig(broker, options)
    try rig.wantSome()
    #expect(await rig.isServed())
    rig.inject(.reset, seconds: 60)
    #expect(await rig.sees(.reconnecting, .limit, within: 15))
    _ = await rig.run(0.5)
    #expect(rig.attempts == 3, "\(rig)")
    #expect(rig.status.state == .reconnecting && rig.status.reason == .limit)
    #expect(rig.wrong.isEmpty)
  }
}
