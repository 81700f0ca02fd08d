// The instruments of each broker: from the file or address that is configured, else from the last good list, else from
// the broker. Start and command line; waits for disk and network.

import Brokerage
import Logging
import Market
import Normalize
import ServiceLifecycle
import Settings

/// What reads, keeps and refreshes the instrument lists of one installation.
struct MasterAssembly {
  struct Failure: Error, CustomStringConvertible { let description: String }

  /// A start must not hang on a broker whose yesterday's list would do.
  private static let startDownloadSeconds = 30

  let store: MasterStore
  private let refresh: MasterRefresh
  private let settings: Settings
  private let credentials: (any CredentialProvider)?
  private let clock: any WallClock
  private let log: Logger

  /// - Parameter credentials: of the feeds, for the list that asks for the login of the day; nil for none.
  init(
    _ settings: Settings, credentials: (any CredentialProvider)? = nil, clock: any WallClock, log: Logger
  ) throws {
    self.settings = settings
    self.credentials = credentials
    self.clock = clock
    self.log = log
    let directory = settings.string(.stateDirectory)
    try FileSystem.makeDirectory(directory)
    store = try MasterStore(stateDirectory: directory)
    refresh = MasterRefresh(
      store: store, limits: MasterLimits(rowsLostPercentMax: settings.integer(.mastersRowsLostPercentMax)),
      generationsKept: settings.integer(.mastersGenerations), clock: clock)
  }

  /// Instruments of a broker that have not expired.
  ///
  /// A configured file is read at every start. A list from the net is fetched when the last good one is from before
  /// the last time it was due. Whatever is wrong with a new list, the last good one serves if there is one.
  func instrumentRows(of broker: String) async throws -> InstrumentMaster {
    guard let list = BrokerList.of(broker) else {
      throw Failure(description: "there is no instrument list of \(broker)")
    }
    let source = source(of: list)
    let stored = try store.load(broker, today: today)
    if let stored, stored.isFallback {
      log.error("\(broker): the newest instrument list is damaged; an earlier one is used: \(stored.generation.source)")
    }
    if let stored, try !isWanted(list, source) { return stored.master }
    do {
      let report = try await refresh.refresh(
        list, from: source, seconds: stored == nil ? MasterSource.secondsMax : Self.startDownloadSeconds)
      note(report)
      return report.master
    } catch {
      guard let stored else {
        throw Failure(
          description: "no instruments of \(broker): \(error). Set \(Self.key(of: list).name) to a file or address, or "
            + "run: tickgate symbols refresh --broker \(broker)")
      }
      log.error("\(error); the list of \(ISTTime(epochNanos: stored.generation.madeAt).text) is used")
      return stored.master
    }
  }

  /// Fetches a list now.
  func refresh(
    _ list: BrokerList, from source: MasterSource? = nil, isForced: Bool = false
  ) async throws(MasterError) -> MasterReport {
    try await refresh.refresh(list, from: source ?? self.source(of: list), isForced: isForced)
  }

  /// Fetches the lists of these brokers every day; brokers without a list are passed over.
  func dailyRefresh(of brokers: [String]) -> DailyMasterRefresh? {
    let lists = brokers.compactMap { BrokerList.of($0) }.map { list in
      DailyList(list) { source(of: list) }
    }
    guard !lists.isEmpty else { return nil }
    return DailyMasterRefresh(
      duty: DailyRefresh(
        lists, minuteOfDay: settings.minuteOfDay(.mastersRefreshAt), refresh: refresh, store: store, clock: clock,
        log: log))
  }

  // MARK: Sources

  private var today: Int32 { ISTTime(epochNanos: clock.nowNanos()).day }

  /// Whether the source is to be asked although there is a list.
  private func isWanted(_ list: BrokerList, _ source: MasterSource) throws -> Bool {
    if case .file = source { return true }
    let schedule = try DailyRefresh.schedule(
      list, minuteOfDay: settings.minuteOfDay(.mastersRefreshAt), store: store)
    return schedule.isDue(now: clock.nowNanos())
  }

  private func source(of list: BrokerList) -> MasterSource {
    MasterSource(setting: settings.string(Self.key(of: list)), list: list, headers: headers(of: list))
  }

  /// Login of the day, for the broker whose list asks for it.
  private func headers(of list: BrokerList) -> [MasterSource.Header] {
    guard list.broker == "zerodha" else { return [] }
    let version = MasterSource.Header(name: "X-Kite-Version", value: "3")
    guard let login = credentials?.credentials(feed: list.broker) else { return [version] }
    return [version, MasterSource.Header(name: "Authorization", value: "token \(login.apiKey):\(login.accessToken)")]
  }

  private static func key(of list: BrokerList) -> Key {
    guard let key = keys[list.broker] else { preconditionFailure("no setting for the list of \(list.broker)") }
    return key
  }

  private static let keys: [String: Key] = [
    "zerodha": .zerodhaInstruments, "angel": .angelInstruments, "upstox": .upstoxInstruments,
    "dhan": .dhanInstruments,
  ]

  private func note(_ report: MasterReport) {
    log.info("\(report.summary)")
    for problem in report.master.problems {
      log.warning("\(report.place): row \(problem.number): \(problem.reason.rawValue)")
    }
  }
}

/// The daily duty as a part of the running gateway.
struct DailyMasterRefresh: Service {
  let duty: DailyRefresh

  func run() async throws {
    await cancelWhenGracefulShutdown { await duty.run() }
  }
}
