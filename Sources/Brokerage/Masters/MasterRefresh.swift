// A new list of a broker: fetched, read, held against the last good one, put in force. Cold path; any task.

import Market
import Normalize

/// What a refresh did.
public struct MasterReport: Sendable {
  /// What was read, whether or not it was stored.
  public let master: InstrumentMaster
  public let generation: MasterGeneration
  /// The list is the one that was in force already.
  public let isUnchanged: Bool
  /// File or address it came from.
  public let place: String

  /// One line for logs and terminals.
  public var summary: String {
    var text = "\(generation.broker): \(master.rows.count) instruments from \(place)"
    if isUnchanged { text += ", unchanged" }
    let skipped = master.skipped.sorted { $0.key.rawValue < $1.key.rawValue }
    if !skipped.isEmpty {
      text += "; rows left out: " + skipped.map { "\($0.value) \($0.key.rawValue)" }.joined(separator: ", ")
    }
    return text
  }
}

/// Refreshes the masters in a store.
public struct MasterRefresh: Sendable {
  private let store: MasterStore
  private let limits: MasterLimits
  private let generationsKept: Int
  private let clock: any WallClock

  public init(
    store: MasterStore, limits: MasterLimits = MasterLimits(), generationsKept: Int = 3,
    clock: any WallClock = SystemClock()
  ) {
    self.store = store
    self.limits = limits
    self.generationsKept = generationsKept
    self.clock = clock
  }

  /// Fetches a list and puts it in force. After an error what was in force stays so.
  /// - Parameters:
  ///   - isForced: the list is taken however it compares with the last one.
  ///   - seconds: most seconds that a download may take.
  public func refresh(
    _ list: BrokerList, from source: MasterSource, isForced: Bool = false, seconds: Int = MasterSource.secondsMax
  ) async throws(MasterError) -> MasterReport {
    let now = clock.nowNanos()
    let today = ISTTime(epochNanos: now).day
    let intake = ListIntake(list.format, today: today, place: source.place)
    try await source.read(into: intake, seconds: seconds)
    let (master, digest) = try intake.finish()

    let last = try store.generations(of: list.broker).first
    if let last, last.digest == digest, last.rowCount >= master.rows.count, try store.isWhole(last) {
      try store.markChecked(last, at: now)
      return MasterReport(master: master, generation: last, isUnchanged: true, place: source.place)
    }
    if !isForced {
      let refusals = limits.refusals(
        of: master, after: try store.census(of: list.broker, today: today), required: list.exchanges,
        isComplete: source.isBrokers)
      if !refusals.isEmpty { throw .refused(broker: list.broker, place: source.place, reasons: refusals) }
    }
    let made = try store.replace(
      list.broker, with: master, source: source.place, digest: digest, at: now, keeping: generationsKept)
    return MasterReport(master: master, generation: made, isUnchanged: false, place: source.place)
  }
}
