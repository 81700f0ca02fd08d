// Zerodha: a person logs in on the broker's page; the request token that comes back is exchanged for the day's access
// token. Pure.

import Crypto
import JSONText
import Market

enum ZerodhaLogin {
  /// The page where a person logs in.
  static func page(apiKey: String) -> String {
    "https://kite.zerodha.com/connect/login" + LoginAddress.query([("v", "3"), ("api_key", apiKey)])
  }

  static func request(_ secrets: BrokerSecrets, requestToken: String) -> LoginRequest {
    let (key, secret) = (secrets[.apiKey] ?? "", secrets[.apiSecret] ?? "")
    let checksum = hex(SHA256.hash(data: Array((key + requestToken + secret).utf8)))
    return LoginRequest(
      path: "/session/token", headers: [("X-Kite-Version", "3")],
      body: .form([("api_key", key), ("request_token", requestToken), ("checksum", checksum)]),
      secrets: [key, secret, requestToken, checksum])
  }

  static func tokens(_ reply: LoginReply, hiding secrets: [String]) -> Result<BrokerSecrets, AccessFailure> {
    if let failure = reply.failure(hiding: secrets) { return .failure(failure) }
    guard let access = LoginReply.secret(reply.json?["data"]?["access_token"]) else {
      return .failure(.unavailable("the answer has no access token"))
    }
    var tokens = BrokerSecrets()
    tokens[.accessToken] = access
    return .success(tokens)
  }

  private static func hex(_ digest: SHA256.Digest) -> String {
    digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
