// What the loop asks of one connection's protocol, whoever the broker is. Sessions are values without I/O or clock:
// client messages go in, effects come out. Never called per tick.

/// What a client message leads to, in this order. Instruments are indices into the universe.
public struct SessionEffects: Equatable, Sendable {
  /// Instruments that this connection did not have before.
  public var added: [UInt32] = []
  /// Instruments that it no longer has.
  public var removed: [UInt32] = []
  /// Instruments that it goes on with, in fewer modes.
  public var changed: [UInt32] = []
  /// Instruments to send at once, in their new mode.
  public var snapshots: [UInt32] = []
  /// Text frame to send.
  public var reply: [UInt8]?
  /// Binary frame to send last.
  public var farewell: [UInt8]?
  /// The server closes the connection after all that.
  public var isOver = false

  public init() {}
}

/// Messages of a client so far.
public struct RequestCounts: Equatable, Sendable {
  public var subscribes: UInt64 = 0
  public var unsubscribes: UInt64 = 0
  /// Changes of the mode of what is subscribed.
  public var modes: UInt64 = 0
  public var pings: UInt64 = 0
  /// Made no sense, or broke a limit.
  public var ignored: UInt64 = 0

  public init() {}
}

/// What a server sends so that its clients know it lives.
public enum Heartbeat: Equatable, Sendable {
  case none
  /// A binary frame of one byte after a silence of so many nanoseconds.
  case byteFrame(silenceNanos: Int64)
  /// A ping with this period.
  case ping(periodNanos: Int64)
}

/// One connection as its broker sees it.
public protocol BrokerSession {
  var format: PacketFormat { get }
  var heartbeat: Heartbeat { get }
  var counts: RequestCounts { get }
  /// Everything that is subscribed.
  var subscribed: [UInt32] { get }

  /// What the tick loop keeps for an instrument: not 0 when subscribed.
  func modes(of instrument: Int) -> UInt8
  /// The modes of `modes(of:)` in the broker's words.
  static func names(ofModes modes: UInt8) -> [String]
  mutating func receive(text: UnsafeRawBufferPointer) -> SessionEffects
  mutating func receive(binary: UnsafeRawBufferPointer) -> SessionEffects
}

/// Where instruments are found by the names that clients use.
public struct InstrumentDirectory: Sendable {
  private let indexByToken: [BrokerToken: UInt32]
  public let tokens: [BrokerToken]
  /// Which of them are indices, by number.
  let isIndex: [Bool]

  public init(universe: Universe, broker: SimulatedBroker) {
    tokens = universe.instruments.map { $0.token(for: broker) }
    isIndex = universe.instruments.map(\.isIndex)
    indexByToken = Dictionary(uniqueKeysWithValues: tokens.enumerated().map { ($1, UInt32($0)) })
  }

  public var count: Int { tokens.count }

  public func index(segment: UInt8, token: String) -> Int? {
    indexByToken[BrokerToken(segment: segment, token: token)].map(Int.init)
  }
}
