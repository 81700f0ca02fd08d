// The JSON of every reply, key order as clients know it. Pure; any thread; allocates (control path).

import JSONText
import Market

/// What became of one entry of a subscribe request.
struct SubscribedEntry {
  enum Outcome {
    case active(sequence: UInt64)
    /// A pattern, and how many instruments it stands for.
    case matched(Int)
    case failed(String)
  }

  let instrument: RequestedInstrument
  let outcome: Outcome

  var isFailed: Bool {
    if case .failed = outcome { return true }
    return false
  }
}

/// One line of an unsubscribe reply. The names are JSON already.
struct UnsubscribedEntry {
  let symbol: [UInt8]
  let exchange: [UInt8]
  /// Nil when it went well.
  let failure: String?
}

enum Replies {
  static func error(_ error: RequestError) -> [UInt8] {
    object { json in
      json.member("status", "error")
      json.member("code", error.code.rawValue)
      json.member("message", error.message)
    }
  }

  static func authenticated(userID: String, broker: String) -> [UInt8] {
    object { json in
      json.member("type", "auth")
      json.member("status", "success")
      json.member("message", "Authentication successful")
      json.member("broker", broker)
      json.member("user_id", userID)
      json.key("supported_features")
      json.raw("{\"ltp\":true,\"quote\":true,\"depth\":true}")
    }
  }

  /// Members beyond the OpenAlgo contract come only to clients that asked for what they tell.
  static func subscribed(
    _ entries: [SubscribedEntry], mode: Mode, broker: String, options: SubscribeOptions, epochMillis: Int64,
    requestID: JSONValue?
  ) -> [UInt8] {
    object { json in
      json.member("type", "subscribe")
      json.member("status", entries.contains { $0.isFailed } ? "partial" : "success")
      json.key("subscriptions")
      json.beginArray()
      for entry in entries {
        write(entry, mode: mode, broker: broker, withSequence: options.wantsSequence, to: &json)
      }
      json.endArray()
      json.member("message", "Subscription processing complete")
      json.member("broker", broker)
      if options.wantsSequence { json.member("epoch", epochMillis) }
      if let policy = options.policy { json.member("policy", policy.name) }
      if let rate = options.rateText {
        json.key("max_rate")
        json.raw(rate.raw)
      }
      write(requestID, to: &json)
    }
  }

  private static func write(
    _ entry: SubscribedEntry, mode: Mode, broker: String, withSequence: Bool, to json: inout JSONWriter
  ) {
    json.beginObject()
    json.key("symbol")
    json.raw(entry.instrument.symbol.raw)
    json.key("exchange")
    json.raw(entry.instrument.exchange.raw)
    switch entry.outcome {
    case .active, .matched:
      json.member("status", "success")
      json.member("mode", mode.label)
      json.member("depth", Int64(Tick.depthLevels))
      json.member("broker", broker)
      if withSequence, case .active(let sequence) = entry.outcome { json.member("seq", Int64(clamping: sequence)) }
      if case .matched(let count) = entry.outcome { json.member("matched", Int64(count)) }
    case .failed(let message):
      json.member("status", "error")
      json.member("message", message)
      json.member("broker", broker)
    }
    json.endObject()
  }

  static func unsubscribed(_ entries: [UnsubscribedEntry], broker: String, requestID: JSONValue?) -> [UInt8] {
    let failures = entries.filter { $0.failure != nil }.count
    return object { json in
      json.member("type", "unsubscribe")
      json.member("status", failures == 0 ? "success" : failures < entries.count ? "partial" : "error")
      json.member("message", "Unsubscription processing complete")
      json.key("successful")
      write(entries.filter { $0.failure == nil }, broker: broker, to: &json)
      json.key("failed")
      write(entries.filter { $0.failure != nil }, broker: broker, to: &json)
      json.member("broker", broker)
      write(requestID, to: &json)
    }
  }

  private static func write(_ entries: [UnsubscribedEntry], broker: String, to json: inout JSONWriter) {
    json.beginArray()
    for entry in entries {
      json.beginObject()
      json.key("symbol")
      json.raw(entry.symbol)
      json.key("exchange")
      json.raw(entry.exchange)
      json.member("status", entry.failure == nil ? "success" : "error")
      if let failure = entry.failure { json.member("message", failure) }
      json.member("broker", broker)
      json.endObject()
    }
    json.endArray()
  }

  static func orders(isSubscribed: Bool, requestID: JSONValue?) -> [UInt8] {
    object { json in
      json.member("type", isSubscribed ? "subscribe_orders" : "unsubscribe_orders")
      json.member("status", "success")
      json.member("message", isSubscribed ? "Subscribed to order updates" : "Unsubscribed from order updates")
      write(requestID, to: &json)
    }
  }

  static func brokerInfo(broker: String, adapterStatus: String, userID: String) -> [UInt8] {
    object { json in
      json.member("type", "broker_info")
      json.member("status", "success")
      json.member("broker", broker)
      json.member("adapter_status", adapterStatus)
      json.member("user_id", userID)
    }
  }

  static func supportedBrokers(_ names: [String]) -> [UInt8] {
    object { json in
      json.member("type", "supported_brokers")
      json.member("status", "success")
      json.key("brokers")
      json.beginArray()
      for name in names { json.value(name) }
      json.endArray()
      json.member("count", Int64(names.count))
    }
  }

  static func pong(serverMillis: Int64, timestamp: JSONValue?, pingID: JSONValue?) -> [UInt8] {
    object { json in
      json.member("type", "pong")
      json.member("status", "success")
      json.member("server_timestamp", serverMillis)
      if let timestamp {
        json.key("client_timestamp")
        json.raw(timestamp.raw)
      }
      if let pingID {
        json.key("_pingId")
        json.raw(pingID.raw)
      }
    }
  }

  private static func write(_ requestID: JSONValue?, to json: inout JSONWriter) {
    guard let requestID else { return }
    json.key("request_id")
    json.raw(requestID.raw)
  }

  private static func object(_ body: (inout JSONWriter) -> Void) -> [UInt8] {
    var json = JSONWriter()
    json.beginObject()
    body(&json)
    json.endObject()
    return json.bytes
  }
}
