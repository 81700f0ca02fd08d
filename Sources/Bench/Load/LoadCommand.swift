import ArgumentParser
import Glibc
import Logging
import Market
import Normalize
import Reactor
import TickRing

struct LoadCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "load",
    abstract: "Subscribe many clients and check by sequence numbers that every tick arrives.",
    discussion: "The API key comes from the environment variable TICKGATE_KEY.")

  @Option(help: "Host of the server.") var host = "127.0.0.1"
  @Option(help: "Port of the server.") var port: UInt16 = 8765
  @Option(help: "Connections.") var clients = 20
  @Option(help: "Symbols of each client.") var symbols = 50
  @Option(help: "1 LTP, 2 quote, 3 depth.") var mode: UInt8 = 1
  @Option(help: "Kite-format instruments.csv to take the symbols from.") var instruments: String
  @Option(help: "How many of its instruments to use; 0 for all.") var universe = 0
  @Option(help: "Seconds before measuring.") var warmUp = 3.0
  @Option(help: "Seconds of measuring.") var seconds = 30.0
  @Option(help: "Process of the server, for its CPU time and memory.") var pid: Int32?
  @Flag(help: "Print one line of JSON.") var json = false

  func run() throws {
    guard let key = getenv("TICKGATE_KEY").map({ String(cString: $0) }) else {
      throw ValidationError("set TICKGATE_KEY to an API key of the server")
    }
    guard let mode = Mode(rawValue: mode) else { throw ValidationError("mode is 1, 2 or 3") }
    let master = try KiteInstruments.parse(Self.read(instruments))
    var names = master.instruments.map(\.key)
    if universe > 0 { names = Array(names.prefix(universe)) }
    let plan = LoadPlan(
      host: host, port: port, key: key, mode: mode, clients: clients, symbolsPerClient: symbols, symbols: names,
      warmUpNanos: Int64(warmUp * 1e9), measureNanos: Int64(seconds * 1e9))
    let (result, server) = try LoadRun.run(plan, pid: pid)
    if let problem = result.problem {
      print("failed: \(problem)")
      throw ExitCode(1)
    }
    print(json ? LoadReport.json(result, server) : LoadReport.text(plan, result, server))
    if result.missing > 0 || result.disordered > 0 { throw ExitCode(2) }
  }

  static func read(_ path: String) throws -> [UInt8] {
    guard let file = fopen(path, "r") else { throw ValidationError("cannot read \(path)") }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = fread(&chunk, 1, chunk.count, file)
      if count == 0 { return bytes }
      bytes.append(contentsOf: chunk[0..<count])
    }
  }
}

/// Usage of the server over the measured time.
struct ServerUsage: Sendable {
  var cpuNanos: Int64
  var residentBefore: Int
  var residentAfter: Int
}

enum LoadRun {
  /// Runs the load on the calling thread.
  static func run(_ plan: LoadPlan, pid: Int32?) throws -> (LoadResult, ServerUsage?) {
    var limits = LoopLimits()
    limits.socketsMax = plan.clients + 16
    limits.receiveBufferBytes = 65_536
    let sockets = Sockets(limits: limits)
    let handler = try LoadClients(plan: plan, sockets: sockets) { result, nanos in
      let rate = Double(result.messages) / (Double(nanos) / 1e9)
      printError("  \(nanos / 1_000_000_000) s: \(Int(rate)) deliveries/s, \(result.missing) missing")
    }
    var before: ProcessUsage?
    var usage: ServerUsage?
    handler.onMeasure = { isBeginning in
      guard let pid else { return }
      if isBeginning {
        before = ProcessUsage(pid: pid)
      } else if let before, let after = ProcessUsage(pid: pid) {
        usage = ServerUsage(
          cpuNanos: after.cpuNanos - before.cpuNanos, residentBefore: before.residentBytes,
          residentAfter: after.residentBytes)
      }
    }
    let log = Logger(label: "bench")
    let loop = EventLoop(
      handler: handler, sockets: sockets, backend: try UringBackend(limits: limits), waker: Waker(), log: log)
    loop.run()
    return (handler.result, usage)
  }
}

/// Writes a line to standard error.
func printError(_ line: String) {
  let text = line + "\n"
  _ = text.withCString { write(STDERR_FILENO, $0, strlen($0)) }
}

enum LoadReport {
  static func text(_ plan: LoadPlan, _ result: LoadResult, _ server: ServerUsage?) -> String {
    let rate = Double(result.messages) / result.seconds
    var lines = [
      "\(result.connected) clients x \(plan.symbolsPerClient) symbols, mode \(plan.mode.label), \(fixed(result.seconds)) s",
      "deliveries    \(result.messages)  (\(Int(rate)) /s, \(Int(Double(result.bytes) / Double(max(result.messages, 1)))) bytes each)",
      "missing       \(result.missing), out of order \(result.disordered)",
      "per client    least \(result.perClientLeast), most \(result.perClientMost)",
      "load's CPU    \(fixed(Double(result.cpuNanos) / Double(max(result.messages, 1)) / 1000)) us per delivery",
    ]
    if let server {
      lines.append(
        "server's CPU  \(fixed(Double(server.cpuNanos) / Double(max(result.messages, 1)) / 1000)) us per delivery, "
          + "\(fixed(Double(server.cpuNanos) / result.seconds / 1e7)) % of a core")
      lines.append(
        "server's RSS  \(server.residentBefore / 1024) kB before, \(server.residentAfter / 1024) kB after")
    }
    return lines.joined(separator: "\n")
  }

  static func json(_ result: LoadResult, _ server: ServerUsage?) -> String {
    var text =
      #"{"deliveries":\#(result.messages),"seconds":\#(result.seconds),"missing":\#(result.missing)"#
      + #","disordered":\#(result.disordered),"load_cpu_ns":\#(result.cpuNanos)"#
    if let server {
      text +=
        #","server_cpu_ns":\#(server.cpuNanos),"rss_before":\#(server.residentBefore),"rss_after":\#(server.residentAfter)"#
    }
    return text + "}"
  }

  private static func fixed(_ value: Double) -> String {
    let hundredths = Int((value * 100).rounded())
    return "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)"
  }
}
