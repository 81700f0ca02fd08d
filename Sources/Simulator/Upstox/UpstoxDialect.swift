// Upstox at the entrance: a bearer token is changed into an address that opens one connection.

import JSONText
import WebSocket

struct UpstoxDialect: BrokerDialect {
  private static let authorizePath = SimulatedBroker.upstox.feedPath
  private static let feedPath = "/v3/feed/market-data-feed"
  private static let socketPath = "/v3/feed/market-data-feed/socket"
  /// Addresses that wait to be used; of more the oldest are void.
  private static let codesMax = 1024
  private static let segments = [
    "NSE_EQ", "NSE_FO", "NCD_FO", "NSE_INDEX", "BSE_EQ", "BSE_FO", "BCD_FO", "BSE_INDEX", "MCX_FO", "NSE_COM",
  ]

  let restPrefixes = ["GET \(authorizePath)"]
  /// Wire type 7 does not exist.
  let garbage: [UInt8] = [0x0F, 0xFF]
  /// The feed has no heartbeat of its own: a text where none belongs.
  let wrongHeartbeat: (opcode: Opcode, payload: [UInt8]) = (.text, Array("heartbeat".utf8))
  /// Codes not used yet, the oldest first, with the token that each was made for.
  private var codes: [(code: String, token: String)] = []
  private var codeCount = 0

  mutating func upgrade(_ request: UpgradeRequest, _ door: inout Door, epochMillis: Int64) -> UpgradeVerdict {
    let target = RequestTarget(request.target)
    if target.path == Self.feedPath { return redirect(request, &door) }
    guard target.path == Self.socketPath else {
      return .reject(HandshakeRejection(status: 404, message: "not found"))
    }
    // Taken out, so that it opens no second connection.
    guard let code = target["code"], let place = codes.firstIndex(where: { $0.code == code }),
      case let token = codes.remove(at: place).token, door.judge(token) == .good
    else { return .reject(HandshakeRejection(status: 403, message: "this address was used already, or never made")) }
    let session = UpstoxSession(directory: door.directory, limits: door.limits)
    let greeting = UpstoxEncoder.marketInfo(segments: Self.segments, epochMillis: epochMillis)
    return .accept(session, user: token, greeting: greeting)
  }

  /// The other way in: a redirection to the same kind of address.
  private mutating func redirect(_ request: UpgradeRequest, _ door: inout Door) -> UpgradeVerdict {
    let token = request.values(ofField: "authorization").first.map(RestRequest.withoutScheme)
    guard let token, door.judge(token) == .good else {
      return .reject(HandshakeRejection(status: 401, message: "invalid token"))
    }
    let address = makeAddress(token, host: request.host, isSecure: door.isSecure)
    return .reject(HandshakeRejection(status: 302, message: "see there", fields: [("Location", address)]))
  }

  private mutating func makeAddress(_ token: String, host: String, isSecure: Bool) -> String {
    codeCount += 1
    let code = "code-\(codeCount)"
    if codes.count == Self.codesMax { codes.removeFirst() }
    codes.append((code, token))
    return "\(isSecure ? "wss" : "ws")://\(host)\(Self.socketPath)?requestId=simulated&code=\(code)"
  }

  mutating func answer(_ request: RestRequest, _ door: inout Door) -> RestResponse {
    guard request.method == "GET", request.target.path == Self.authorizePath else { return .notFound }
    guard let token = request.bearer, door.judge(token) == .good else { return Self.unauthorized }
    let host = request.fields["host"] ?? "127.0.0.1"
    let address = makeAddress(token, host: host, isSecure: door.isSecure)
    return RestResponse(200) { json in
      json.member("status", "success")
      json.key("data")
      json.beginObject()
      json.member("authorized_redirect_uri", address)
      json.member("authorizedRedirectUri", address)
      json.endObject()
    }
  }

  private static var unauthorized: RestResponse {
    RestResponse(401) { json in
      json.member("status", "error")
      json.key("errors")
      json.beginArray()
      json.beginObject()
      json.member("errorCode", "UDAPI100050")
      json.member("message", "Invalid token used to access API")
      json.endObject()
      json.endArray()
    }
  }

  func overflow(of session: any BrokerSession) -> ConnectionOverflow {
    .refuse(HandshakeRejection(status: 429, message: "too many connections"))
  }

  /// The real server just ends the connection.
  func farewell(toExpired session: any BrokerSession) -> [UInt8]? { nil }
}
