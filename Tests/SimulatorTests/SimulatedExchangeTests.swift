// The exchange over real sockets, seen by a plain client and the real decoder.

import Foundation
import Market
import Normalize
import Reactor
import Simulator
import TestSupport
import Testing
import WebSocket

/// Both run the same tests: `TICKGATE_IO_BACKEND` names the other one.
private let testBackend = getenv("TICKGATE_IO_BACKEND").map { BackendKind(rawValue: String(cString: $0))! } ?? .auto

@Suite(.serialized) struct SimulatedExchangeTests {
  /// Runs a body against an exchange, which is stopped afterwards.
  private func withExchange(
    _ change: (inout ExchangeConfiguration) -> Void = { _ in }, clock: any WallClock = SystemClock(),
    _ body: (SimulatedExchange) throws -> Void
  ) throws {
    var configuration = ExchangeConfiguration()
    configuration.seed = 42
    configuration.backend = testBackend
    change(&configuration)
    let exchange = try SimulatedExchange.start(configuration, clock: clock)
    defer { exchange.stop() }
    try body(exchange)
  }

  private func subscribe(_ tokens: [UInt32]) -> String {
    #"{"a":"subscribe","v":["# + tokens.map(String.init).joined(separator: ",") + "]}"
  }

  private func mode(_ mode: String, _ tokens: [UInt32]) -> String {
    #"{"a":"mode","v":[""# + mode + #"",["# + tokens.map(String.init).joined(separator: ",") + "]]}"
  }

  /// Polls until it holds; false when it never does.
  private func eventually(_ condition: () -> Bool) -> Bool {
    for _ in 0..<4_000 {
      if condition() { return true }
      usleep(5_000)
    }
    return false
  }

  // MARK: Opening

  @Test func `wrong credentials are refused with 403`() throws {
    try withExchange {
      $0.authorization = KiteAuthorization(apiKey: "key", accessToken: "right")
    } _: { exchange in
      for target in ["/", "/?api_key=key", "/?api_key=key&access_token=wrong", "/?api_key=x&access_token=right"] {
        #expect(throws: TestClientError.refused(status: 403)) { try TestClient(port: exchange.port, target: target) }
      }
      let client = try TestClient(port: exchange.port, target: "/?api_key=key&access_token=right")
      client.send(subscribe([exchange.universe.token(.nse, "INFY")]))
      #expect(try decode(client.nextFrame(), exchange.universe.tokenMap).count == 1)
      #expect(exchange.statistics.refused == 4)
    }
  }

  @Test func `connections beyond the limit are refused until one ends`() throws {
    try withExchange {
      $0.connectionsMax = 1
    } _: { exchange in
      var first: TestClient? = try TestClient(port: exchange.port)
      #expect(exchange.statistics.connections == 1)
      #expect(throws: TestClientError.refused(status: 429)) { try TestClient(port: exchange.port) }
      first?.send(.close, [])
      first = nil
      #expect(eventually { exchange.statistics.connections == 0 })
      #expect(try TestClient(port: exchange.port).next() == .binary([0]), "the heartbeat of an idle connection")
    }
  }

  @Test func `a request and a message that come byte by byte are understood`() throws {
    try withExchange { exchange in
      let client = try TestClient(port: exchange.port, sendsSingleBytes: true)
      let token = exchange.universe.token(.nse, "SBIN")
      for byte in TestClient.frame(.text, Array(subscribe([token]).utf8)) { client.write([byte]) }
      #expect(try decode(client.nextFrame(), exchange.universe.tokenMap).count == 1)
    }
  }

  @Test func `bad settings and a taken port are errors`() throws {
    var configuration = ExchangeConfiguration()
    configuration.ticksPerSecond = 0
    #expect(throws: ExchangeError.self) { try SimulatedExchange.start(configuration) }
    configuration = ExchangeConfiguration()
    configuration.instrumentCount = 1
    #expect(throws: ExchangeError.self) { try SimulatedExchange.start(configuration) }
    try withExchange { exchange in
      var configuration = ExchangeConfiguration()
      configuration.port = exchange.port
      #expect(throws: LoopError.self) { try SimulatedExchange.start(configuration) }
    }
  }

  // MARK: Subscriptions

