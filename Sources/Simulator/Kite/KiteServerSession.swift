// What one connection of the Kite ticker wants, as a value machine: client messages go in, effects come out. No I/O,
// no clock. Allocates per message, which is rare; the mode table is read per tick.

import JSONText

/// Subscriptions and heartbeat of one connection. Instruments are indices into the universe.
public struct KiteServerSession {
  public typealias Effects = SessionEffects

  /// Of the real ticker.
  public static let instrumentsMaxDefault = 3000
  /// A second of silence is filled with a one-byte frame.
  public static let heartbeatNanos: Int64 = 1_000_000_000
  /// `{"a":..,"v":[mode,[tokens]]}` is three deep.
  private static let limits = JSONLimits(depthMax: 4, nodesMax: 50_000)

  /// Subscribed instruments.
  public private(set) var count = 0
  public private(set) var counts = RequestCounts()
  private let indexByToken: [UInt32: UInt32]
  private let instrumentsMax: Int
  /// Raw value of the `KiteMode` of each instrument, 0 for none.
  private var modes: [UInt8]
  private var lastSendNanos: Int64

  /// - Parameter indexByToken: all instruments of the exchange, with dense indices.
  public init(
    indexByToken: [UInt32: UInt32], instrumentsMax: Int = instrumentsMaxDefault, nowNanos: Int64
  ) {
    self.indexByToken = indexByToken
    self.instrumentsMax = instrumentsMax
    modes = Array(repeating: 0, count: indexByToken.count)
    lastSendNanos = nowNanos
  }

  /// Client messages that made no sense; the real ticker does not answer them either.
  public var ignoredMessages: UInt64 { counts.ignored }

  /// Mode of an instrument in this connection.
  @inline(__always) public func mode(of index: Int) -> KiteMode? { KiteMode(rawValue: modes[index]) }

  /// Everything that is subscribed.
  public var subscribed: [UInt32] { modes.indices.filter { modes[$0] != 0 }.map { UInt32($0) } }

  // MARK: Client messages

  /// Takes a text message. Anything that is not understood is ignored.
  public mutating func receive(text: UnsafeRawBufferPointer) -> Effects {
    guard let document = try? JSONDocument(text, limits: Self.limits), let action = document.root["a"]?.string,
      let value = document.root["v"], value.kind == .array
    else { return ignored() }
    switch action {
    case "subscribe": return subscribe(value.elements)
    case "unsubscribe": return unsubscribe(value.elements)
    case "mode":
      let parts = value.elements
      guard parts.count == 2, let mode = parts[0].string.flatMap(KiteMode.init(name:)), parts[1].kind == .array
      else { return ignored() }
      return setMode(mode, parts[1].elements)
    default: return ignored()
    }
  }

  private mutating func ignored() -> Effects {
    counts.ignored += 1
    return Effects()
  }

  /// Tokens are JSON numbers; strings and unknown ones are passed over in silence.
  private func index(_ token: JSONValue) -> Int? {
    guard let number = token.integer, let token = UInt32(exactly: number) else { return nil }
    return indexByToken[token].map(Int.init)
  }

  private mutating func subscribe(_ tokens: [JSONValue]) -> Effects {
    counts.subscribes += 1
    var effects = Effects()
    for token in tokens {
      guard let index = index(token), modes[index] == 0 else { continue }
      guard count < instrumentsMax else {
        effects.reply = Self.error("more than \(instrumentsMax) instruments on one connection")
        continue
      }
      modes[index] = KiteMode.quote.rawValue
      count += 1
      effects.added.append(UInt32(index))
      effects.snapshots.append(UInt32(index))
    }
    return effects
  }

  private mutating func unsubscribe(_ tokens: [JSONValue]) -> Effects {
    counts.unsubscribes += 1
    var effects = Effects()
    for token in tokens {
      guard let index = index(token), modes[index] != 0 else { continue }
      modes[index] = 0
      count -= 1
      effects.removed.append(UInt32(index))
    }
    return effects
  }

  private mutating func setMode(_ mode: KiteMode, _ tokens: [JSONValue]) -> Effects {
    counts.modes += 1
    var effects = Effects()
    for token in tokens {
      guard let index = index(token), modes[index] != 0, modes[index] != mode.rawValue else { continue }
      modes[index] = mode.rawValue
      effects.snapshots.append(UInt32(index))
    }
    return effects
  }

  private static func error(_ text: String) -> [UInt8] {
    var json = JSONWriter()
    json.beginObject()
    json.member("type", "error")
    json.member("data", text)
    json.endObject()
    return json.bytes
  }

  // MARK: Heartbeat

  /// Something was sent.
  @inline(__always) public mutating func onSent(nowNanos: Int64) { lastSendNanos = nowNanos }

  /// Whether a heartbeat is due; the caller sends it and says so with `onSent`.
  @inline(__always) public func isHeartbeatDue(nowNanos: Int64) -> Bool {
    nowNanos - lastSendNanos >= Self.heartbeatNanos
  }
}

extension KiteServerSession: BrokerSession {
  public var format: PacketFormat { .kite }
  public var heartbeat: Heartbeat { .byteFrame(silenceNanos: Self.heartbeatNanos) }

  public func modes(of instrument: Int) -> UInt8 { modes[instrument] }

  public static func names(ofModes modes: UInt8) -> [String] {
    switch KiteMode(rawValue: modes) {
    case .ltp: ["ltp"]
    case .quote: ["quote"]
    case .full: ["full"]
    case nil: []
    }
  }

  /// The ticker takes text only.
  public mutating func receive(binary: UnsafeRawBufferPointer) -> SessionEffects {
    counts.ignored += 1
    return SessionEffects()
  }
}
