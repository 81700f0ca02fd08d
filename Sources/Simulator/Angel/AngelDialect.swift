// Angel at the entrance: four header fields of the upgrade, and the login that gives two of them.

import JSONText
import WebSocket

struct AngelDialect: BrokerDialect {
  static let loginPath = "/rest/auth/angelbroking/user/v1/loginByPassword"
  private static let totpDigits = 6
  private static let feedTokensMax = 4096

  let restPrefixes = ["POST /rest/auth/"]
  /// No mode has this number.
  let garbage: [UInt8] = [0xEE, 0xEE]
  /// Neither an answer to a ping nor an error.
  let wrongHeartbeat: (opcode: Opcode, payload: [UInt8]) = (.text, Array("gnop".utf8))
  private var feedTokens: Set<String> = []

  mutating func upgrade(_ request: UpgradeRequest, _ door: inout Door, epochMillis: Int64) -> UpgradeVerdict {
    guard RequestTarget(request.target).path == SimulatedBroker.angel.feedPath else {
      return .reject(HandshakeRejection(status: 404, message: "not found"))
    }
    func field(_ name: String) -> String? { request.values(ofField: name).first }
    guard let jwt = field("authorization").map(RestRequest.withoutScheme), door.judge(jwt) == .good else {
      return Self.refused("Invalid Auth token")
    }
    guard door.matches(field("x-api-key"), door.credentials.apiKey) else { return Self.refused("Invalid API Key") }
    let client = field("x-client-code")
    guard door.matches(client, door.credentials.clientCode) else { return Self.refused("Invalid Client Code") }
    let feedToken = field("x-feed-token")
    guard door.matches(feedToken, door.credentials.feedToken) || feedTokens.contains(feedToken ?? "") else {
      return Self.refused("Invalid Feed Token")
    }
    let session = AngelSession(directory: door.directory, limits: door.limits)
    return .accept(session, user: client ?? "", greeting: nil)
  }

  private static func refused(_ message: String) -> UpgradeVerdict {
    .reject(HandshakeRejection(status: 401, message: message, fields: [("x-error-message", message)]))
  }

  func overflow(of session: any BrokerSession) -> ConnectionOverflow {
    let message = "Connection Limit Exceeded"
    return .refuse(HandshakeRejection(status: 429, message: message, fields: [("x-error-message", message)]))
  }

  /// The real server just ends the connection.
  func farewell(toExpired session: any BrokerSession) -> [UInt8]? { nil }

  // MARK: Login

  mutating func answer(_ request: RestRequest, _ door: inout Door) -> RestResponse {
    guard request.method == "POST", request.target.path == Self.loginPath else { return .notFound }
    guard door.matches(request.fields["x-privatekey"], door.credentials.apiKey) else {
      return Self.failed("AG8004", "Invalid API Key")
    }
    guard let root = try? JSONDocument(request.body, limits: JSONLimits(depthMax: 4, nodesMax: 64)).root else {
      return Self.failed("AB1004", "Something Went Wrong, Please Try After Sometime")
    }
    guard !door.isRefusing, door.matches(root["clientcode"]?.string, door.credentials.clientCode),
      door.matches(root["password"]?.string, door.credentials.pin)
    else { return Self.failed("AB1007", "Invalid email or password") }
    let totp = root["totp"]?.string ?? ""
    guard totp.utf8.count == Self.totpDigits, totp.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
      return Self.failed("AB1050", "Invalid totp")
    }
    let jwt = door.tokens.issue("jwt")
    let feedToken = "feed-" + jwt.dropFirst(4)
    if feedTokens.count < Self.feedTokensMax { feedTokens.insert(feedToken) }
    return RestResponse(200) { json in
      json.key("status")
      json.value(true)
      json.member("message", "SUCCESS")
      json.member("errorcode", "")
      json.key("data")
      json.beginObject()
      json.member("jwtToken", jwt)
      json.member("refreshToken", "refresh-" + jwt.dropFirst(4))
      json.member("feedToken", feedToken)
      json.endObject()
    }
  }

  /// Failures come with status 200, as the real ones do.
  private static func failed(_ code: String, _ message: String) -> RestResponse {
    RestResponse(200) { json in
      json.key("status")
      json.value(false)
      json.member("message", message)
      json.member("errorcode", code)
      json.key("data")
      json.raw("null")
    }
  }
}
