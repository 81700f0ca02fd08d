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
    abstract: "Run the simulated exchange alone: a server that speaks a broker's feed protocol.",
    discussion: """
      Takes the settings sim.port, sim.instruments, sim.seed, sim.ticks_per_second, sim.pacing, io.backend and \
      log.level. Writes the broker's instrument list where --instruments-file says. A gateway uses it by the printed \
      address as the broker's address, that file, and any key and token.

      Faults: \(Fault.kindNames.joined(separator: ", ")), each with :ARGUMENT, @TIME after the start and +DURATION \
      where wanted, several separated by commas: --fault mute@10s,limit429:3@20s,collapse:5@30s+10s
      """)

  @Option(help: "Whose protocol: kite (or zerodha), angel, upstox, dhan.")
  var broker = "kite"

  @Option(help: "What goes wrong and when, e.g. mute@10s or expire@5s,rst@20s+5s.")
  var fault: String?

  @Option(help: "Certificate (PEM) to serve TLS with.")
  var tlsCert: String?

  @Option(help: "Private key (PEM) of that certificate.")
  var tlsKey: String?

  @Option(help: "Where to write the instrument list of the simulated instruments, in the broker's format.")
  var instrumentsFile: String?

  @Argument(parsing: .allUnrecognized, help: "Settings as --name value, and --config PATH.")
  var settings: [String] = []

  func validate() throws {
    guard SimulatedBroker(name: broker) != nil else {
      let names = SimulatedBroker.allCases.map(\.name).joined(separator: ", ")
      throw ValidationError("--broker: there is no simulated '\(broker)': use one of \(names)")
    }
    guard (tlsCert == nil) == (tlsKey == nil) else {
      throw ValidationError("--tls-cert and --tls-key belong together")
    }
    do {
      _ = try FaultPlan(fault ?? "mute")
    } catch {
      throw ValidationError("--fault: \(error)")
    }
  }

  func run() async throws {
    let loaded = try SettingsLoader.load(settings)
    let log = Log.start(loaded)
    let exchange: SimulatedExchange
    do {
      var configuration = ExchangeConfiguration(loaded, backend: try BackendKind(loaded, log: log))
      configuration.broker = SimulatedBroker(name: broker) ?? .kite
      configuration.limits = BrokerLimits.of(configuration.broker)
      if let fault { configuration.faults = try FaultPlan(fault) }
      if let tlsCert, let tlsKey {
        configuration.tls = try TLSServerContext(certificate: tlsCert, key: tlsKey)
      }
      exchange = try SimulatedExchange.start(configuration, log: log)
      if let instrumentsFile {
        try FileSystem.write(exchange.universe.instrumentList(for: exchange.broker), to: instrumentsFile)
      }
    } catch {
      throw Exit.because("\(error)", code: Exit.unavailable)
    }
    print("simulated exchange: \(exchange.url), \(exchange.universe.count) instruments")
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
