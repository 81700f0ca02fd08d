// The JSON of every reply but the acknowledgements of subscriptions (`SubscriptionReplies.swift`), key order as clients
// know it. Pure; any thread; allocates (control path).

import JSONText
import Market

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

  static func orders(isSubscribed: Bool, requestID: JSONView?) -> [UInt8] {
    object { json in
      json.member("type", isSubscribed ? "subscribe_orders" : "unsubscribe_orders")
      json.member("status", "success")
      json.member("message", isSubscribed ? "Subscribed to order updates" : "Unsubscribed from order updates")
      write(requestID, to: &json)
    }
  }

  static func feedStatus(isSubscribed: Bool, requestID: JSONView?) -> [UInt8] {
    object { json in
      json.member("type", isSubscribed ? "subscribe_feed_status" : "unsubscribe_feed_status")
      json.member("status", "success")
      json.member("message", isSubscribed ? "Subscribed to feed status" : "Unsubscribed from feed status")
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

  static func pong(serverMillis: Int64, timestamp: JSONView?, pingID: JSONView?) -> [UInt8] {
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

  static func write(_ requestID: JSONView?, to json: inout JSONWriter) {
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
