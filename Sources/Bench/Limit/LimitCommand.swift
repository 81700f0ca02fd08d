import ArgumentParser
import CLinux
import Glibc
import Reactor

/// A server without any protocol work between a tick and its clients: what the kernel alone costs.
struct LimitCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "limit",
    abstract: "The kernel's own limit: a server that sends ready-made frames with the batching of a perfect server.",
    discussion: """
      Drive it with `tickgate-bench load` from another process, with any key. Ticks begin when --clients have \
      subscribed. Symbols are ticked in turn, each burst goes out as one batch.
      """)

  @Option(help: "Address to listen on.") var host = "127.0.0.1"
  @Option(help: "Port; 0 for any free one.") var port: UInt16 = 8766
  @Option(help: "Pins the process to a CPU.") var cpu: Int?
  @Option(help: "How frames leave: \(SendWay.allCases.map(\.rawValue).joined(separator: ", ")).")
  var way = SendWay.copy
  @Flag(help: "Registers sockets as fixed files of the ring.") var fixedFiles = false
  @Option(help: "Subscribed clients with which ticks begin.") var clients: Int
  @Option(help: "Ticks per second of all symbols together.") var rate = 10_000
  @Option(help: "Ticks that are due at the same time.") var burst = 10
  @Option(help: "Instead of --rate and --burst: every 250 ms so many ticks at once.") var pulse: Int?
  @Option(help: "Instead: ticks of the bench's feed on this port, as a gateway gets them.") var feedPort: UInt16?
  @Option(help: "Instruments of that feed.") var feedSymbols = 100
  @Flag(inversion: .prefixedNo, help: "Messages carry sequence numbers.") var sequence = true
  @Option(help: "Length to which messages are filled up with blanks; 0 leaves them as they are.")
  var messageBytes = 0
  @Option(help: "Seconds of ticks before measuring.") var warmUp = 3.0
  @Option(help: "Seconds of measuring; 0 until the first client leaves.") var seconds = 0.0
  @Flag(help: "Print one line of JSON.") var json = false

  func validate() throws {
    guard clients > 0, clients <= 60_000 else { throw ValidationError("--clients is from 1 to 60000") }
    guard rate > 0, burst > 0, pulse.map({ $0 > 0 }) ?? true else {
      throw ValidationError("--rate, --burst and --pulse are above 0")
    }
  }

  func run() throws {
    try ProcessLimits.raiseDescriptors(to: UInt64(clients + 256))
    if let cpu, tg_thread_pin(Int32(cpu)) != 0 { throw ValidationError("cannot run on CPU \(cpu)") }
    let schedule =
      pulse.map { BurstSchedule(pulseOf: $0) } ?? BurstSchedule(ticksPerSecond: rate, burst: burst)
    let plan = LimitPlan(
      host: host, port: port, way: way, areFilesFixed: fixedFiles, clients: clients, schedule: schedule,
      feedPort: feedPort, feedSymbols: feedSymbols, hasSequence: sequence, messageBytes: messageBytes,
      warmUpNanos: Int64(warmUp * 1e9),
      measureNanos: Int64(seconds * 1e9))
    let server = try LimitServer(plan) { print(json ? Self.line($0, way) : Self.text($0, way)) }
    printError("limit: \(host):\(server.port), pid \(getpid())")
    try server.run()
  }

  private static func line(_ result: LimitResult, _ way: SendWay) -> String {
    #"{"way":"\#(way.rawValue)","deliveries":\#(result.deliveries),"ticks":\#(result.ticks),"sends":\#(result.sends)"#
      + #","dropped":\#(result.dropped),"cpu_ns":\#(result.cpuNanos),"seconds":\#(Double(result.nanos) / 1e9)"#
      + #","cpu_ns_per_delivery":\#(Double(result.cpuNanos) / Double(max(1, result.deliveries)))}"#
  }

  private static func text(_ result: LimitResult, _ way: SendWay) -> String {
    let deliveries = Double(max(1, result.deliveries))
    let seconds = Double(result.nanos) / 1e9
    return """
      limit, \(way.rawValue): \(Decimal.text(seconds)) s
      deliveries    \(result.deliveries)  (\(Int(deliveries / seconds)) /s), \(result.dropped) dropped
      ticks, sends  \(result.ticks), \(result.sends) (\(Decimal.text(deliveries / Double(max(1, result.sends)))) frames each)
      own CPU       \(Decimal.text(Double(result.cpuNanos) / deliveries / 1000, places: 3)) us per delivery, \
      \(Decimal.text(Double(result.cpuNanos) / Double(result.nanos) * 100)) % of a core
      """
  }
}
