// Counters of a simulated exchange: written by its loop, read by anyone, each by itself.

import Market
import Synchronization

/// Counts since the start of an exchange.
public struct ExchangeStatistics: Sendable, Equatable {
  /// Attempts of one kind.
  public struct Attempts: Sendable, Equatable {
    public var asked: UInt64 = 0
    public var refused: UInt64 = 0

    public init() {}
  }

  /// Open connections, now.
  public var connections: UInt64 = 0
  /// Connections opened.
  public var connects: UInt64 = 0
  /// Connections turned away: wrong credentials, no WebSocket, or too many.
  public var refused: UInt64 = 0
  /// Valid requests to open a WebSocket, each of which shows credentials.
  public var upgrades = Attempts()
  /// Upstox: addresses asked for.
  public var authorizations = Attempts()
  /// Logins over REST.
  public var logins = Attempts()

  public var subscribeFrames: UInt64 = 0
  public var unsubscribeFrames: UInt64 = 0
  public var modeFrames: UInt64 = 0
  /// Client messages that made no sense or broke a limit.
  public var ignoredFrames: UInt64 = 0

  /// Price changes.
  public var ticks: UInt64 = 0
  /// Ticks that were due and given up, because the loop was late.
  public var droppedTicks: UInt64 = 0
  public var packets: UInt64 = 0
  public var frames: UInt64 = 0
  /// Packets that a connection did not get because it does not keep up.
  public var skippedPackets: UInt64 = 0
  public var heartbeats: UInt64 = 0
  /// Faults that have begun.
  public var faults: UInt64 = 0

  public init() {}
}

/// One subscription of one connection.
public struct SimulatedSubscription: Sendable, Hashable {
  /// Number of the connection, in order of arrival.
  public let connection: UInt64
  public let token: BrokerToken
  /// In the broker's words, such as `full` or `snap_quote`.
  public let mode: String
  public let key: InstrumentKey
}

/// The counters behind `ExchangeStatistics`.
final class ExchangeCounters: Sendable {
  final class Attempts: Sendable {
    let asked = Atomic<UInt64>(0)
    let refused = Atomic<UInt64>(0)

    var snapshot: ExchangeStatistics.Attempts {
      var attempts = ExchangeStatistics.Attempts()
      attempts.asked = asked.load(ordering: .relaxed)
      attempts.refused = refused.load(ordering: .relaxed)
      return attempts
    }
  }

  let connections = Atomic<UInt64>(0)
  let connects = Atomic<UInt64>(0)
  let refused = Atomic<UInt64>(0)
  let upgrades = Attempts()
  let authorizations = Attempts()
  let logins = Attempts()
  let subscribeFrames = Atomic<UInt64>(0)
  let unsubscribeFrames = Atomic<UInt64>(0)
  let modeFrames = Atomic<UInt64>(0)
  let ignoredFrames = Atomic<UInt64>(0)
  let ticks = Atomic<UInt64>(0)
  let droppedTicks = Atomic<UInt64>(0)
  let packets = Atomic<UInt64>(0)
  let frames = Atomic<UInt64>(0)
  let skippedPackets = Atomic<UInt64>(0)
  let heartbeats = Atomic<UInt64>(0)
  let faults = Atomic<UInt64>(0)

  /// Adds what a message changed in a session's counts.
  func note(_ before: RequestCounts, _ after: RequestCounts) {
    subscribeFrames.add(after.subscribes - before.subscribes, ordering: .relaxed)
    unsubscribeFrames.add(after.unsubscribes - before.unsubscribes, ordering: .relaxed)
    modeFrames.add(after.modes - before.modes, ordering: .relaxed)
    ignoredFrames.add(after.ignored - before.ignored, ordering: .relaxed)
  }

  var snapshot: ExchangeStatistics {
    var statistics = ExchangeStatistics()
    statistics.connections = connections.load(ordering: .relaxed)
    statistics.connects = connects.load(ordering: .relaxed)
    statistics.refused = refused.load(ordering: .relaxed)
    statistics.upgrades = upgrades.snapshot
    statistics.authorizations = authorizations.snapshot
    statistics.logins = logins.snapshot
    statistics.subscribeFrames = subscribeFrames.load(ordering: .relaxed)
    statistics.unsubscribeFrames = unsubscribeFrames.load(ordering: .relaxed)
    statistics.modeFrames = modeFrames.load(ordering: .relaxed)
    statistics.ignoredFrames = ignoredFrames.load(ordering: .relaxed)
    statistics.ticks = ticks.load(ordering: .relaxed)
    statistics.droppedTicks = droppedTicks.load(ordering: .relaxed)
    statistics.packets = packets.load(ordering: .relaxed)
    statistics.frames = frames.load(ordering: .relaxed)
    statistics.skippedPackets = skippedPackets.load(ordering: .relaxed)
    statistics.heartbeats = heartbeats.load(ordering: .relaxed)
    statistics.faults = faults.load(ordering: .relaxed)
    return statistics
  }
}
