import ArgumentParser
import CLinux
import Glibc
import Market
import Normalize
import Reactor

struct LoadCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "load",
    abstract: "Connect many clients to a WebSocket server, and see what arrives, when, and at which cost.",
    discussion: """
      The API key comes from the environment variable TICKGATE_KEY. With --feed the load also plays the broker: start \
      the gateway with `tickgate-bench feed --list-only`'s instruments and feeds.zerodha.url ws://127.0.0.1:PORT; every \
      tick then carries a number from which its latency and gaps follow, whatever the server adds.
      """)

  @Option(help: "Host of the server, IPv4.") var host = "127.0.0.1"
  @Option(help: "Port of the server.") var port: UInt16 = 8765
  @Option(help: "Seconds to wait for a server that is not up yet.") var wait = 0.0
  @Option(help: "Connections.") var clients = 20
  @Option(help: "Symbols of each client, chosen at random, the same in every run.") var symbols = 50
  @Option(help: "Further clients that read a hundredth of what the others get; their figures are kept apart.")
  var slow = 0
  @Option(help: "Further clients that never read; their figures are kept apart.") var stalled = 0
  @Option(help: "1 LTP, 2 quote, 3 depth.") var mode: UInt8 = 1
  @Option(help: "Kite-format instruments.csv to take the symbols from.") var instruments: String?
  @Option(help: "Or the symbols themselves: NSE:SBIN,NFO:...") var symbolList: String?
  @Option(help: "How many of them to use; 0 for all.") var universe = 0
  @Option(help: "Connections opened per second; 0 for no limit.") var ramp = 0
  @Option(help: "Loopback addresses to connect from; 0 for as many as the ports need.") var sources = 0
  @Option(help: "Seconds that all clients are connected before ticks begin.") var hold = 0.0
  @Option(help: "Seconds of ticks before measuring.") var warmUp = 3.0
  @Option(help: "Seconds of measuring.") var seconds = 30.0
  @Option(help: "Process of the server, for its CPU time and memory.") var pid: Int32?
  @Option(help: "Pins the load to a CPU.") var cpu: Int?
  @Flag(help: "Missing messages are no failure: a server that conflates leaves some out.") var allowMissing = false
  @Flag(help: "Print one line of JSON.") var json = false
  @Option(help: "Write the distribution of the latency as SVG.") var plot: String?
  @Option(help: "Title of the plot.") var title: String?
  @OptionGroup(title: "Other servers") var dialect: DialectOptions
  @Flag(help: "Play the broker too.") var feed = false
  @Option(help: "Port of the feed; 0 for any free one.") var feedPort: UInt16 = 9877
  @OptionGroup(title: "The bench's own feed") var feedOptions: FeedOptions

  func validate() throws {
    guard clients > 0, clients + slow + stalled <= 60_000, slow >= 0, stalled >= 0, symbols > 0 else {
      throw ValidationError("--clients is above 0, all kinds together are at most 60000, --symbols is above 0")
    }
    guard plot == nil || feed else { throw ValidationError("--plot needs --feed: latency is measured from there") }
  }

  func run() throws {
    guard let mode = Mode(rawValue: mode) else { throw ValidationError("mode is 1, 2 or 3") }
    let total = clients + slow + stalled
    try ProcessLimits.raiseDescriptors(to: UInt64(total + 256))
    var server: KiteFeed?
    if feed {
      try feedOptions.writeInstruments()
      // Descriptors of the load are made before the feed's thread is pinned elsewhere.
      let started = try KiteFeed(
        port: feedPort, schedule: feedOptions.schedule, symbols: feedOptions.feedSymbols,
        packet: feedOptions.feedPacket, seconds: warmUp + seconds + 5)
      started.start(cpu: feedOptions.feedCPU ?? cpu)
      printError("feed: ws://127.0.0.1:\(started.port)")
      server = started
    }
    if let cpu, tg_thread_pin(Int32(cpu)) != 0 { throw ValidationError("cannot run on CPU \(cpu)") }
    let plan = LoadPlan(
      host: host, port: port, key: try key(), dialect: dialect.dialect(mode: mode), clients: clients, slow: slow,
      stalled: stalled, symbolsPerClient: symbols, symbols: try keys(), rampPerSecond: ramp,
      sources: sources > 0 ? sources : 1 + total / 20_000, waitNanos: Int64(wait * 1e9),
      setUpNanos: 30_000_000_000 + Int64(total) * 5_000_000, holdNanos: Int64(hold * 1e9),
      warmUpNanos: Int64(warmUp * 1e9), measureNanos: Int64(seconds * 1e9), pid: pid)
    let result = try LoadLoop(plan, feed: server).run()
    if let problem = result.problem {
      printError("failed: \(problem)")
      throw ExitCode(1)
    }
    let report = LoadReport(plan: plan, result: result)
    print(json ? report.json() : report.text())
    if let plot, let latency = result.latency {
      try LatencyPlot(latency, title: title ?? report.headline).write(to: plot)
    }
    let faults = result.healthy.missing + result.healthy.disordered + result.undelivered
    if faults > 0, !allowMissing { throw ExitCode(2) }
  }

  private func key() throws -> String {
    if let key = getenv("TICKGATE_KEY") { return String(cString: key) }
    if dialect.needsKey { throw ValidationError("set TICKGATE_KEY to an API key of the server") }
    return ""
  }

  private func keys() throws -> [InstrumentKey] {
    var keys: [InstrumentKey]
    if feed {
      keys = (0..<feedOptions.feedSymbols).map { FeedInstruments.key($0) }
    } else if let symbolList {
      keys = try symbolList.split(separator: ",").map { entry in
        let parts = entry.split(separator: ":", maxSplits: 1)
        guard parts.count == 2, let exchange = Exchange(code: parts[0]) else {
          throw ValidationError("'\(entry)' is not EXCHANGE:SYMBOL")
        }
        return InstrumentKey(exchange, String(parts[1]))
      }
    } else if let instruments {
      guard let bytes = readFile(instruments) else { throw ValidationError("cannot read \(instruments)") }
      keys = try KiteInstruments.parse(bytes).instruments.map(\.key)
    } else {
      throw ValidationError("name the symbols: --feed, --instruments or --symbol-list")
    }
    if universe > 0 { keys = Array(keys.prefix(universe)) }
    guard symbols <= keys.count else { throw ValidationError("--symbols is more than the \(keys.count) there are") }
    return keys
  }
}

