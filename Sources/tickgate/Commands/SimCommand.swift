import ArgumentParser
import Glibc
import Logging
import Market
import Reactor
import Settings
import Simulator

struct SimCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sim",
    abstract: "Run the simulated exchange alone: a server that speaks the Kite ticker protocol.",
    discussion: """
      Takes the settings sim.port, sim.instruments, sim.seed, sim.ticks_per_second, sim.pacing, io.backend and log.level. Writes \
      its instruments.csv where --instruments-file says. A gateway uses it by feeds.enabled = ["zerodha"], \
      feeds.zerodha.url = "ws://127.0.0.1:PORT", that file, and any key and token.
      """)

  @Option(help: "Where to write the instruments.csv of the simulated instruments.")
  var instrumentsFile: String?

  @Argument(parsing: .allUnrecognized, help: "Settings as --name value, and --config PATH.")
  var settings: [String] = []

  func run() async throws {
    let loaded = try SettingsLoader.load(settings)
    let log = Log.start(loaded)
    let exchange: SimulatedExchange
    do {
      let backend = try BackendKind(loaded, log: log)
      exchange = try SimulatedExchange.start(ExchangeConfiguration(loaded, backend: backend), log: log)
      if let instrumentsFile { try FileSystem.write(exchange.universe.csv(), to: instrumentsFile) }
    } catch {
      throw Exit.because("\(error)", code: Exit.unavailable)
    }
    print("simulated exchange: ws://127.0.0.1:\(exchange.port), \(exchange.universe.count) instruments")
    fflush(nil)
    await Signals.waitForStop()
    exchange.stop()
  }
}

extension ExchangeConfiguration {
  init(_ settings: Settings, backend: BackendKind) {
    self.init()
    self.backend = backend
    port = UInt16(settings.integer(.simulatorPort))
    instrumentCount = settings.integer(.simulatorInstruments)
    seed = UInt64(settings.integer(.simulatorSeed))
    ticksPerSecond = settings.integer(.simulatorTicksPerSecond)
    pacing = Pacing(rawValue: settings.string(.simulatorPacing)) ?? .smooth
  }
}