  @Test func `a snapshot comes at once and follows the mode`() throws {
    try withExchange { exchange in
      let universe = exchange.universe
      let client = try TestClient(port: exchange.port)
      let tokens = [universe.token(.nse, "RELIANCE"), universe.token(.nseIndex, "NIFTY")]
      client.send(subscribe(tokens))
      let quotes = try decode(client.nextFrame(), universe.tokenMap)
      #expect(quotes.count == 2 && quotes.allSatisfy { $0.mode == Mode.quote.rawValue })
      client.send(mode("full", tokens))
      var ticks = try decode(client.nextFrame(), universe.tokenMap)
      while ticks.first?.mode != Mode.depth.rawValue { ticks = try decode(client.nextFrame(), universe.tokenMap) }
      #expect(ticks.contains { $0.has(.depth) && $0.bidLevels == 5 })
      #expect(ticks.allSatisfy { $0.has(.exchangeTime) })
      client.send(mode("ltp", tokens))
      ticks = try decode(client.nextFrame(), universe.tokenMap)
      while ticks.first?.mode != Mode.ltp.rawValue { ticks = try decode(client.nextFrame(), universe.tokenMap) }
    }
  }

  @Test func `only what is subscribed comes, and volume never goes back`() throws {
    try withExchange {
      $0.ticksPerSecond = 5_000
    } _: { exchange in
      let universe = exchange.universe
      let client = try TestClient(port: exchange.port)
      let wanted = universe.instruments.enumerated().filter { $0.offset % 3 == 0 }
      client.send(subscribe(wanted.map(\.element.token)))
      let indices = Set(wanted.map { UInt32($0.offset) })
      var volumes: [UInt32: Int64] = [:]
      var count = 0
      while count < 3_000 {
        for tick in try decode(client.nextFrame(), universe.tokenMap) {
          #expect(indices.contains(tick.instrument))
          #expect(tick.low <= tick.ltp && tick.ltp <= tick.high)
          if tick.has(.volume) {
            #expect(tick.volume >= volumes[tick.instrument, default: 0])
            volumes[tick.instrument] = tick.volume
          }
          count += 1
        }
      }
      #expect(volumes.count > 30)
      #expect(exchange.statistics.packets >= 3_000 && exchange.statistics.ticks > 0)
    }
  }

