// Refreshes the lists of several brokers every day, for as long as its task lives. Cold path; one task.

import Logging
import Market

/// A list, and where to ask for it each time: the login of the day may have changed.
public struct DailyList: Sendable {
  public let list: BrokerList
  public let source: @Sendable () -> MasterSource

  public init(_ list: BrokerList, source: @escaping @Sendable () -> MasterSource) {
    self.list = list
    self.source = source
  }
}

/// The daily duty.
public struct DailyRefresh: Sendable {
  /// Longest sleep, so that a clock that is set does not hide a time that has come.
  private static let sleepNanosMax: Int64 = 60_000_000_000

  private let lists: [DailyList]
  private let minuteOfDay: Int
  private let refresh: MasterRefresh
  private let store: MasterStore
  private let clock: any WallClock
  private let log: Logger

  /// - Parameter minuteOfDay: IST; lists that are made later are fetched when they are there.
  public init(
    _ lists: [DailyList], minuteOfDay: Int, refresh: MasterRefresh, store: MasterStore, clock: any WallClock,
    log: Logger
  ) {
    self.lists = lists
    self.minuteOfDay = minuteOfDay
    self.refresh = refresh
    self.store = store
    self.clock = clock
    self.log = log
  }

  /// When a broker's list is fetched, from what the store says about the last time.
  public static func schedule(
    _ list: BrokerList, minuteOfDay: Int, store: MasterStore
  ) throws(MasterError) -> RefreshSchedule {
    RefreshSchedule(
      minuteOfDay: max(minuteOfDay, list.rebuiltMinute),
      lastGoodNanos: try store.generations(of: list.broker).map { max($0.madeAt, $0.checkedAt) }.max())
  }

  /// Returns when its task is cancelled.
  public func run() async {
    var schedules = lists.map { entry in
      // Without the store there is nothing to compare with: fetch at the next time of the day.
      (try? Self.schedule(entry.list, minuteOfDay: minuteOfDay, store: store))
        ?? RefreshSchedule(minuteOfDay: max(minuteOfDay, entry.list.rebuiltMinute), lastGoodNanos: clock.nowNanos())
    }
    while !Task.isCancelled {
      for (index, entry) in lists.enumerated() where schedules[index].isDue(now: clock.nowNanos()) {
        await fetch(entry, &schedules[index])
      }
      let now = clock.nowNanos()
      let due = schedules.map { $0.dueNanos(now: now) }.min() ?? .max
      let nanos = min(max(due - now, 1_000_000), Self.sleepNanosMax)
      do { try await Task.sleep(nanoseconds: UInt64(nanos)) } catch { return }
    }
  }

  private func fetch(_ entry: DailyList, _ schedule: inout RefreshSchedule) async {
    do {
      let report = try await refresh.refresh(entry.list, from: entry.source())
      schedule.onSuccess(now: clock.nowNanos())
      log.notice("\(report.summary)\(report.isUnchanged ? "" : "; in force from the next start")")
    } catch {
      schedule.onFailure(now: clock.nowNanos())
      log.error("\(error)")
    }
  }
}
