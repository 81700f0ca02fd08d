import ArgumentParser
import Glibc

extension FeedPacket: ExpressibleByArgument {}

/// What the bench's own feed sends; shared by `feed` and `load`.
struct FeedOptions: ParsableArguments {
  @Option(help: "Instruments of the bench's own feed.") var feedSymbols = 100
  @Option(help: "Its ticks per second.") var feedRate = 10_000
  @Option(help: "Its ticks that are due at the same time.") var feedBurst = 10
  @Option(help: "Instead: every 250 ms so many ticks at once.") var feedPulse: Int?
  @Option(help: "Its packets: ltp, quote or full.") var feedPacket = FeedPacket.ltp
  @Option(help: "Pins its thread to a CPU.") var feedCPU: Int?
  @Option(help: "Where to write its list of instruments, in the format of Kite.") var instrumentsFile: String?

  func validate() throws {
    guard (1...FeedInstruments.countMax).contains(feedSymbols) else {
      throw ValidationError("--feed-symbols is from 1 to \(FeedInstruments.countMax)")
    }
    guard feedRate > 0, feedBurst > 0, feedPulse.map({ $0 > 0 }) ?? true else {
      throw ValidationError("--feed-rate, --feed-burst and --feed-pulse are above 0")
    }
  }

  var schedule: BurstSchedule {
    feedPulse.map { BurstSchedule(pulseOf: $0) } ?? BurstSchedule(ticksPerSecond: feedRate, burst: feedBurst)
  }

  func writeInstruments() throws {
    guard let path = instrumentsFile else { return }
    guard let file = fopen(path, "w") else { throw ValidationError("cannot write \(path)") }
    defer { fclose(file) }
    let bytes = FeedInstruments.csv(feedSymbols)
    fwrite(bytes, 1, bytes.count, file)
  }
}

/// The feed alone, for a gateway that something else drives.
struct FeedCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "feed", abstract: "Play the broker: a Kite ticker on loopback with ticks on an exact schedule.",
    discussion: """
      Start the gateway with feeds.enabled zerodha, feeds.zerodha.url ws://127.0.0.1:PORT, any key and token, and \
      feeds.zerodha.instruments naming --instruments-file. Ticks begin with the first subscription.
      """)

  @Option(help: "Port; 0 for any free one.") var port: UInt16 = 9877
  @OptionGroup var options: FeedOptions
  @Option(help: "Seconds of ticks.") var seconds = 60.0
  @Flag(help: "Write the list of instruments and end.") var listOnly = false

  func run() throws {
    try options.writeInstruments()
    if listOnly { return }
    let feed = try KiteFeed(
      port: port, schedule: options.schedule, symbols: options.feedSymbols, packet: options.feedPacket,
      seconds: seconds)
    feed.start(cpu: options.feedCPU)
    printError("feed: ws://127.0.0.1:\(feed.port)")
    while feed.subscribed == 0 { usleep(10_000) }
    feed.begin(at: BenchClock.now() + 100_000_000)
    usleep(UInt32(seconds * 1e6))
    feed.stop()
    let ticks = feed.burstCount * Int64(feed.schedule.size)
    print("\(ticks) ticks sent")
  }
}
