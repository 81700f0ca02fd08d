import ArgumentParser
import Brokerage
import Market
import Normalize
import Settings

struct SymbolsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "symbols",
    abstract: "Instruments of the brokers: fetch their lists, search them, show one.",
    discussion: "Works on masters.sqlite in the state directory; no gateway needs to run.",
    subcommands: [Refresh.self, Search.self, Show.self])

  struct Refresh: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Fetch instrument lists now.",
      discussion: """
        A list that has lost too much against the last good one is refused, and that one stays. A running gateway keeps \
        the instruments it began with.
        """)

    @Option(help: "Broker; default: those of feeds.enabled.")
    var broker: String?

    @Option(help: "File with the broker's list instead of where it is configured to be.")
    var file: String?

    @Flag(help: "Take the list even if it has lost much against the last one.")
    var force = false

    @Argument(parsing: .allUnrecognized, help: "Settings as --name value, and --config PATH.")
    var settings: [String] = []

    func run() async throws {
      let loaded = try SettingsLoader.load(settings)
      let lists = try brokers(loaded).map { name in
        guard let list = BrokerList.of(name) else {
          throw ValidationError(
            "there is no instrument list of '\(name)'; there are: "
              + BrokerList.all.map(\.broker).joined(separator: ", "))
        }
        return list
      }
      let assembly = try SymbolsCommand.assembly(loaded)
      var worst: Int32?
      for list in lists {
        do throws(MasterError) {
          let report = try await assembly.refresh(list, from: file.map { .file($0) }, isForced: force)
          print(report.summary)
          for problem in report.master.problems { print("  row \(problem.number): \(problem.reason.rawValue)") }
        } catch {
          printError("tickgate: \(error)")
          worst = max(worst ?? 0, Self.code(of: error))
        }
      }
      if let worst { throw ExitCode(worst) }
    }

    private func brokers(_ settings: Settings) throws -> [String] {
      if let broker { return [broker] }
      let enabled = settings.strings(.feedsEnabled).filter { BrokerList.of($0) != nil }
      guard file == nil || enabled.count == 1 else {
        throw ValidationError("whose list is \(file ?? "")? Name the broker: --broker NAME")
      }
      guard !enabled.isEmpty else {
        throw ValidationError("feeds.enabled names no broker with an instrument list; name one: --broker NAME")
      }
      return enabled
    }

    private static func code(of error: MasterError) -> Int32 {
      switch error {
      case .network, .status, .loginNeeded, .tookTooLong: Exit.unavailable
      case .badAddress: Exit.configuration
      case .file, .list, .gzip, .tooLarge: Exit.data
      default: Exit.failure
      }
    }
  }

  struct Search: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Search symbols and names, e.g. tickgate symbols search 'nifty 25000 ce' --exchange NFO.")

    @Argument(help: "Words that are all to be found in the symbol, the name or a broker's symbol.")
    var text: String

    @Option(help: "Exchange code, e.g. NSE, NFO, NSE_INDEX.")
    var exchange: String?

    @Option(help: "Most instruments shown, 1 to \(MasterStore.searchLimitMax).")
    var limit = 20

    @Argument(parsing: .allUnrecognized, help: "Settings as --name value, and --config PATH.")
    var settings: [String] = []

    func run() throws {
      guard (1...MasterStore.searchLimitMax).contains(limit) else {
        throw ValidationError("--limit is 1 to \(MasterStore.searchLimitMax)")
      }
      let exchange = try exchange.map { try SymbolsCommand.exchange($0) }
      let store = try SymbolsCommand.assembly(try SettingsLoader.load(settings)).store
      let today = ISTTime(epochNanos: SystemClock().nowNanos()).day
      let matches = try SymbolsCommand.translated {
        () throws(MasterError) in try store.search(text, exchange: exchange, today: today, limit: limit)
      }
      guard !matches.isEmpty else {
        throw Exit.because("nothing found. Are there lists? See: tickgate symbols refresh", code: Exit.failure)
      }
      var rows = [["EXCHANGE", "SYMBOL", "NAME", "EXPIRY", "STRIKE", "LOT", "TICK", "BROKERS"]]
      var last: InstrumentKey?
      for match in matches {
        let instrument = match.row.instrument
        if instrument.key == last {
          rows[rows.count - 1][7] += "," + match.broker
          continue
        }
        last = instrument.key
        rows.append(SymbolsCommand.columns(instrument) + [match.broker])
      }
      print(Columns.text(rows), terminator: "")
    }
  }

  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Show one instrument as every broker lists it, e.g. tickgate symbols show NSE:RELIANCE.")

    @Argument(help: "EXCHANGE:SYMBOL.")
    var instrument: String

    @Argument(parsing: .allUnrecognized, help: "Settings as --name value, and --config PATH.")
    var settings: [String] = []

    func run() throws {
      let parts = instrument.split(separator: ":", maxSplits: 1)
      guard parts.count == 2 else { throw ValidationError("'\(instrument)' is not EXCHANGE:SYMBOL") }
      let key = InstrumentKey(try SymbolsCommand.exchange(String(parts[0])), String(parts[1]))
      let store = try SymbolsCommand.assembly(try SettingsLoader.load(settings)).store
      let matches = try SymbolsCommand.translated { () throws(MasterError) in try store.matches(key) }
      guard let first = matches.first?.row.instrument else {
        throw Exit.because(
          "\(key.exchange.code):\(key.symbol) is in no list; symbols are case-sensitive. See: tickgate symbols search",
          code: Exit.failure)
      }
      print(
        Columns.text([
          ["EXCHANGE", "SYMBOL", "NAME", "EXPIRY", "STRIKE", "LOT", "TICK", "KIND"],
          SymbolsCommand.columns(first) + [first.kind.code],
        ]))
      let rows = matches.map { match in
        [
          match.broker, match.row.instrument.brokerSymbol, match.row.brokerExchange, match.row.token,
          "\(match.row.brokerLotSize)", Price.text(match.row.instrument.tickSize),
        ]
      }
      print(
        Columns.text([["BROKER", "BROKER SYMBOL", "BROKER EXCHANGE", "TOKEN", "BROKER LOT", "TICK"]] + rows),
        terminator: "")
    }
  }

  // MARK: Helpers

  private static func assembly(_ settings: Settings) throws -> MasterAssembly {
    do {
      let log = Log.start(settings)
      // The list of one broker asks for the login of the day; none is made for it.
      let credentials = try FeedCredentialProvider(
        accounts: BrokerList.all.compactMap { FeedAccount($0.broker, settings) },
        store: CredentialStore(stateDirectory: settings.string(.stateDirectory)), loginsPerHourMax: 0,
        client: LoginClient(), clock: SystemClock(), log: log)
      return try MasterAssembly(settings, credentials: credentials, clock: SystemClock(), log: log)
    } catch {
      throw Exit.because("\(error)", code: Exit.unavailable)
    }
  }

  private static func translated<T>(_ body: () throws(MasterError) -> T) throws -> T {
    do { return try body() } catch { throw Exit.because("\(error)", code: Exit.unavailable) }
  }

  private static func exchange(_ code: String) throws -> Exchange {
    guard let exchange = Exchange(code: code.uppercased()) else {
      throw ValidationError(
        "'\(code)' is no exchange; there are: " + Exchange.allCases.map(\.code).joined(separator: ", "))
    }
    return exchange
  }

  private static func columns(_ instrument: Instrument) -> [String] {
    [
      instrument.exchange.code, instrument.symbol, instrument.name,
      instrument.expiryDay.map { CivilDate(day: $0).tableText } ?? "",
      instrument.strike > 0 ? Price.text(instrument.strike) : "", "\(instrument.lotSize)",
      Price.text(instrument.tickSize),
    ]
  }
}
