// Whose protocol a simulated exchange speaks, what it lets a client do, and what it asks of one. Plain values, made at
// start and handed around freely.

/// A broker whose feed can be simulated.
public enum SimulatedBroker: UInt8, Sendable, CaseIterable {
  case kite, angel, upstox, dhan

  /// `zerodha` is another word for `kite`.
  public init?(name: String) {
    guard let broker = Self.allCases.first(where: { $0.name == name }) ?? (name == "zerodha" ? .kite : nil) else {
      return nil
    }
    self = broker
  }

  public var name: String {
    switch self {
    case .kite: "kite"
    case .angel: "angel"
    case .upstox: "upstox"
    case .dhan: "dhan"
    }
  }

  /// Where its market feed is, as a path of the exchange's port. Upstox hands out single-use addresses instead: this
  /// is where they are asked for.
  public var feedPath: String {
    switch self {
    case .kite, .dhan: "/"
    case .angel: "/smart-stream"
    case .upstox: "/v3/feed/market-data-feed/authorize"
    }
  }
}

/// What a client has to know. Nil accepts anything that is not empty.
public struct BrokerCredentials: Sendable, Equatable {
  /// Kite's and Angel's key of the application.
  public var apiKey: String?
  /// Angel's JWT, Upstox's bearer; of the others the access token. `SimulatedExchange.rotateToken` changes it.
  public var accessToken: String?
  /// Angel's client code, Dhan's client id.
  public var clientCode: String?
  /// Angel only; nil takes those that a login has given too.
  public var feedToken: String?
  /// Angel's PIN at the login.
  public var pin: String?

  public init(
    apiKey: String? = nil, accessToken: String? = nil, clientCode: String? = nil, feedToken: String? = nil,
    pin: String? = nil
  ) {
    self.apiKey = apiKey
    self.accessToken = accessToken
    self.clientCode = clientCode
    self.feedToken = feedToken
    self.pin = pin
  }
}

/// Bounds that a broker sets on its clients.
public struct BrokerLimits: Sendable, Equatable {
  /// Connections of one user (of one role, where a broker has several) at a time; nil for no bound.
  public var connectionsPerUser: Int?
  /// Subscriptions of one connection. Of Upstox see `instrumentsByMode`.
  public var instruments: Int
  /// Instruments that one message may name; nil for no bound.
  public var instrumentsPerMessage: Int?
  /// Instruments of one connection with a book of 20 or 30 levels.
  public var deepInstruments: Int
  /// Upstox: keys of one connection in ltpc, option_greeks, full and full_d30, when all are in one mode.
  public var instrumentsByMode: [Int] = []
  /// Upstox: the same when there are several modes.
  public var instrumentsByMixedMode: [Int] = []
  /// How often the server pings; nil for never.
  public var pingNanos: Int64?
  /// A client that shows no life (a ping of its own, or a pong) for so long is cut; nil for never.
  public var silenceNanosMax: Int64?

  /// What is wrong with them; nil for nothing.
  var problem: String? {
    let bounds = [connectionsPerUser ?? 1, instruments, instrumentsPerMessage ?? 1] + instrumentsByMode
    if (bounds + instrumentsByMixedMode).contains(where: { $0 < 1 }) { return "limits must be at least 1" }
    if deepInstruments < 0 || (pingNanos ?? 1) < 1 || (silenceNanosMax ?? 1) < 1 { return "limits must be positive" }
    return nil
  }

  private static let second: Int64 = 1_000_000_000

  /// As the real broker has them.
  public static func of(_ broker: SimulatedBroker) -> BrokerLimits {
    switch broker {
    case .kite: BrokerLimits(connectionsPerUser: 3, instruments: 3000, deepInstruments: 0)
    case .angel:
      // Pings are due every 30 s; a little more is let pass.
      BrokerLimits(connectionsPerUser: 3, instruments: 1000, deepInstruments: 50, silenceNanosMax: 45 * second)
    case .upstox:
      BrokerLimits(
        connectionsPerUser: 2, instruments: 5000, deepInstruments: 50, instrumentsByMode: [5000, 3000, 2000, 50],
        instrumentsByMixedMode: [2000, 2000, 1500, 50], pingNanos: 10 * second, silenceNanosMax: 60 * second)
    case .dhan:
      BrokerLimits(
        connectionsPerUser: 5, instruments: 5000, instrumentsPerMessage: 100, deepInstruments: 50,
        pingNanos: 10 * second, silenceNanosMax: 40 * second)
    }
  }
}
