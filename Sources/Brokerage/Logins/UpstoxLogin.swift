// Upstox: an OAuth code is exchanged for the day's access token, and every connection needs an address of its own that
// is asked for with that token. Pure.

import JSONText
import Market

enum UpstoxLogin {
  private static let addressBytesMax = 4096

  /// The page where a person logs in.
  static func page(apiKey: String, redirectURL: String, base: LoginAddress) -> String {
    base.text + "/v2/login/authorization/dialog"
      + LoginAddress.query([("response_type", "code"), ("client_id", apiKey), ("redirect_uri", redirectURL)])
  }

  static func request(_ secrets: BrokerSecrets, code: String, redirectURL: String) -> LoginRequest {
    let (key, secret) = (secrets[.apiKey] ?? "", secrets[.apiSecret] ?? "")
    return LoginRequest(
      path: "/v2/login/authorization/token",
      body: .form([
        ("code", code), ("client_id", key), ("client_secret", secret), ("redirect_uri", redirectURL),
        ("grant_type", "authorization_code"),
      ]),
      secrets: [key, secret, code])
  }

  static func tokens(_ reply: LoginReply, hiding secrets: [String]) -> Result<BrokerSecrets, AccessFailure> {
    if let failure = reply.failure(hiding: secrets) { return .failure(failure) }
    guard let access = LoginReply.secret(reply.json?["access_token"]) else {
      return .failure(.unavailable("the answer has no access token"))
    }
    var tokens = BrokerSecrets()
    tokens[.accessToken] = access
    return .success(tokens)
  }

  /// Asks for the address of one connection.
  static func authorize(accessToken: String) -> LoginRequest {
    LoginRequest(
      method: "GET", path: "/v3/feed/market-data-feed/authorize", headers: [("Authorization", "Bearer \(accessToken)")],
      secrets: [accessToken])
  }

  static func address(_ reply: LoginReply, hiding secrets: [String]) -> Result<String, AccessFailure> {
    if let failure = reply.failure(hiding: secrets) { return .failure(failure) }
    let data = reply.json?["data"]
    let address = data?["authorized_redirect_uri"]?.string ?? data?["authorizedRedirectUri"]?.string
    guard let address, isUsable(address) else {
      return .failure(.unavailable("the answer has no address for the connection"))
    }
    return .success(address)
  }

  /// Encrypted, or on this host: the address stands for the account.
  private static func isUsable(_ address: String) -> Bool {
    guard address.utf8.count <= addressBytesMax, address.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
      return false
    }
    if address.hasPrefix("wss://") { return true }
    guard address.hasPrefix("ws://") else { return false }
    return LoginAddress("http://" + address.dropFirst(5).prefix { $0 != "/" && $0 != "?" }) != nil
  }
}
