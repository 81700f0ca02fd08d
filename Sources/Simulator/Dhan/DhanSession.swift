// What one connection of Dhan's feeds wants, as a value machine: client messages go in, effects come out. No I/O, no
// clock. Allocates per message, which is rare; the mode table is read per tick.

import JSONText

/// Which of Dhan's feeds a connection belongs to; on the real system each has a host of its own.
public enum DhanRole: Sendable {
  case market, depth20, depth200

  public var format: PacketFormat {
    switch self {
    case .market: .dhan
    case .depth20: .dhanDepth20
    case .depth200: .dhanDepth200
    }
  }
}

/// Instruments of one connection, each in one mode.
public struct DhanSession: BrokerSession {
  /// Codes of the `RequestCode` field.
  private enum Request: Int64 {
    case disconnect = 12
    case subscribeTicker = 15
    case unsubscribeTicker = 16
    case subscribeQuote = 17
    case unsubscribeQuote = 18
    case subscribeFull = 21
    case unsubscribeFull = 22
    case subscribeDepth = 23
    /// Both are documented somewhere.
    case unsubscribeDepth = 24
    case unsubscribeDepthToo = 25
  }

  private static let limits = JSONLimits(depthMax: 5, nodesMax: 50_000)
  private static let segments = [
    "IDX_I": 0, "NSE_EQ": 1, "NSE_FNO": 2, "NSE_CURRENCY": 3, "BSE_EQ": 4, "MCX_COMM": 5, "BSE_CURRENCY": 7,
    "BSE_FNO": 8,
  ]

  public let role: DhanRole
  public private(set) var counts = RequestCounts()
  public private(set) var count = 0
  private let directory: InstrumentDirectory
  private let bounds: BrokerLimits
  /// Raw value of the `DhanMode` of each instrument, 0 for none.
  private var modes: [UInt8]

  public init(role: DhanRole, directory: InstrumentDirectory, limits: BrokerLimits) {
    self.role = role
    self.directory = directory
    bounds = limits
    modes = Array(repeating: 0, count: directory.count)
  }

  public var format: PacketFormat { role.format }
  public var heartbeat: Heartbeat { bounds.pingNanos.map { .ping(periodNanos: $0) } ?? .none }
  public func modes(of instrument: Int) -> UInt8 { modes[instrument] }
  public var subscribed: [UInt32] { modes.indices.filter { modes[$0] != 0 }.map { UInt32($0) } }

  public static func names(ofModes modes: UInt8) -> [String] { DhanMode(rawValue: modes).map { [$0.name] } ?? [] }

  private var instrumentsMax: Int {
    switch role {
    case .market: bounds.instruments
    case .depth20: bounds.deepInstruments
    case .depth200: 1
    }
  }

  private var messageInstrumentsMax: Int {
    role == .market ? bounds.instrumentsPerMessage ?? .max : instrumentsMax
  }

  /// Requests come as text only.
  public mutating func receive(binary: UnsafeRawBufferPointer) -> SessionEffects { ended(.invalidRequest) }

  public mutating func receive(text: UnsafeRawBufferPointer) -> SessionEffects {
    guard let root = try? JSONDocument(text, limits: Self.limits).root,
      let request = root["RequestCode"]?.integer.flatMap(Request.init(rawValue:))
    else { return ended(.invalidRequest) }
    switch (request, role) {
    case (.disconnect, _):
      var effects = SessionEffects()
      effects.isOver = true
      return effects
    case (.subscribeTicker, .market): return subscribe(root, .ticker)
    case (.subscribeQuote, .market): return subscribe(root, .quote)
    case (.subscribeFull, .market): return subscribe(root, .full)
    case (.unsubscribeTicker, .market): return unsubscribe(root, .ticker)
    case (.unsubscribeQuote, .market): return unsubscribe(root, .quote)
    case (.unsubscribeFull, .market): return unsubscribe(root, .full)
    case (.subscribeDepth, .depth20): return subscribe(root, .depth20)
    case (.subscribeDepth, .depth200): return subscribe(root, .depth200)
    case (.unsubscribeDepth, .depth20), (.unsubscribeDepthToo, .depth20): return unsubscribe(root, .depth20)
    case (.unsubscribeDepth, .depth200), (.unsubscribeDepthToo, .depth200): return unsubscribe(root, .depth200)
    default: return ended(.invalidRequest)
    }
  }

  /// The instruments that a message names; nil when it is malformed or names too many. Unknown ones, and those that
  /// the mode is not served for, are passed over in silence.
  private func instruments(_ root: JSONValue, _ mode: DhanMode) -> [Int]? {
    var entries: [JSONValue] = []
    if let list = root["InstrumentList"] {
      guard list.kind == .array, root["InstrumentCount"]?.integer == Int64(list.elements.count) else { return nil }
      entries = list.elements
    } else if role == .depth200 {
      entries = [root]
    } else {
      return nil
    }
    guard entries.count <= messageInstrumentsMax else { return nil }
    var found: [Int] = []
    for entry in entries {
      guard let name = entry["ExchangeSegment"]?.string, let segment = Self.segments[name],
        let id = entry["SecurityId"]?.string
      else { return nil }
      guard let index = directory.index(segment: UInt8(segment), token: id), isServed(index, mode) else { continue }
      found.append(index)
    }
    return found
  }

  private func isServed(_ index: Int, _ mode: DhanMode) -> Bool {
    switch mode {
    case .ticker, .quote: true
    case .full: !directory.isIndex[index]
    case .depth20, .depth200: (1...2).contains(directory.tokens[index].segment)
    }
  }

  /// An instrument that is subscribed in another mode keeps that one, until it is unsubscribed from it.
  private mutating func subscribe(_ root: JSONValue, _ mode: DhanMode) -> SessionEffects {
    guard let wanted = instruments(root, mode) else { return ended(.invalidRequest) }
    counts.subscribes += 1
    var effects = SessionEffects()
    for index in wanted where modes[index] == 0 {
      guard count < instrumentsMax else {
        var over = ended(.instrumentLimit)
        over.added = effects.added
        return over
      }
      modes[index] = mode.rawValue
      count += 1
      effects.added.append(UInt32(index))
    }
    effects.snapshots = effects.added
    return effects
  }

  private mutating func unsubscribe(_ root: JSONValue, _ mode: DhanMode) -> SessionEffects {
    guard let wanted = instruments(root, mode) else { return ended(.invalidRequest) }
    counts.unsubscribes += 1
    var effects = SessionEffects()
    for index in wanted where modes[index] == mode.rawValue {
      modes[index] = 0
      count -= 1
      effects.removed.append(UInt32(index))
    }
    return effects
  }

  private mutating func ended(_ reason: DhanEncoder.Disconnect) -> SessionEffects {
    counts.ignored += 1
    var effects = SessionEffects()
    effects.farewell = DhanEncoder.disconnect(reason, format: format)
    effects.isOver = true
    return effects
  }
}
