// What one connection of Upstox's feed wants, as a value machine: requests go in, effects come out. No I/O, no clock.
// Allocates per request, which is rare; the mode table is read per tick.

import JSONText

/// Keys of one connection, each in one mode.
public struct UpstoxSession: BrokerSession {
  private static let limits = JSONLimits(depthMax: 5, nodesMax: 50_000)

  public let format = PacketFormat.upstox
  public private(set) var counts = RequestCounts()
  private let directory: InstrumentDirectory
  private let bounds: BrokerLimits
  /// Raw value of the `UpstoxMode` of each instrument, 0 for none.
  private var modes: [UInt8]
  /// Keys in each mode, by raw value less one.
  private var countByMode = [Int](repeating: 0, count: UpstoxMode.allCases.count)

  public init(directory: InstrumentDirectory, limits: BrokerLimits) {
    self.directory = directory
    bounds = limits
    modes = Array(repeating: 0, count: directory.count)
  }

  public var heartbeat: Heartbeat { bounds.pingNanos.map { .ping(periodNanos: $0) } ?? .none }
  public func modes(of instrument: Int) -> UInt8 { modes[instrument] }
  public var subscribed: [UInt32] { modes.indices.filter { modes[$0] != 0 }.map { UInt32($0) } }

  public static func names(ofModes modes: UInt8) -> [String] { UpstoxMode(rawValue: modes).map { [$0.name] } ?? [] }

  /// Whether requests are taken in text frames is not known of the real server: here they are not.
  public mutating func receive(text: UnsafeRawBufferPointer) -> SessionEffects {
    refused(method: nil, "requests are binary frames")
  }

  public mutating func receive(binary: UnsafeRawBufferPointer) -> SessionEffects {
    guard let root = try? JSONDocument(binary, limits: Self.limits).root else {
      return refused(method: nil, "malformed request")
    }
    let method = root["method"]?.string
    guard root["guid"]?.string?.isEmpty == false, let data = root["data"], let keys = data["instrumentKeys"],
      keys.kind == .array, let wanted = instruments(keys)
    else { return refused(method: method, "malformed request") }
    let modeName = data["mode"]?.string
    let mode = modeName.flatMap(UpstoxMode.init(name:))
    if modeName != nil, mode == nil { return refused(method: method, "unknown mode") }
    switch method {
    case "sub": return subscribe(wanted, mode ?? .ltpc)
    case "change_mode":
      guard let mode else { return refused(method: method, "a mode is required") }
      return change(wanted, mode)
    case "unsub": return unsubscribe(wanted)
    default: return refused(method: method, "unknown method")
    }
  }

  /// The instruments that a list names, each once; nil when it is malformed. Unknown keys are passed over in silence.
  private func instruments(_ keys: JSONValue) -> [Int]? {
    var found: [Int] = []
    var seen: Set<Int> = []
    for key in keys.elements {
      guard let key = key.string else { return nil }
      guard let index = directory.index(segment: 0, token: key), seen.insert(index).inserted else { continue }
      found.append(index)
    }
    return found
  }

  /// Keys that are subscribed already keep their mode: it is changed by `change_mode` only.
  private mutating func subscribe(_ wanted: [Int], _ mode: UpstoxMode) -> SessionEffects {
    let new = wanted.filter { modes[$0] == 0 }
    guard isAllowed(new, mode) else { return refused(method: "sub", "limit exceeded in mode \(mode.name)") }
    counts.subscribes += 1
    var effects = SessionEffects()
    for index in new { set(index, mode.rawValue) }
    effects.added = new.map { UInt32($0) }
    effects.snapshots = effects.added
    return effects
  }

  private mutating func change(_ wanted: [Int], _ mode: UpstoxMode) -> SessionEffects {
    let changing = wanted.filter { modes[$0] != 0 && modes[$0] != mode.rawValue }
    guard isAllowed(changing, mode) else {
      return refused(method: "change_mode", "limit exceeded in mode \(mode.name)")
    }
    counts.modes += 1
    var effects = SessionEffects()
    for index in changing { set(index, mode.rawValue) }
    effects.snapshots = changing.map { UInt32($0) }
    return effects
  }

  private mutating func unsubscribe(_ wanted: [Int]) -> SessionEffects {
    counts.unsubscribes += 1
    var effects = SessionEffects()
    for index in wanted where modes[index] != 0 {
      set(index, 0)
      effects.removed.append(UInt32(index))
    }
    return effects
  }

  private mutating func set(_ index: Int, _ mode: UInt8) {
    if modes[index] != 0 { countByMode[Int(modes[index]) - 1] -= 1 }
    modes[index] = mode
    if mode != 0 { countByMode[Int(mode) - 1] += 1 }
  }

  /// Whether the limits hold once these are in that mode.
  private func isAllowed(_ moved: [Int], _ mode: UpstoxMode) -> Bool {
    var after = countByMode
    for index in moved {
      if modes[index] != 0 { after[Int(modes[index]) - 1] -= 1 }
      after[Int(mode.rawValue) - 1] += 1
    }
    let isMixed = after.count { $0 > 0 } > 1
    let allowed = isMixed ? bounds.instrumentsByMixedMode : bounds.instrumentsByMode
    return zip(after, allowed).allSatisfy { $0 <= $1 }
  }

  private mutating func refused(method: String?, _ error: String) -> SessionEffects {
    counts.ignored += 1
    var json = JSONWriter()
    json.beginObject()
    json.member("status", "failed")
    if let method { json.member("method", String(method.prefix(32))) }
    json.member("error", error)
    json.endObject()
    var effects = SessionEffects()
    effects.reply = json.bytes
    return effects
  }
}
