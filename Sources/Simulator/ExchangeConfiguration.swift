// Settings of a simulated exchange. A value, checked at start.

import Market
import Reactor

/// How a simulated exchange behaves. Checked at start.
public struct ExchangeConfiguration: Sendable {
  /// When ticks leave.
  public enum Pacing: String, Sendable, CaseIterable {
    /// Spread evenly over time.
    case smooth
    /// Every 250 ms all that changed in one frame per connection, then silence: as the real ticker does.
    case pulse
  }

  /// Whose protocol is spoken.
  public var broker = SimulatedBroker.kite
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
  public var credentials = BrokerCredentials()
  public var connectionsMax = 64
  /// Of Kite, unless `limits` are given.
  public var instrumentsPerConnectionMax = KiteServerSession.instrumentsMaxDefault
  /// Nil for those of the broker; of Kite then only `instrumentsPerConnectionMax`, and any number of connections.
  public var limits: BrokerLimits?
  /// A connection with more than this in its outbox is skipped until it has read some of it.
  public var pendingBytesMax = 4 << 20
  /// Encrypts the port, REST calls included.
  public var tls: TLSServerContext?
  /// What goes wrong by itself.
  public var faults = FaultPlan()
  /// Pins the exchange's thread when given.
  public var cpu: Int?
  /// What the exchange's loop performs its I/O with.
  public var backend = BackendKind.auto

  public init() {}

  /// The credentials as Kite has them.
  public var authorization: KiteAuthorization {
    get { KiteAuthorization(apiKey: credentials.apiKey, accessToken: credentials.accessToken) }
    set {
      credentials.apiKey = newValue.apiKey
      credentials.accessToken = newValue.accessToken
    }
  }

  /// The limits that hold.
  var effectiveLimits: BrokerLimits {
    if let limits { return limits }
    var limits = BrokerLimits.of(broker)
    guard broker == .kite else { return limits }
    limits.connectionsPerUser = nil
    limits.instruments = instrumentsPerConnectionMax
    return limits
  }

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
    if let limits, let problem = limits.problem { return problem }
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
