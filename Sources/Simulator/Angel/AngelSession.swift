// What one connection of Angel's SmartStream wants, as a value machine: client messages go in, effects come out. No
// I/O, no clock. Allocates per message, which is rare; the mode table is read per tick.

import JSONText

/// Subscriptions of one connection: pairs of token and mode.
public struct AngelSession: BrokerSession {
  /// `{"params":{"tokenList":[{"tokens":["1"]}]}}` is six deep.
  private static let limits = JSONLimits(depthMax: 8, nodesMax: 50_000)
  private static let correlationBytesMax = 64

  public let format = PacketFormat.angel
  public let heartbeat = Heartbeat.none
  public private(set) var counts = RequestCounts()
  /// Subscriptions: a token in two modes counts twice.
  public private(set) var count = 0
  private var depthCount = 0
  private let directory: InstrumentDirectory
  private let bounds: BrokerLimits
  /// Bits of the `AngelMode`s of each instrument.
  private var modes: [UInt8]

  public init(directory: InstrumentDirectory, limits: BrokerLimits) {
    self.directory = directory
    bounds = limits
    modes = Array(repeating: 0, count: directory.count)
  }

  public func modes(of instrument: Int) -> UInt8 { modes[instrument] }
  public var subscribed: [UInt32] { modes.indices.filter { modes[$0] != 0 }.map { UInt32($0) } }

  public static func names(ofModes modes: UInt8) -> [String] {
    AngelMode.allCases.filter { modes & $0.bit != 0 }.map(\.name)
  }

  /// Requests come as text only.
  public mutating func receive(binary: UnsafeRawBufferPointer) -> SessionEffects {
    counts.ignored += 1
    return SessionEffects()
  }

  public mutating func receive(text: UnsafeRawBufferPointer) -> SessionEffects {
    var effects = SessionEffects()
    if text.elementsEqual("ping".utf8) {
      counts.pings += 1
      effects.reply = Array("pong".utf8)
      return effects
    }
    guard let root = try? JSONDocument(text, limits: Self.limits).root else {
      return refused("E1001", "Invalid Request Payload.", correlation: nil)
    }
    let correlation = root["correlationID"]?.string
    guard let action = root["action"]?.integer, action == 0 || action == 1, let params = root["params"],
      let mode = params["mode"]?.integer.flatMap(UInt8.init(exactly:)).flatMap(AngelMode.init(rawValue:)),
      let wanted = instruments(params["tokenList"], mode)
    else { return refused("E1001", "Invalid Request Payload.", correlation: correlation) }
    if action == 0 { return unsubscribe(wanted, mode) }
    return subscribe(wanted, mode, correlation)
  }

  /// The instruments that a list names, each once; nil when the list is malformed, or has a kind of exchange that the
  /// mode is not served for. Unknown tokens are passed over in silence.
  private func instruments(_ list: JSONValue?, _ mode: AngelMode) -> [Int]? {
    guard let list, list.kind == .array else { return nil }
    var found: [Int] = []
    var seen: Set<Int> = []
    for group in list.elements {
      guard let exchange = group["exchangeType"]?.integer.flatMap(UInt8.init(exactly:)), let tokens = group["tokens"],
        tokens.kind == .array
      else { return nil }
      // Twenty levels come for NSE's shares only.
      if mode == .depth, exchange != 1 { return nil }
      for token in tokens.elements {
        guard let token = token.string else { return nil }
        guard let index = directory.index(segment: exchange, token: token), seen.insert(index).inserted else {
          continue
        }
        found.append(index)
      }
    }
    return found
  }

  private mutating func subscribe(_ wanted: [Int], _ mode: AngelMode, _ correlation: String?) -> SessionEffects {
    let new = wanted.filter { modes[$0] & mode.bit == 0 }
    let isTooMany = mode == .depth && depthCount + new.count > bounds.deepInstruments
    guard count + new.count <= bounds.instruments, !isTooMany else {
      return refused("E1002", "Subscription limit exceeded.", correlation: correlation)
    }
    counts.subscribes += 1
    var effects = SessionEffects()
    for index in new {
      if modes[index] == 0 { effects.added.append(UInt32(index)) }
      modes[index] |= mode.bit
      count += 1
      if mode == .depth { depthCount += 1 }
      effects.snapshots.append(UInt32(index))
    }
    return effects
  }

  private mutating func unsubscribe(_ wanted: [Int], _ mode: AngelMode) -> SessionEffects {
    counts.unsubscribes += 1
    var effects = SessionEffects()
    for index in wanted where modes[index] & mode.bit != 0 {
      modes[index] &= ~mode.bit
      count -= 1
      if mode == .depth { depthCount -= 1 }
      effects.removed += modes[index] == 0 ? [UInt32(index)] : []
      effects.changed += modes[index] == 0 ? [] : [UInt32(index)]
    }
    return effects
  }

  private mutating func refused(_ code: String, _ message: String, correlation: String?) -> SessionEffects {
    counts.ignored += 1
    var json = JSONWriter()
    json.beginObject()
    if let correlation { json.member("correlationID", String(correlation.prefix(Self.correlationBytesMax))) }
    json.member("errorCode", code)
    json.member("errorMessage", message)
    json.endObject()
    var effects = SessionEffects()
    effects.reply = json.bytes
    return effects
  }
}
