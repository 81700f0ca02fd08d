// Settings and counters of a simulated exchange, as other threads see them.

import Market
import Reactor
import Synchronization

/// How a simulated exchange behaves. Checked at start.
public struct ExchangeConfiguration: Sendable {
  /// When ticks leave.
  public enum Pacing: String, Sendable, CaseIterable {
    /// Spread evenly over time.
    case smooth
    /// Every 250 ms all that changed in one frame per connection, then silence: as the real ticker does.
    case pulse
  }

  /// Numeric address or `localhost`.
  public var host = "127.0.0.1"
  /// 0 takes any free port.
  public var port: UInt16 = 0
  public var instrumentCount = Universe.countDefault
  public var seed: UInt64 = 1
  /// Ticks a second over all subscribed instruments, 1...1,000,000; nil for two per subscribed instrument. With
  /// `.pulse` and more than four per instrument, instruments change several times within a pulse.
  public var ticksPerSecond: Int?
  public var pacing = Pacing.smooth
  public var authorization = KiteAuthorization()
  public var connectionsMax = 64
  public var instrumentsPerConnectionMax = KiteServerSession.instrumentsMaxDefault
  /// A connection with more than this in its outbox is skipped until it has read some of it.
  public var pendingBytesMax = 4 << 20
  /// Pins the exchange's thread when given.
  public var cpu: Int?
  /// What the exchange's loop performs its I/O with.
  public var backend = BackendKind.auto

  public init() {}

  /// What is wrong with the settings; nil for nothing.
  public var problem: String? {
    let counts = Universe.countMin...Universe.countMax
    if !counts.contains(instrumentCount) {
      return "instruments must be \(counts.lowerBound) to \(counts.upperBound), not \(instrumentCount)"
    }
    if let rate = ticksPerSecond, !(1...TickPacer.rateMax).contains(rate) {
      return "ticks per second must be 1 to \(TickPacer.rateMax), not \(rate)"
    }
    if !(1...Self.connectionsLimit).contains(connectionsMax) {
      return "connections must be 1 to \(Self.connectionsLimit), not \(connectionsMax)"
    }
    if instrumentsPerConnectionMax < 1 { return "instruments per connection must be at least 1" }
    if pendingBytesMax < 1 << 16 { return "pending bytes must be at least 65536" }
    return nil
  }

  /// Largest `connectionsMax`.
  public static let connectionsLimit = 4096
}

/// Why a simulated exchange did not start.
public enum ExchangeError: Error, Equatable, CustomStringConvertible {
  case badConfiguration(String)

  public var description: String {
    switch self {
    case .badConfiguration(let problem): "simulated exchange: \(problem)"
    }
  }
}

/// Counts since the start of an exchange.
public struct ExchangeStatistics: Sendable, Equatable {
  /// Open connections, now.
  public var connections: UInt64 = 0
  /// Connections turned away: wrong credentials, no WebSocket, or too many.
  public var refused: UInt64 = 0
  /// Price changes.
  public var ticks: UInt64 = 0
  /// Ticks that were due and given up, because the loop was late.
  public var droppedTicks: UInt64 = 0
  public var packets: UInt64 = 0
  public var frames: UInt64 = 0
  /// Packets that a connection did not get because it does not keep up.
  public var skippedPackets: UInt64 = 0
  public var heartbeats: UInt64 = 0

  public init() {}
}

/// The counters behind `ExchangeStatistics`: written by the loop, read by anyone, each by itself.
final class ExchangeCounters: Sendable {
  let connections = Atomic<UInt64>(0)
  let refused = Atomic<UInt64>(0)
  let ticks = Atomic<UInt64>(0)
  let droppedTicks = Atomic<UInt64>(0)
  let packets = Atomic<UInt64>(0)
  let frames = Atomic<UInt64>(0)
  let skippedPackets = Atomic<UInt64>(0)
  let heartbeats = Atomic<UInt64>(0)

  var snapshot: ExchangeStatistics {
    var statistics = ExchangeStatistics()
    statistics.connections = connections.load(ordering: .relaxed)
    statistics.refused = refused.load(ordering: .relaxed)
    statistics.ticks = ticks.load(ordering: .relaxed)
    statistics.droppedTicks = droppedTicks.load(ordering: .relaxed)
    statistics.packets = packets.load(ordering: .relaxed)
    statistics.frames = frames.load(ordering: .relaxed)
    statistics.skippedPackets = skippedPackets.load(ordering: .relaxed)
    statistics.heartbeats = heartbeats.load(ordering: .relaxed)
    return statistics
  }
}
