// What a broker's feed can carry and what it asks of us, as data: one value per kind of socket. The table of brokers is
// in BrokerTable.swift; planner, supervisor and link know no broker.

import Market

/// How the mode of a subscribed instrument is changed.
public enum ModeChange: Sendable, Equatable {
  /// A subscription begins in a fixed mode, and a message moves it (Kite).
  case modeMessage(initial: Mode)
  /// A message moves it; a subscription names its mode (Upstox).
  case changeMessage
  /// The new mode is subscribed beside the old one, which then ends; for a moment both count (Angel).
  case subscribeThenUnsubscribe
  /// An instrument has one mode: the old one ends first (Dhan).
  case unsubscribeThenSubscribe
}

/// How many instruments one socket takes, by mode.
public struct SocketLimits: Sendable, Equatable {
  /// All modes together.
  public var total: Int
  /// Of one mode while no other is used, by `Mode.index`.
  public var alone: [Int]
  /// Of one mode while others are used too.
  public var mixed: [Int]

  /// One limit, whatever the modes.
  public init(total: Int) {
    self.init(total: total, alone: [total, total, total], mixed: [total, total, total])
  }

  public init(total: Int, alone: [Int], mixed: [Int]) {
    precondition(alone.count == 3 && mixed.count == 3)
    self.total = total
    self.alone = alone
    self.mixed = mixed
  }

  /// Whether a socket may hold these many, by `Mode.index`.
  public func allow(_ counts: [Int]) -> Bool {
    guard counts.reduce(0, +) <= total else { return false }
    let isMixed = counts.lazy.filter { $0 > 0 }.count > 1
    return (0..<3).allSatisfy { counts[$0] <= (isMixed ? mixed : alone)[$0] }
  }
}

/// One kind of socket of a broker.
public struct FeedCapability: Sendable {
  public var limits: SocketLimits
  /// Sockets that one user may have open.
  public var socketsMax: Int
  /// Whether one socket is open even while nothing is wanted, so that trouble with the login shows at once.
  public var isOpenWhenIdle = true
  public var instrumentsPerMessage: Int
  public var messagesPerSecond: Int
  public var modeChange: ModeChange
  /// What is asked of the broker for a wanted mode, by `Mode.index`: some have one packet for quote and depth.
  public var modeOnWire: [Mode] = [.ltp, .quote, .depth]
  /// The highest mode that index instruments are served in.
  public var indexModeMax = Mode.depth
  /// WebSocket pings of ours, and how long any byte may stay away after one.
  public var pingNanos: Int64 = 5_000_000_000
  public var pongNanos: Int64 = 10_000_000_000
  /// Connections per hour, over all sockets: what a broker tolerates of a client that cannot stay connected.
  public var connectsPerHour = 60
  public var timeouts = FeedTimeouts()

  public init(
    limits: SocketLimits, socketsMax: Int, instrumentsPerMessage: Int, messagesPerSecond: Int, modeChange: ModeChange
  ) {
    self.limits = limits
    self.socketsMax = socketsMax
    self.instrumentsPerMessage = instrumentsPerMessage
    self.messagesPerSecond = messagesPerSecond
    self.modeChange = modeChange
  }
}
