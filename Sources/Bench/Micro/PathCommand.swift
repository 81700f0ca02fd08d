import ArgumentParser
import CMallocCount
import Fanout
import Glibc
import Logging
import Market
import Normalize
import Simulator
import TickRing

/// Whole tick path in one process: Kite frames are decoded, sequenced, fanned out and sent to clients of a child
/// process. What is counted is allocations, of all threads.
struct PathCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "path", abstract: "Allocations on the tick path, from broker frame to client socket.")

  @Option(help: "Instruments.") var instruments = 1000
  @Option(help: "Ticks per second.") var rate = 100_000
  @Option(help: "Clients.") var clients = 20
  @Option(help: "Symbols of each client.") var symbols = 50
  @Option(help: "1 LTP, 2 quote, 3 depth.") var mode: UInt8 = 1
  @Option(help: "Seconds of measuring.") var seconds = 10
  @Option(help: "Fail above this many allocations per million ticks.") var allocationsMax: Double?

  private struct AnyKey: KeyVerifying {
    func principal(forKey key: String) -> Principal? { Principal(userID: "bench", keyID: 1) }
  }

  private struct NoWants: WantedSubscriptions {
    func apply(_ wants: [Want]) {}
  }

  func run() throws {
    let now = SystemClock().nowNanos()
    let universe = Universe(count: instruments, seed: 1, todayDay: ISTTime(epochNanos: now).day)
    let registry = InstrumentRegistry(universe.instruments.map(\.instrument))
    let ring = TickRing(capacity: 1 << 17)
    let lastValues = LastValueTable(count: registry.count)
    let board = FeedBoard(names: ["sim"])
    board.set(.live, of: 0, now: now)
    var configuration = FanoutConfiguration()
    configuration.port = 0
    let service = FanoutService(
      configuration: configuration, registry: registry, ring: ring, lastValues: lastValues, wanted: NoWants(),
      keys: AnyKey(), board: board, log: Logger(label: "bench"))
    let port = try service.start()
    defer { service.stop() }
    let list = "/tmp/tickgate-bench-\(getpid()).csv"
    try Self.write(universe.csv(), to: list)
    defer { unlink(list) }
    let child = try spawnLoad(port: port, list: list)

    var feed = FrameFeed(universe: universe, ring: ring, lastValues: lastValues)
    let warmUpNanos: Int64 = 4_000_000_000
    feed.run(ticksPerSecond: rate, nanos: warmUpNanos)
    let (allocations, ticks) = (tg_allocations(), feed.ticks)
    feed.run(ticksPerSecond: rate, nanos: Int64(seconds) * 1_000_000_000)
    let perMillion = Double(tg_allocations() - allocations) * 1e6 / Double(feed.ticks - ticks)
    let counted = feed.ticks - ticks
    // The load stays longer than we count, since clients that leave cost allocations, and must not see the ticks end.
    feed.run(ticksPerSecond: rate, nanos: Int64(Self.loadLongerSeconds + 1) * 1_000_000_000)
    var status: Int32 = 0
    waitpid(child, &status, 0)
    print("\(counted) ticks, \((perMillion * 100).rounded() / 100) allocations per million ticks")
    if status != 0 { throw ExitCode(1) }
    if let most = allocationsMax, perMillion > most {
      print("ABOVE THRESHOLD: allowed \(most)")
      throw ExitCode(1)
    }
  }

  private static let loadLongerSeconds = 4

  private func spawnLoad(port: UInt16, list: String) throws -> pid_t {
    let words = [
      CommandLine.arguments[0], "load", "--port", "\(port)", "--clients", "\(clients)", "--symbols", "\(symbols)",
      "--mode", "\(mode)", "--instruments", list, "--warm-up", "2",
      "--seconds", "\(seconds + Self.loadLongerSeconds)",
    ]
    setenv("TICKGATE_KEY", "bench", 1)
    var arguments = words.map { strdup($0) }
    arguments.append(nil)
    defer { for argument in arguments { free(argument) } }
    var child = pid_t()
    let code = posix_spawn(&child, "/proc/self/exe", nil, nil, &arguments, environ)
    guard code == 0 else { throw ValidationError("cannot start the load: \(code)") }
    return child
  }

  private static func write(_ bytes: [UInt8], to path: String) throws {
    guard let file = fopen(path, "w") else { throw ValidationError("cannot write \(path)") }
    defer { fclose(file) }
    fwrite(bytes, 1, bytes.count, file)
  }
}

/// Makes Kite frames and pushes them through decoder and sequencer at a steady rate. One packet in three kinds would
/// hide nothing more: full packets are the largest.
struct FrameFeed: ~Copyable {
  private let universe: Universe
  private var prices: PriceProcess
  private var decoder: KiteDecoder
  private var sequencer: TickSequencer
  private let frame: UnsafeMutableRawPointer
  private let tick: UnsafeMutablePointer<Tick>
  private var next = 0
  private(set) var ticks: UInt64 = 0

  private static let packetsPerFrame = 100
  private static let turnMicros: UInt32 = 1000

  init(universe: Universe, ring: TickRing, lastValues: LastValueTable) {
    self.universe = universe
    prices = PriceProcess(universe: universe, seed: 1, nowSeconds: 1_795_400_000)
    let entries = universe.instruments.enumerated().map {
      TokenMap.Entry(token: UInt64($0.element.token), instrument: UInt32($0.offset))
    }
    decoder = KiteDecoder(tokens: TokenMap(entries), feed: 0)
    sequencer = TickSequencer(ring: ring, lastValues: lastValues)
    frame = .allocate(byteCount: 2 + Self.packetsPerFrame * KiteEncoder.packetBytesMax, alignment: 8)
    tick = .allocate(capacity: 1)
    tick.initialize(to: Tick())
  }

  deinit {
    frame.deallocate()
    tick.deallocate()
  }

  mutating func run(ticksPerSecond: Int, nanos: Int64) {
    let start = SystemClock.monotonicNanos()
    var sent = 0
    while true {
      let elapsed = SystemClock.monotonicNanos() - start
      if elapsed >= nanos { return }
      let due = Int(Double(elapsed) / 1e9 * Double(ticksPerSecond))
      while sent < due {
        let count = min(due - sent, Self.packetsPerFrame)
        push(count)
        sent += count
      }
      usleep(Self.turnMicros)
    }
  }

  private mutating func push(_ count: Int) {
    frame.storeBytes(of: UInt16(count).bigEndian, as: UInt16.self)
    var offset = 2
    for _ in 0..<count {
      prices.step(next, nowSeconds: 1_795_400_000)
      offset += KiteEncoder.write(prices[next], .full, to: frame + offset)
      next = next + 1 == universe.count ? 0 : next + 1
    }
    let now = SystemClock().nowNanos()
    decoder.begin(UnsafeRawBufferPointer(start: frame, count: offset), receivedNanos: now)
    while decoder.next(into: tick) == .tick {
      sequencer.submit(tick, publishedNanos: now)
      ticks += 1
    }
    sequencer.flush()
  }
}
