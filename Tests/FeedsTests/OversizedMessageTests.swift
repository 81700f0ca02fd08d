// Messages larger than a feed takes: the connection is given up before they are in memory, and the feed goes on.

import Feeds
import Glibc
import Market
import Normalize
import Simulator
import Testing

@Suite(.serialized) struct OversizedMessageTests {
  private static let share = Instrument(
    key: InstrumentKey(.nse, "SHARE"), name: "Share", tickSize: 5_000_000, kind: .equity)
  /// Token 0x101 at one rupee.
  private static let tick: [UInt8] = [0, 1, 0, 8, 0, 0, 1, 1, 0, 0, 0, 100]
  private static let bytesMax = 65_536

  /// A first connection that goes by the script, and others that bring ticks.
  private func rig(_ first: @escaping @Sendable (ScriptedConnection) -> Void) throws -> ScriptedRig {
    var configuration = FeedConfiguration()
    configuration.messageBytesMax = Self.bytesMax
    let rig = try ScriptedRig(
      [Self.share], configuration: configuration,
      script: { connection in
        if connection.number == 0 { first(connection) }
        while connection.send(.binary, Self.tick) { usleep(20_000) }
      },
      define: { [.kite(name: "feed", url: $0, listings: [FeedListing(instrument: 0, token: "257")])] })
    rig.feeds.apply([Want(0, .ltp, delta: 1)])
    return rig
  }

  /// The feed has lost the connection and is live again, with ticks.
  private func recovers(_ rig: ScriptedRig) async -> Bool {
    await rig.run { rig.trail(of: "feed").contains(FeedMoment(.reconnecting, .serverClose)) }
      ? await rig.run { rig.board.state(of: 0) == .live && !rig.ticks.isEmpty } : false
  }

  @Test func `a length beyond the limit ends the connection before anything follows it`() async throws {
    let rig = try rig { connection in
      connection.send(ScriptedConnection.header(.binary, payloadCount: 1 << 40))
      connection.waitForEnd()
    }
    #expect(await recovers(rig), "\(rig.lines(of: "feed"))")
    #expect(rig.board.reconnects(of: 0) == 1)
    #expect(rig.ticks.allSatisfy { $0.ltp == Price.scale })
  }

  @Test func `a message of the largest length is taken`() async throws {
    let rig = try rig { connection in
      connection.send(.binary, Self.tick + [UInt8](repeating: 0, count: Self.bytesMax - Self.tick.count))
      connection.waitForEnd()
    }
    #expect(await rig.run { !rig.ticks.isEmpty })
    #expect(rig.board.reconnects(of: 0) == 0)
  }

  @Test func `one byte more is not`() async throws {
    let rig = try rig { connection in
      connection.send(.binary, Self.tick + [UInt8](repeating: 0, count: Self.bytesMax - Self.tick.count + 1))
      connection.waitForEnd()
    }
    #expect(await recovers(rig), "\(rig.lines(of: "feed"))")
  }

  /// The rest of it is read and thrown away until the connection has ended.
  @Test func `a message in endless pieces is given up at the limit, and not kept`() async throws {
    let piece = [UInt8](repeating: 1, count: 16_384)
    let most = 512 << 20
    let before = Self.residentBytes
    var peak = before
    let rig = try rig { connection in
      var opcode = ScriptedConnection.Opcode.binary
      for _ in 0..<most / piece.count where connection.send(opcode, piece, isLast: false) { opcode = .continuation }
    }
    let isLost = await rig.run {
      peak = max(peak, Self.residentBytes)
      return rig.trail(of: "feed").contains(FeedMoment(.reconnecting, .serverClose))
    }
    #expect(isLost && rig.lines(of: "feed").contains { $0.contains("violation") }, "\(rig.lines(of: "feed"))")
    let isBack = await rig.run {
      peak = max(peak, Self.residentBytes)
      return rig.board.state(of: 0) == .live && !rig.ticks.isEmpty
    }
    #expect(isBack, "\(rig.lines(of: "feed"))")
    // Other tests run beside this one: a bound for all of them.
    #expect(peak - before < most / 4, "\((peak - before) >> 20) MB more")
  }

  /// Memory of this process.
  private static var residentBytes: Int {
    guard let file = fopen("/proc/self/statm", "r") else { return 0 }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 128)
    fgets(&line, Int32(line.count), file)
    let words = String(decoding: line.map(UInt8.init(bitPattern:)), as: UTF8.self).split(separator: " ")
    return words.count > 1 ? (Int(words[1]) ?? 0) * Int(getpagesize()) : 0
  }

  /// What is too large today need not be tomorrow: fewer instruments make smaller pulses.
  @Test(arguments: SimulatedBroker.allCases)
  func `an ordinary pulse that is too large is no end`(broker: SimulatedBroker) async throws {
    var options = BrokerRig.Options()
    options.exchange = { $0.pacing = .pulse }
    options.capability = { $0.timeouts.provenNanos = oneSecond / 10 }
    options.messageBytesMax = 3000
    let rig = try BrokerRig(broker, options)
    let shares = rig.exchange.universe.instruments.filter { $0.instrument.exchange == .nse }.compactMap { rig.id($0) }
    let few = Dictionary(uniqueKeysWithValues: shares.prefix(3).map { ($0, Mode.depth) })
    let many = Dictionary(uniqueKeysWithValues: shares.prefix(40).map { ($0, Mode.depth) })
    rig.want(few)
    #expect(await rig.isServed())
    guard broker != .angel else {
      // A message has one packet: nothing grows with the number of instruments.
      rig.want(many)
      #expect(await rig.isServed())
      return #expect(rig.status.reconnects == 0)
    }
    rig.startTrail()
    rig.want(many)
    #expect(await rig.sees(.reconnecting, .serverClose, within: 10), "\(rig)")
    rig.want(few)
    #expect(await rig.isServed(), "\(rig)")
    #expect(await rig.hasOneConnection() && rig.wrong.isEmpty)
  }
}