  @Test func `after the last unsubscribe nothing but heartbeats comes`() throws {
    try withExchange {
      $0.ticksPerSecond = 1_000
    } _: { exchange in
      let client = try TestClient(port: exchange.port)
      let token = exchange.universe.token(.nse, "TCS")
      client.send(subscribe([token]))
      for _ in 0..<20 { _ = try client.nextFrame() }
      client.send(#"{"a":"unsubscribe","v":[\#(token)]}"#)
      // The pong tells that the unsubscribe was read.
      client.send(.ping, [9])
      while try client.next() != .pong([9]) {}
      #expect(try client.next() == .binary([0]))
      let ticks = exchange.statistics.ticks
      #expect(try client.next() == .binary([0]))
      #expect(exchange.statistics.ticks == ticks)
    }
  }

  @Test func `after any changes exactly what is subscribed still ticks`() throws {
    try withExchange {
      $0.ticksPerSecond = 20_000
    } _: { exchange in
      let seed = SeededGenerator.chosenSeed()
      var generator = SeededGenerator(seed: seed)
      let universe = exchange.universe
      var others: [TestClient] = []
      for part in 0..<3 {
        others.append(try TestClient(port: exchange.port))
        let tokens = universe.instruments.enumerated().filter { $0.offset % 3 != part }.map(\.element.token)
        others[part].send(subscribe(tokens))
        _ = try others[part].nextFrame()
      }
      let client = try TestClient(port: exchange.port)
      var wanted: Set<UInt32> = []
      for round in 0..<60 {
        let picked = (0..<20).map { _ in UInt32.random(in: 0..<UInt32(universe.count), using: &generator) }
        let tokens = picked.map { universe.instruments[Int($0)].token }
        if round.isMultiple(of: 2) {
          client.send(subscribe(tokens))
          wanted.formUnion(picked)
        } else {
          client.send(#"{"a":"unsubscribe","v":\#(tokens)}"#)
          wanted.subtract(picked)
        }
        // Takes the interest of a whole connection away at some time.
        if round == 20 || round == 40 { others.removeLast() }
      }
      #expect(eventually { exchange.statistics.connections == 2 })
      client.send(.ping, [1])
      while try client.next() != .pong([1]) {}
      var seen: Set<UInt32> = []
      for _ in 0..<100_000 where seen != wanted {
        seen.formUnion(try decode(client.nextFrame(), universe.tokenMap).map(\.instrument))
        guard seen.isSubset(of: wanted) else { break }
      }
      #expect(seen == wanted, "seed \(seed)")
    }
  }

  @Test func `instruments beyond the connection's limit bring an error text`() throws {
    try withExchange {
      $0.instrumentsPerConnectionMax = 5
    } _: { exchange in
      let client = try TestClient(port: exchange.port)
      client.send(subscribe(exchange.universe.instruments.prefix(6).map(\.token)))
      #expect(try decode(client.nextFrame(), exchange.universe.tokenMap).count == 5)
      var received = try client.next()
      while case .binary = received { received = try client.next() }
      guard case .text(let text) = received else { return #expect(Bool(false), "\(received)") }
      #expect(text.hasPrefix(#"{"type":"error","data":""#))
    }
  }

  @Test func `two clients see the same prices in their own modes`() throws {
    try withExchange {
      $0.ticksPerSecond = 2_000
    } _: { exchange in
      let tokens = exchange.universe.tokenMap
      let token = exchange.universe.token(.nse, "INFY")
      let (full, brief) = (try TestClient(port: exchange.port), try TestClient(port: exchange.port))
      full.send(subscribe([token]))
      full.send(mode("full", [token]))
      _ = try full.nextFrame()
      brief.send(subscribe([token]))
      brief.send(mode("ltp", [token]))
      var briefPrices: [Int64] = []
      while briefPrices.count < 200 {
        briefPrices += try decode(brief.nextFrame(), tokens).filter { $0.mode == Mode.ltp.rawValue }.map(\.ltp)
      }
      // The first is the snapshot of a price that was already sent.
      briefPrices.removeFirst()
      var fullPrices: [Int64] = []
      while fullPrices.count < 20_000, !fullPrices.contains(run: briefPrices) {
        fullPrices += try decode(full.nextFrame(), tokens).map(\.ltp)
      }
      #expect(fullPrices.contains(run: briefPrices))
    }
  }

  @Test func `the same seed and clock give the same snapshot`() throws {
    let clock = ManualClock(nanos: Int64(nowSeconds) * 1_000_000_000)
    var snapshots: [[UInt8]] = []
    for seed in [7, 7, 8] as [UInt64] {
      try withExchange({ $0.seed = seed }, clock: clock) { exchange in
        let client = try TestClient(port: exchange.port)
        client.send(subscribe(exchange.universe.instruments.map(\.token)))
        snapshots.append(try client.nextFrame())
      }
    }
    let isSame = snapshots[0] == snapshots[1]
    let isOther = snapshots[0] != snapshots[2]
    #expect(isSame && isOther)
    #expect(snapshots[0].count > 120 * 28)
  }

  // MARK: Pacing and load

  @Test func `a pulse is one frame of different instruments`() throws {
    try withExchange {
      $0.pacing = .pulse
    } _: { exchange in
      let universe = exchange.universe
      let client = try TestClient(port: exchange.port)
      client.send(subscribe(universe.instruments.map(\.token)))
      #expect(try decode(client.nextFrame(), universe.tokenMap).count == universe.count, "the snapshot")
      var total = 0
      for _ in 0..<4 {
        let ticks = try decode(client.nextFrame(), universe.tokenMap)
        #expect(Set(ticks.map(\.instrument)).count == ticks.count)
        total += ticks.count
      }
      // Half of the instruments change in a pulse; the first one may be short.
      #expect(total > universe.count && total < 3 * universe.count)
    }
  }

  @Test func `a million ticks a second come in frames of many packets`() throws {
    try withExchange {
      $0.ticksPerSecond = 1_000_000
      $0.instrumentCount = 1_000
      $0.pendingBytesMax = 16 << 20
    } _: { exchange in
      let universe = exchange.universe
      let tokens = universe.tokenMap
      let client = try TestClient(port: exchange.port)
      client.send(subscribe(universe.instruments.map(\.token)))
      var (packets, frames) = (0, 0)
      while packets < 200_000 {
        packets += decode(try client.nextFrame(), tokens).count
        frames += 1
      }
      #expect(packets / frames > 50)
    }
  }

  @Test func `a client that does not read is skipped, and the others go on`() throws {
    try withExchange {
      $0.ticksPerSecond = 200_000
      $0.pendingBytesMax = 1 << 16
    } _: { exchange in
      let universe = exchange.universe
      let tokens = universe.tokenMap
      let slow = try TestClient(port: exchange.port, receiveBufferBytes: 8192)
      slow.send(subscribe(universe.instruments.map(\.token)))
      let good = try TestClient(port: exchange.port)
      good.send(subscribe([universe.token(.nse, "INFY")]))
      var rounds = 0
      while exchange.statistics.skippedPackets < 10_000, rounds < 2_000_000 {
        #expect(decode(try good.nextFrame(), tokens).count > 0)
        rounds += 1
      }
      #expect(exchange.statistics.skippedPackets >= 10_000)
      // What it did get is whole.
      for _ in 0..<50 {
        let frame = try slow.nextFrame()
        let count = Int(frame[0]) << 8 | Int(frame[1])
        #expect(decode(frame, tokens).count == count)
      }
    }
  }

  // MARK: Text, faults and the end

  @Test func `injected text reaches every connection`() throws {
    try withExchange { exchange in
      let clients = try (0..<3).map { _ in try TestClient(port: exchange.port) }
      // Longer than the short and the middle header form.
      for text in [#"{"type":"order","data":{"order_id":"1"}}"#, String(repeating: "x", count: 70_000)] {
        exchange.broadcast(text: text)
        for client in clients {
          var received = try client.next()
          while received == .binary([0]) { received = try client.next() }
          #expect(received == .text(text))
        }
      }
    }
  }

  @Test func `a frame without a mask closes the connection, nonsense text does not`() throws {
    try withExchange { exchange in
      let client = try TestClient(port: exchange.port)
      client.send("nonsense")
      client.send(.binary, [1, 2, 3])
      client.send(.ping, [5])
      while try client.next() != .pong([5]) {}
      client.write([0x81, 0x02, 0x68, 0x69])
      var received = try client.next()
      while received == .binary([0]) { received = try client.next() }
      #expect(received == .closed(code: 1002))
      #expect(try client.next() == .ended)
      #expect(eventually { exchange.statistics.connections == 0 })
    }
  }

  @Test func `a close is answered with its code`() throws {
    try withExchange { exchange in
      let client = try TestClient(port: exchange.port)
      client.send(subscribe(exchange.universe.instruments.map(\.token)))
      client.send(.close, [0x03, 0xE8])
      var received = try client.next()
      while case .binary = received { received = try client.next() }
      #expect(received == .closed(code: 1000))
      #expect(try client.next() == .ended)
    }
  }

  @Test func `dropped connections end without a word and can be opened again`() throws {
    try withExchange { exchange in
      let client = try TestClient(port: exchange.port)
      let token = exchange.universe.token(.nse, "ITC")
      client.send(subscribe([token]))
      _ = try client.nextFrame()
      exchange.dropConnections()
      var received = try client.next()
      while case .binary = received { received = try client.next() }
      #expect(received == .ended)
      let again = try TestClient(port: exchange.port)
      #expect(try again.next() == .binary([0]), "no subscription is left of the earlier connection")
      again.send(subscribe([token]))
      #expect(try decode(again.nextFrame(), exchange.universe.tokenMap).count == 1)
    }
  }

  @Test func `stop closes the connections and frees the port`() throws {
    let exchange = try SimulatedExchange.start(ExchangeConfiguration())
    let client = try TestClient(port: exchange.port)
    exchange.stop()
    var received = try client.next()
    while received == .binary([0]) { received = try client.next() }
    #expect(received == .closed(code: 1001))
    exchange.stop()
    #expect(throws: TestClientError.cannotConnect) { try TestClient(port: exchange.port) }
  }
}

extension [Int64] {
  /// Whether `run` stands somewhere in this sequence without gaps.
  fileprivate func contains(run: [Int64]) -> Bool {
    guard count >= run.count else { return false }
    return (0...(count - run.count)).contains { start in
      self[start] == run[0] && self[start..<start + run.count] == run[...]
    }
  }
}
