// The outer shape of a client's message: which action, and the members that any action looks at, found in one pass so
// that a message with very many members costs no more than its parsing. It points into the message. Pure; the reader's
// thread; allocates only for error texts.

import JSONText

/// What a client can ask for.
package enum Action: Sendable, Equatable {
  case authenticate, subscribe, unsubscribe, unsubscribeAll, subscribeOrders, unsubscribeOrders
  case subscribeFeedStatus, unsubscribeFeedStatus
  case brokerInfo, supportedBrokers, ping

  private static let names: [(name: StaticString, action: Action)] = [
    ("ping", .ping), ("authenticate", .authenticate), ("auth", .authenticate), ("subscribe", .subscribe),
    ("unsubscribe", .unsubscribe), ("unsubscribe_all", .unsubscribeAll), ("subscribe_orders", .subscribeOrders),
    ("unsubscribe_orders", .unsubscribeOrders), ("subscribe_feed_status", .subscribeFeedStatus),
    ("unsubscribe_feed_status", .unsubscribeFeedStatus), ("get_broker_info", .brokerInfo),
    ("get_supported_brokers", .supportedBrokers),
  ]

  init?(name: JSONView) {
    guard let known = Self.names.first(where: { name.isString($0.name) }) else { return nil }
    self = known.action
  }

  /// Allowed only once a valid key was shown.
  var isProtected: Bool {
    switch self {
    case .authenticate, .supportedBrokers, .ping: false
    default: true
    }
  }
}

/// The members of a request that mean something here. Everything else is ignored; of a repeated key the last counts.
/// `depth` and `depth_level` are among the ignored: a book has five levels whatever was wished, and the acknowledgement
/// says so.
struct RequestEnvelope {
  private var action: JSONView?
  private var type: JSONView?
  var apiKey: JSONView?
  var symbols: JSONView?
  var symbol: JSONView?
  var exchange: JSONView?
  var mode: JSONView?
  var seq: JSONView?
  var snapshot: JSONView?
  var maxRate: JSONView?
  var policy: JSONView?
  var state: JSONView?
  var requestID: JSONView?
  var timestamp: JSONView?
  var pingID: JSONView?

  /// Nil when the root is not an object.
  init?(_ root: JSONView) {
    guard root.kind == .object else { return nil }
    var apikey: JSONView?
    var instruments: JSONView?
    for (key, value) in root.members {
      switch true {
      case key.isString("action"): action = value
      case key.isString("type"): type = value
      case key.isString("api_key"): apiKey = value
      case key.isString("apikey"): apikey = value
      case key.isString("symbols"): symbols = value
      case key.isString("instruments"): instruments = value
      case key.isString("symbol"): symbol = value
      case key.isString("exchange"): exchange = value
      case key.isString("mode"): mode = value
      case key.isString("seq"): seq = value
      case key.isString("snapshot"): snapshot = value
      case key.isString("max_rate"): maxRate = value
      case key.isString("policy"): policy = value
      case key.isString("state"): state = value
      case key.isString("request_id"): requestID = value
      case key.isString("timestamp"): timestamp = value
      case key.isString("_pingId"): pingID = value
      default: break
      }
    }
    if !apiKey.isTruthy { apiKey = apikey }
    if !symbols.isTruthy { symbols = instruments }
    if requestID?.isNull == true { requestID = nil }
    if timestamp?.isNull == true { timestamp = nil }
    if pingID?.isNull == true { pingID = nil }
  }

  private var effectiveAction: JSONView? { action.isTruthy ? action : type }

  /// Nil when missing or unknown.
  var parsedAction: Action? {
    guard let name = effectiveAction, let parsed = Action(name: name) else { return nil }
    if parsed == .unsubscribe, type?.isString("unsubscribe_all") == true { return .unsubscribeAll }
    return parsed
  }

  /// The action as the error text shows it.
  var actionText: String { effectiveAction?.displayText ?? "None" }
}

extension JSONView {
  /// Longest foreign text that an error message repeats, in Unicode scalars.
  private static let echoMax = 128

  /// Neither null, false, zero nor empty: what makes a parameter count as given.
  var isTruthy: Bool {
    switch kind {
    case .null: false
    case .bool: bool == true
    case .integer, .real: double != 0
    case .string: raw.count > 2
    case .array, .object: !isEmpty
    }
  }

  /// The value inside an error text, clipped.
  var displayText: String {
    switch kind {
    case .null: "None"
    case .bool: bool == true ? "True" : "False"
    case .string: string(scalarsMax: Self.echoMax) ?? ""
    default: Self.clipped(raw)
    }
  }

  /// The bytes of `displayText` where they can stand inside a JSON string as they are; nil where that needs a closer
  /// look.
  var plainDisplayBytes: UnsafeRawBufferPointer? {
    guard let bytes = plainBytes, bytes.count <= Self.echoMax, bytes.allSatisfy(JSONWriter.isPlain) else { return nil }
    return bytes
  }

  private static func clipped(_ raw: UnsafeRawBufferPointer) -> String {
    let text = String(decoding: raw.prefix(echoMax * UTF8.encodedBytesMax), as: UTF8.self)
    return String(String.UnicodeScalarView(text.unicodeScalars.prefix(echoMax)))
  }
}

extension UTF8 {
  /// Bytes of the longest encoding of a Unicode scalar.
  fileprivate static let encodedBytesMax = 4
}

extension JSONView? {
  var isTruthy: Bool { self?.isTruthy ?? false }
}
