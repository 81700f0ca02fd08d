// Feeds that say too little: some instruments silent, or all of them slow. Every broker over real sockets.

import Feeds
import Market
import Simulator
import Testing

@Suite(.serialized) struct RateFaultTests {
  @Test(arguments: SimulatedBroker.allCases)
  func `instruments that fall silent are reported, and nothing is torn down for them`(broker: SimulatedBroker)
    async throws
  {
    let rig = try BrokerRig(broker)
    try rig.wantSome()
    #expect(await rig.isServed())
    #expect(await rig.run(5) { rig.status.silent == 0 })
    let before = rig.attempts
    rig.inject(.dropHalf)
    let dropped = rig.exchange.universe.instruments.enumerated().filter { index, entry in
      index % 2 == 1 && rig.id(entry).map { rig.wanted[$0] != nil } ?? false
    }
    #expect(await rig.run(10) { rig.status.silent == UInt32(dropped.count) }, "\(rig.status.silent)")
    #expect(rig.status.state == .live && rig.attempts == before, "\(rig)")
    rig.exchange.clearFaults()
    #expect(await rig.run(10) { rig.status.silent == 0 }, "\(rig.status.silent)")
    #expect(rig.attempts == before, "\(rig)")
    #expect(rig.wrong.isEmpty)
  }

  @Test(arguments: SimulatedBroker.allCases)
  func `a rate that collapses is noticed, though ticks still come`(broker: SimulatedBroker) async throws {
    var options = BrokerRig.Options()
    options.capability = { $0.timeouts.rateWindowNanos = oneSecond / 3 }
    let rig = try BrokerRig(broker, options)
    try rig.wantSome()
    #expect(await rig.isServed())
    // A baseline first.
    #expect(await rig.run(3) == false)
    #expect(rig.status.state == .live)
    let before = rig.attempts
    rig.inject(.collapse(percent: 3))
    #expect(await rig.sees(.stale, .stall, within: 10))
    #expect(await rig.sees(.reconnecting, .stall, within: 5))
    #expect(rig.board.lastPayload(of: 0) > 0)
    rig.exchange.clearFaults()
    #expect(await rig.isServed())
    #expect(rig.attempts == before + 1, "\(rig)")
    #expect(rig.wrong.isEmpty)
  }
}
