// The outer shape of a client's message: which action, and the members that any action looks at, found in one pass so
// that a message with very many members costs no more than its parsing. Pure; any thread; allocates (control path).

import JSONText

/// What a client can ask for.
package enum Action: Sendable, Equatable {
  case authenticate, subscribe, unsubscribe, unsubscribeAll, subscribeOrders, unsubscribeOrders
  case brokerInfo, supportedBrokers, ping

  init?(name: String) {
    switch name {
    case "authenticate", "auth": self = .authenticate
    case "subscribe": self = .subscribe
    case "unsubscribe": self = .unsubscribe
    case "unsubscribe_all": self = .unsubscribeAll
    case "subscribe_orders": self = .subscribeOrders
    case "unsubscribe_orders": self = .unsubscribeOrders
    case "get_broker_info": self = .brokerInfo
    case "get_supported_brokers": self = .supportedBrokers
    case "ping": self = .ping
    default: return nil
    }
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
  private var action: JSONValue?
  private var type: JSONValue?
  var apiKey: JSONValue?
  var symbols: JSONValue?
  var symbol: JSONValue?
  var exchange: JSONValue?
  var mode: JSONValue?
  var seq: JSONValue?
  var snapshot: JSONValue?
  var maxRate: JSONValue?
  var policy: JSONValue?
  var requestID: JSONValue?
  var timestamp: JSONValue?
  var pingID: JSONValue?

  /// Nil when the root is not an object.
  init?(_ root: JSONValue) {
    guard root.kind == .object else { return nil }
    var apikey: JSONValue?
    var instruments: JSONValue?
    for (key, value) in root.members {
      switch key {
      case "action": action = value
      case "type": type = value
      case "api_key": apiKey = value
      case "apikey": apikey = value
      case "symbols": symbols = value
      case "instruments": instruments = value
      case "symbol": symbol = value
      case "exchange": exchange = value
      case "mode": mode = value
      case "seq": seq = value
      case "snapshot": snapshot = value
      case "max_rate": maxRate = value
      case "policy": policy = value
      case "request_id": requestID = value
      case "timestamp": timestamp = value
      case "_pingId": pingID = value
      default: break
      }
    }
    if !apiKey.isTruthy { apiKey = apikey }
    if !symbols.isTruthy { symbols = instruments }
    if requestID?.isNull == true { requestID = nil }
    if timestamp?.isNull == true { timestamp = nil }
    if pingID?.isNull == true { pingID = nil }
  }

  private var effectiveAction: JSONValue? { action.isTruthy ? action : type }

  /// Nil when missing or unknown.
  var parsedAction: Action? {
    guard let name = effectiveAction?.string, let parsed = Action(name: name) else { return nil }
    if parsed == .unsubscribe, type?.string == "unsubscribe_all" { return .unsubscribeAll }
    return parsed
  }

  /// The action as the error text shows it.
  var actionText: String { effectiveAction?.displayText ?? "None" }
}

extension JSONValue {
  /// Longest foreign text that an error message repeats, in Unicode scalars.
  private static let echoMax = 128

  /// Neither null, false, zero nor empty: what makes a parameter count as given.
  var isTruthy: Bool {
    switch kind {
    case .null: false
    case .bool: bool == true
    case .integer, .real: double != 0
    case .string: raw.count > 2
    case .array: !elements.isEmpty
    case .object: !members.isEmpty
    }
  }

  /// The value inside an error text, clipped.
  var displayText: String {
    switch kind {
    case .null: "None"
    case .bool: bool == true ? "True" : "False"
    default:
      String(
        String.UnicodeScalarView((string ?? String(decoding: raw, as: UTF8.self)).unicodeScalars.prefix(Self.echoMax)))
    }
  }
}

extension JSONValue? {
  var isTruthy: Bool { self?.isTruthy ?? false }
}