/// How to talk to a server that does not speak OpenAlgo's protocol.
struct DialectOptions: ParsableArguments {
  @Option(help: "Path and query of the upgrade request.") var path = "/"
  @Option(help: "What to say first, {key} for the API key; empty for nothing.") var authTemplate: String?
  @Option(help: "Part of the answer to it; empty waits for none.") var authReply: String?
  @Option(
    help: """
      What subscribes: with {symbols} once for all symbols, with {symbol} and {exchange} once for each.
      """)
  var subscribeTemplate: String?
  @Option(help: "One symbol within {symbols}; they are separated by commas.") var symbolTemplate: String?
  @Option(help: "Part of the answer to it; empty waits for none.") var subscribeReply: String?
  @Option(help: "Text in a message before which its symbol is named.") var symbolMark: String?
  @Option(help: "Text before the price, which tells ticks of the bench's feed apart.") var priceMark: String?
  @Option(help: "Text before the sequence number.") var sequenceMark: String?
  @Flag(inversion: .prefixedNo, help: "Ask for sequence numbers and look for gaps.") var sequence = true

  var needsKey: Bool { authTemplate.map { $0.contains("{key}") } ?? true }

  func dialect(mode: Mode) -> LoadDialect {
    var dialect = LoadDialect.openAlgo(mode: mode, hasSequence: sequence)
    dialect.target = path
    if let authTemplate { dialect.authentication = authTemplate }
    dialect.authenticationReply = authReply
    if let subscribeTemplate { dialect.subscription = subscribeTemplate }
    if let symbolTemplate { dialect.symbol = symbolTemplate }
    dialect.subscriptionReply = subscribeReply
    if let symbolMark { dialect.symbolMark = TextMark(symbolMark) }
    if let priceMark { dialect.priceMark = TextMark(priceMark) }
    if let sequenceMark, sequence { dialect.sequenceMark = TextMark(sequenceMark) }
    return dialect
  }
}
