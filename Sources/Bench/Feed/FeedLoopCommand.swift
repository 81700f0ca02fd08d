import ArgumentParser
import Feeds
import Glibc
import Logging
import Market
import Normalize
import Reactor
import Simulator
import TickRing

/// The feed loop alone: simulated exchange, sockets, decoder, sequencer, and one reader of the ring that counts.
struct FeedLoopCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "feeds",
    abstract: "What the feed loop costs: every instrument of a simulated exchange over as many sockets as it takes.")

  @Option(help: "Instruments, 3,000 a socket.") var instruments = 9000
  @Option(help: "Ticks per second.") var rate = 30_000
  @Option(help: "smooth or pulse.") var pacing = "pulse"
  @Option(help: "Seconds of measuring.") var seconds = 10
  @Flag(help: "Over TLS: needs --certificate, --key and --authority.") var tls = false
  @Option(help: "Certificate of the exchange.") var certificate = ""
  @Option(help: "Its private key.") var key = ""
  @Option(help: "Authority that signed it.") var authority = ""

  private struct AnyCredentials: CredentialProvider {
    func credentials(feed: String) -> FeedCredentials? { FeedCredentials(apiKey: "bench", accessToken: "bench") }
  }

  func run() throws {
    var settings = ExchangeConfiguration()
    settings.instrumentCount = instruments
    settings.ticksPerSecond = rate
    settings.pacing = ExchangeConfiguration.Pacing(rawValue: pacing) ?? .pulse
    settings.pendingBytesMax = 64 << 20
    if tls { settings.tls = try TLSServerContext(certificate: certificate, key: key) }
    var log = Logger(label: "bench")
    log.logLevel = .warning
    let exchange = try SimulatedExchange.start(settings, log: log)
    defer { exchange.stop() }
    let master = try KiteInstruments.parse(exchange.universe.csv())
    let registry = InstrumentRegistry(master.instruments)
    let ring = TickRing(capacity: 1 << 17)
    let lastValues = LastValueTable(count: registry.count)
    var configuration = FeedConfiguration()
    configuration.lingerNanos = 0
    if tls { configuration.tls = try TLSClientContext(authorities: .file(authority)) }
    let url = tls ? "wss://localhost:\(exchange.port)" : "ws://127.0.0.1:\(exchange.port)"
    let feeds = FeedService(
      definitions: [.kite(name: "sim", url: url, listings: master.listings(in: registry))],
      configuration: configuration, registry: registry, ring: ring, lastValues: lastValues,
      board: FeedBoard(names: ["sim"]), credentials: AnyCredentials(), calendar: .alwaysOpen, log: log)
    try feeds.start()
    defer { feeds.stop() }
    var reader = TickReader(ring)
    feeds.apply((0..<UInt32(registry.count)).map { Want($0, .depth, delta: 1) })
    measure(exchange, &reader) {
      feeds.apply((0..<UInt32(registry.count)).map { Want($0, .depth, delta: -1) })
    }
  }

  /// - Parameter end: ends all subscriptions.
  private func measure(_ exchange: SimulatedExchange, _ reader: inout TickReader, end: () -> Void) {
    var tick = Tick()
    var read: UInt64 = 0
    func drain(nanos: Int64) {
      let end = SystemClock.monotonicNanos() + nanos
      while SystemClock.monotonicNanos() < end {
        while reader.read(into: &tick) == .tick { read += 1 }
        usleep(500)
      }
    }
    drain(nanos: 3_000_000_000)
    let (ticks, cpu, start) = (read, ThreadUsage.nanos(of: "feeds"), SystemClock.monotonicNanos())
    drain(nanos: Int64(seconds) * 1_000_000_000)
    let elapsed = SystemClock.monotonicNanos() - start
    let used = ThreadUsage.nanos(of: "feeds") - cpu
    let (connections, seen) = (exchange.statistics.connections, read - ticks)
    // Everything that was ever sent must have been read once the exchange has nothing more to send.
    end()
    var packets = UInt64.max
    while packets != exchange.statistics.packets {
      packets = exchange.statistics.packets
      drain(nanos: 1_000_000_000)
    }
    let now = exchange.statistics
    print("\(instruments) instruments over \(connections) sockets, \(seen * 1_000_000_000 / UInt64(elapsed)) ticks/s")
    print("feed loop     \(Self.decimal(Double(used) * 100 / Double(elapsed))) % of a core")
    print("per tick      \(Self.decimal(Double(used) / Double(max(seen, 1)))) ns")
    print("sent in all   \(now.packets), read \(read), lost by the reader \(reader.lost)")
    print("skipped by the exchange \(now.skippedPackets), late \(now.droppedTicks)")
  }

  private static func decimal(_ value: Double) -> String { "\((value * 100).rounded() / 100)" }
}
