// Faults at the entrance, for every broker over real sockets: who is not let in, and when.

import Feeds
import Market
import Simulator
import Testing

@Suite(.serialized) struct LoginFaultTests {
  /// A refusal is final for these credentials: none of them is tried again, and others heal it.
  @Test(arguments: SimulatedBroker.allCases)
  func `a refused login waits for other credentials, without hammering`(broker: SimulatedBroker) async throws {
    let rig = try BrokerRig(broker)
    try rig.wantSome()
    #expect(await rig.isServed())
    let before = rig.attempts
    rig.inject(.refuse)
    rig.exchange.dropConnections()
    #expect(await rig.sees(.authFailed, .auth, within: 10))
    _ = await rig.run(0.7)
    #expect(rig.status.state == .authFailed && rig.status.reason == .auth)
    #expect(rig.attempts == before + 1, "\(rig)")
    let lines = rig.lines.all
    #expect(lines.count { $0.hasSuffix("-> live") } == 1, "not for a moment: \(lines)")
    #expect(!lines.contains { $0.contains("first") }, "a token in the log")
    rig.exchange.clearFaults()
    rig.exchange.rotateToken(to: "second")
    rig.credentials.change(to: "second")
    #expect(await rig.isServed())
    #expect(rig.attempts == before + 2, "\(rig)")
    #expect(await rig.hasOneConnection() && rig.wrong.isEmpty)
  }

  @Test(arguments: SimulatedBroker.allCases, [false, true])
  func `a token that expires in the middle of the day is replaced`(broker: SimulatedBroker, isSecure: Bool)
    async throws
  {
    var options = BrokerRig.Options()
    options.isSecure = isSecure
    let rig = try BrokerRig(broker, options)
    try rig.wantSome()
    #expect(await rig.isServed())
    let before = rig.attempts
    rig.inject(.expire)
    #expect(await rig.sees(.authFailed, .auth, within: 10))
    #expect(rig.board.liveSince(of: 0) == .max)
    // Counted at the end of the turn in which the state changed.
    #expect(await rig.run(5) { rig.status.used == 0 })
    rig.exchange.rotateToken(to: "second")
    _ = await rig.run(0.3)
    #expect(rig.status.state == .authFailed, "the old token again would be refused again")
    rig.credentials.change(to: "second")
    #expect(await rig.isServed())
    // The end of the connection, and the refusal; some brokers say the reason at once.
    #expect(rig.attempts <= before + 2, "\(rig)")
    #expect(await rig.hasOneConnection() && rig.wrong.isEmpty)
  }

  @Test(arguments: SimulatedBroker.allCases)
  func `too many attempts are answered with patience`(broker: SimulatedBroker) async throws {
    let rig = try BrokerRig(broker)
    try rig.wantSome()
    #expect(await rig.isServed())
    let before = rig.attempts
    rig.inject(.limit429(attempts: 1))
    rig.exchange.dropConnections()
    #expect(await rig.sees(.reconnecting, .limit, within: 10))
    let since = rig.status.since
    #expect(await rig.isServed())
    let waited = rig.board.liveSince(of: 0) - since
    #expect(waited >= FeedTimeouts.short.limitNanos, "\(waited) ns")
    #expect(rig.attempts == before + 2, "\(rig)")
    #expect(await rig.hasOneConnection() && rig.wrong.isEmpty)
  }

  /// The TCP connection is accepted and then nothing: the attempt is given up and another one made.
  @Test(arguments: SimulatedBroker.allCases)
  func `a TLS handshake that takes too long is given up`(broker: SimulatedBroker) async throws {
    var options = BrokerRig.Options()
    options.isSecure = true
    options.capability = { $0.timeouts.openNanos = oneSecond }
    let rig = try BrokerRig(broker, options)
    try rig.wantSome()
    #expect(await rig.isServed())
    rig.inject(.slowTLS(delayNanos: 2 * oneSecond))
    rig.exchange.dropConnections()
    #expect(await rig.sees(.connecting, .serverClose, within: 5))
    #expect(await rig.sees(.reconnecting, .network, within: 10))
    rig.exchange.clearFaults()
    #expect(await rig.isServed())
    #expect(await rig.hasOneConnection() && rig.wrong.isEmpty)
  }
}
