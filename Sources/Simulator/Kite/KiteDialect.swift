// Kite at the entrance: two secrets in the query of the ticker's address, and the exchange of a request token.

import JSONText
import WebSocket

struct KiteDialect: BrokerDialect {
  let restPrefixes = ["POST /session/token"]
  let garbage: [UInt8] = [0x7F, 0xFF, 0xFF, 0xFF]
  /// Says that a packet follows, and none does.
  let wrongHeartbeat: (opcode: Opcode, payload: [UInt8]) = (.binary, [0, 1])

  func upgrade(_ request: UpgradeRequest, _ door: inout Door, epochMillis: Int64) -> UpgradeVerdict {
    let target = RequestTarget(request.target)
    let key = target["api_key"]
    guard door.matches(key, door.credentials.apiKey), door.judge(target["access_token"]) == .good else {
      return .reject(HandshakeRejection(status: 403, message: "wrong api_key or access_token"))
    }
    let indexByToken = Dictionary(
      uniqueKeysWithValues: door.directory.tokens.enumerated().map { (UInt32($1.token) ?? 0, UInt32($0)) })
    let session = KiteServerSession(
      indexByToken: indexByToken, instrumentsMax: door.limits.instruments, nowNanos: 0)
    return .accept(session, user: key ?? "", greeting: nil)
  }

  func overflow(of session: any BrokerSession) -> ConnectionOverflow {
    .refuse(HandshakeRejection(status: 429, message: "too many connections"))
  }

  /// The real server just ends the connection.
  func farewell(toExpired session: any BrokerSession) -> [UInt8]? { nil }

  /// The checksum's form is checked, not its value: nobody knows the secret here.
  func answer(_ request: RestRequest, _ door: inout Door) -> RestResponse {
    let items = Dictionary(FormItems.parse(request.body).map { ($0.name, $0.value) }) { first, _ in first }
    guard request.method == "POST", request.target.path == "/session/token" else { return .notFound }
    let isChecksum = items["checksum"].map { $0.utf8.count == 64 && $0.allSatisfy(\.isHexDigit) } ?? false
    guard !door.isRefusing, isChecksum, door.matches(items["api_key"], door.credentials.apiKey),
      items["request_token"]?.isEmpty == false
    else {
      return RestResponse(403) { json in
        json.member("status", "error")
        json.member("message", "Token is invalid or has expired.")
        json.member("error_type", "TokenException")
      }
    }
    let token = door.tokens.issue("access")
    return RestResponse(200) { json in
      json.member("status", "success")
      json.key("data")
      json.beginObject()
      json.member("user_id", "SIM001")
      json.member("api_key", items["api_key"] ?? "")
      json.member("access_token", token)
      json.endObject()
    }
  }
}
