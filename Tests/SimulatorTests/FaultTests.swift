// Every fault with every broker, over real sockets.

import Foundation
import Glibc
import Market
import Reactor
import Simulator
import TestSupport
import Testing
import WebSocket

@Suite(.serialized) struct FaultTests {
  private static let brokers = SimulatedBroker.allCases
  private let second: Int64 = 1_000_000_000

  /// Opens a connection that gets ticks of some shares.
  private func ticking(_ exchange: SimulatedExchange, _ instruments: [Int] = [0, 1, 2, 3]) throws -> BrokerClient {
    let client = try BrokerClient(exchange)
    client.subscribe(instruments)
    _ = try client.take(20)
    return client
  }

  /// Whether a connection opens and ticks.
  private func opens(_ exchange: SimulatedExchange, token: String = "token") -> Bool {
    do {
      let client = try BrokerClient(exchange, token: token)
      client.subscribe([0])
      _ = try client.take(1)
      return true
    } catch TestClientError.refused, TestClientError.brokenProtocol {
      return false
    } catch {
      Issue.record("\(error)")
      return false
    }
  }

  /// Reads frames until `count` of what is no quote has come; answers it.
  private func others(_ client: BrokerClient, _ count: Int) throws -> [Received] {
    try (0..<count).map { _ in try client.nextOther() }
  }

  /// What the client gets until it asked and was answered, so that all that was sent before is there.
  private func drain(_ client: BrokerClient) throws -> [Received] {
    client.client.send(.ping, [7])
    var received: [Received] = []
    while received.last != .pong([7]) { received.append(try client.client.next()) }
    return received
  }

  /// Lets a sweep of the exchange pass.
  private func settle(_ exchange: SimulatedExchange) { _ = exchange.subscriptions() }

  // MARK: At the entrance

  @Test(arguments: brokers)
  func `who is refused gets in again when the fault is cleared`(broker: SimulatedBroker) throws {
    try withBroker(broker) { exchange in
      let before = try ticking(exchange)
      exchange.inject(Fault(.refuse))
      settle(exchange)
      #expect(!opens(exchange))
      _ = try before.take(10)
      #expect(exchange.statistics.upgrades.refused + exchange.statistics.authorizations.refused == 1)
      exchange.clearFaults()
      settle(exchange)
      #expect(opens(exchange))
    }
  }

  @Test(arguments: brokers)
  func `an expired token ends its connections and opens none until there is a new one`(broker: SimulatedBroker) throws {
    try withBroker(broker) { exchange in
      let client = try ticking(exchange)
      exchange.inject(Fault(.expire))
      if broker == .dhan {
        #expect(try others(client, 1) == [.binary([50, 10, 0, 0, 0, 0, 0, 0, 0x27, 0x03])], "807")
      }
      #expect(try others(client, 2) == [.closed(code: 1000), .ended])
      #expect(!opens(exchange) && !opens(exchange))
      exchange.rotateToken(to: "fresh")
      settle(exchange)
      #expect(!opens(exchange))
      #expect(opens(exchange, token: "fresh"))
    }
  }

  @Test(arguments: brokers)
  func `an expiry with a duration is taken back`(broker: SimulatedBroker) throws {
    try withBroker(broker) { exchange in
      _ = try ticking(exchange)
      exchange.inject(Fault(.expire, durationNanos: second / 5))
      settle(exchange)
      #expect(eventually { opens(exchange) })
    }
  }

  @Test(arguments: brokers)
  func `so many attempts to connect are answered with 429`(broker: SimulatedBroker) throws {
    try withBroker(broker) { exchange in
      exchange.inject(Fault(.limit429(attempts: 2)))
      settle(exchange)
      for _ in 0..<2 { #expect(throws: TestClientError.refused(status: 429)) { try BrokerClient(exchange) } }
      #expect(opens(exchange))
      exchange.inject(Fault(.limit429(attempts: 1_000)))
      exchange.clearFaults()
      settle(exchange)
      #expect(opens(exchange), "cleared")
    }
  }

  @Test(arguments: brokers)
  func `a slow entrance lets nothing out before its time`(broker: SimulatedBroker) throws {
    try withBroker(broker) { exchange in
      exchange.inject(Fault(.slowTLS(delayNanos: second / 4)))
      settle(exchange)
      let start = SystemClock.monotonicNanos()
      #expect(opens(exchange))
      // The loop reads its clock once a turn, so its time may have begun a moment before this one.
      #expect(SystemClock.monotonicNanos() - start >= second / 5)
      exchange.clearFaults()
      #expect(eventually { opens(exchange) })
    }
  }

  @Test func `a stop ends the connections that wait at a slow entrance`() throws {
    try withBroker(.kite) { exchange in
      exchange.inject(Fault(.slowTLS(delayNanos: 60 * second)))
      settle(exchange)
      let descriptor = try TestClient.connect(port: exchange.port)
      defer { close(descriptor) }
      settle(exchange)
      exchange.stop()
      var byte: UInt8 = 0
      #expect(recv(descriptor, &byte, 1, 0) <= 0)
    }
  }

  @Test func `commands keep their order: a token that comes after an expiry is good`() throws {
    try withBroker(.kite) { exchange in
      for round in 0..<20 {
        _ = try ticking(exchange)
        exchange.inject(Fault(.expire))
        exchange.rotateToken(to: "token")
        settle(exchange)
        #expect(opens(exchange), "round \(round)")
      }
    }
  }

  // MARK: On open connections

  @Test(arguments: brokers)
  func `a mute connection lives but brings nothing, and a new one is not concerned`(broker: SimulatedBroker) throws {
    try withBroker(broker, { $0.ticksPerSecond = 1_000 }) { exchange in
      let client = try ticking(exchange)
      exchange.inject(Fault(.mute))
      settle(exchange)
      _ = try drain(client)
      client.subscribe([5])
      for _ in 0..<3 {
        usleep(20_000)
        for received in try drain(client) {
          if case .binary(let frame) = received { #expect(frame.count < 2, "\(frame.count) bytes") }
        }
      }
      #expect(opens(exchange))
      exchange.clearFaults()
      _ = try client.take(10)
    }
  }

  @Test func `a mute Kite connection still has its heartbeat`() throws {
    try withBroker(.kite) { exchange in
      let client = try ticking(exchange)
      exchange.inject(Fault(.mute))
      var received = try client.client.next()
      while received != .binary([0]) { received = try client.client.next() }
      #expect(try client.client.next() == .binary([0]))
    }
  }

  @Test(arguments: brokers)
  func `a dead connection says nothing at all, not even to a ping or a close`(broker: SimulatedBroker) throws {
    try withBroker(broker, { $0.ticksPerSecond = 1_000 }) { exchange in
      let client = try ticking(exchange)
      exchange.inject(Fault(.dead))
      settle(exchange)
      client.client.send(.ping, [7])
      client.client.send(.close, [])
      usleep(50_000)
      // Still connected, and counted so.
      #expect(exchange.statistics.connections == 1)
      exchange.dropConnections()
      var received = try client.client.next()
      while case .binary = received { received = try client.client.next() }
      #expect(received == .ended)
      #expect(opens(exchange))
    }
  }

  @Test(arguments: brokers)
  func `with a duration a fault concerns new connections too, until it ends`(broker: SimulatedBroker) throws {
    try withBroker(broker, { $0.ticksPerSecond = 1_000 }) { exchange in
      exchange.inject(Fault(.mute, durationNanos: 3600 * second))
      settle(exchange)
      let client = try BrokerClient(exchange)
      client.subscribe([0, 1])
      usleep(50_000)
      for received in try drain(client) {
        guard case .binary(let frame) = received else { continue }
        #expect(frame.count < 2 || client.quotes(frame) == [])
      }
      exchange.clearFaults()
      _ = try client.take(5)
    }
  }

  @Test(arguments: brokers)
  func `half of the instruments fall silent`(broker: SimulatedBroker) throws {
    try withBroker(broker, { $0.ticksPerSecond = 5_000 }) { exchange in
      let client = try ticking(exchange, Array(0..<10))
      exchange.inject(Fault(.dropHalf))
      settle(exchange)
      _ = try drain(client)
      let left = Set(try client.take(500).map(\.instrument))
      #expect(left == [0, 2, 4, 6, 8])
      exchange.clearFaults()
      var seen: Set<Int> = []
      for _ in 0..<100_000 where seen.count < 10 { seen.formUnion(try client.take(1).map(\.instrument)) }
      #expect(seen.count == 10)
    }
  }

  @Test func `the rate collapses and comes back`() throws {
    try withBroker(.dhan, { $0.ticksPerSecond = 2_000 }) { exchange in
      let client = try ticking(exchange)
      exchange.inject(Fault(.collapse(percent: 1)))
      settle(exchange)
      let before = exchange.statistics.ticks
      usleep(500_000)
      // 20 ticks a second are due now; the bound leaves room for a slow machine.
      #expect(exchange.statistics.ticks - before < 200)
      exchange.clearFaults()
      _ = try client.take(500)
    }
  }

  @Test(arguments: brokers)
  func `garbage is a frame that no reader takes, and the next one is good`(broker: SimulatedBroker) throws {
    try withBroker(broker) { exchange in
      let client = try ticking(exchange)
      exchange.inject(Fault(.garbage))
      while true {
        guard case .binary(let frame) = try client.client.next(), frame.count >= 2 else { continue }
        guard client.quotes(frame) == nil else { continue }
        #expect(frame.count == 200)
        break
      }
      _ = try client.take(20)
    }
  }

  @Test(arguments: brokers)
  func `half a frame is the last thing before the end`(broker: SimulatedBroker) throws {
    try withBroker(broker) { exchange in
      let client = try ticking(exchange)
      exchange.inject(Fault(.halfFrame))
      var received = try client.client.next()
      while case .binary(let frame) = received {
        #expect(client.quotes(frame) != nil)
        received = try client.client.next()
      }
      // The half is not delivered: no frame, no close, just the end.
      #expect(received == .ended && client.client.endErrno == 0 && client.client.isInFrame)
      #expect(opens(exchange))
    }
  }

  @Test(arguments: brokers)
  func `a reset is an error at the client`(broker: SimulatedBroker) throws {
    try withBroker(broker) { exchange in
      let client = try ticking(exchange)
      exchange.inject(Fault(.reset))
      var received = try client.client.next()
      while case .binary = received { received = try client.client.next() }
      #expect(received == .ended && client.client.endErrno == ECONNRESET)
      #expect(opens(exchange))
    }
  }

  @Test func `with a duration resets come again and again`() throws {
    try withBroker(.angel) { exchange in
      exchange.inject(Fault(.reset, durationNanos: 3600 * second))
      for _ in 0..<2 {
        let client = try BrokerClient(exchange)
        client.subscribe([0])
        var received = try client.client.next()
        while case .binary = received { received = try client.client.next() }
        #expect(received == .ended && client.client.endErrno == ECONNRESET)
      }
    }
  }

  @Test(arguments: brokers)
  func `a wrong heartbeat comes at once and in place of the right one`(broker: SimulatedBroker) throws {
    try withBroker(broker) { exchange in
      let client = try BrokerClient(exchange)
      if broker == .upstox { _ = try client.client.next() }
      exchange.inject(Fault(.badHeartbeat))
      let expected: [SimulatedBroker: Received] = [
        .kite: .binary([0, 1]), .angel: .text("gnop"), .upstox: .text("heartbeat"),
        .dhan: .binary([0, 8, 0, 0, 0, 0, 0, 0]),
      ]
      #expect(try client.client.next() == expected[broker])
      if broker == .angel {
        client.client.send("ping")
        #expect(try client.client.next() == .text("gnop"))
        exchange.clearFaults()
        settle(exchange)
        client.client.send("ping")
        #expect(try client.client.next() == .text("pong"))
      }
      if broker == .kite {
        #expect(try client.client.next() == .binary([0, 1]))
        exchange.clearFaults()
        var received = try client.client.next()
        while received == .binary([0, 1]) { received = try client.client.next() }
        #expect(received == .binary([0]))
      }
    }
  }

  @Test func `of two faults that overlap the one that ends first does not end the other`() throws {
    try withBroker(.angel) { exchange in
      let client = try ticking(exchange)
      exchange.inject(Fault(.mute))
      exchange.inject(Fault(.refuse))
      exchange.inject(Fault(.mute, durationNanos: 1))
      exchange.inject(Fault(.refuse, durationNanos: 1))
      usleep(200_000)
      settle(exchange)
      #expect(!opens(exchange))
      _ = try drain(client)
      usleep(20_000)
      #expect(try drain(client) == [.pong([7])])
    }
  }

  // MARK: Plans

  @Test func `a plan plays by itself`() throws {
    let plan = try FaultPlan("rst@100ms,refuse@100ms+300ms,limit429:1@500ms")
    try withBroker(.angel, { $0.faults = plan }) { exchange in
      let client = try BrokerClient(exchange)
      #expect(try client.client.next() == .ended)
      #expect(!opens(exchange))
      #expect(eventually { exchange.statistics.faults == 3 })
      #expect(throws: TestClientError.refused(status: 429)) { try BrokerClient(exchange) }
      #expect(opens(exchange))
    }
  }

  @Test func `faults from many threads at once leave a working exchange`() throws {
    let seed = SeededGenerator.chosenSeed()
    try withBroker(.dhan, { $0.ticksPerSecond = 10_000 }) { exchange in
      let kinds: [Fault.Kind] = [
        .refuse, .expire, .mute, .dead, .dropHalf, .collapse(percent: 10), .garbage, .halfFrame, .reset,
        .slowTLS(delayNanos: 1_000_000), .limit429(attempts: 1), .badHeartbeat,
      ]
      var clients: [BrokerClient] = []
      for _ in 0..<4 { clients.append(try ticking(exchange)) }
      DispatchQueue.concurrentPerform(iterations: 4) { worker in
        var generator = SeededGenerator(seed: seed &+ UInt64(worker))
        for _ in 0..<50 {
          let kind = kinds[Int.random(in: kinds.indices, using: &generator)]
          let duration = Bool.random(using: &generator) ? Int64.random(in: 0...30_000_000, using: &generator) : nil
          exchange.inject(Fault(kind, durationNanos: duration))
          if Int.random(in: 0..<10, using: &generator) == 0 { exchange.clearFaults() }
          _ = exchange.subscriptions()
        }
      }
      exchange.clearFaults()
      exchange.rotateToken(to: "fresh")
      settle(exchange)
      #expect(opens(exchange, token: "fresh"), "seed \(seed)")
    }
  }
}
