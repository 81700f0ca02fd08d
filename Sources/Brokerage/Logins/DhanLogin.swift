// Dhan: either client id, PIN and TOTP are exchanged for a day's access token, or a person agrees on the broker's page
// to a consent that the gateway has asked for, and the token id that comes back is exchanged. Pure.

import JSONText
import Market

enum DhanLogin {
  /// Without a person.
  /// - Parameter code: the TOTP of now.
  static func request(_ secrets: BrokerSecrets, code: String) -> LoginRequest {
    let (client, pin) = (secrets[.clientID] ?? "", secrets[.pin] ?? "")
    return LoginRequest(
      path: "/app/generateAccessToken", query: [("dhanClientId", client), ("pin", pin), ("totp", code)],
      secrets: [client, pin, code])
  }

  /// Asks for a consent that a person then agrees to.
  static func consent(_ secrets: BrokerSecrets) -> LoginRequest {
    let client = secrets[.clientID] ?? ""
    return LoginRequest(
      path: "/app/generate-consent", query: [("client_id", client)], headers: headers(secrets),
      secrets: [client, secrets[.apiKey] ?? "", secrets[.apiSecret] ?? ""])
  }

  static func page(_ reply: LoginReply, hiding secrets: [String], base: LoginAddress) -> Result<String, AccessFailure> {
    if let failure = reply.failure(hiding: secrets) { return .failure(failure) }
    guard let consent = LoginReply.secret(reply.json?["consentAppId"]) else {
      return .failure(.unavailable("the answer has no consent"))
    }
    return .success(base.text + "/login/consentApp-login" + LoginAddress.query([("consentAppId", consent)]))
  }

  static func exchange(_ secrets: BrokerSecrets, tokenID: String) -> LoginRequest {
    LoginRequest(
      method: "GET", path: "/app/consumeApp-consent", query: [("tokenId", tokenID)], headers: headers(secrets),
      secrets: [tokenID, secrets[.apiKey] ?? "", secrets[.apiSecret] ?? ""])
  }

  static func tokens(_ reply: LoginReply, hiding secrets: [String]) -> Result<BrokerSecrets, AccessFailure> {
    if let failure = reply.failure(hiding: secrets) { return .failure(failure) }
    guard let json = reply.json else { return .failure(.unavailable("the answer is no JSON object")) }
    guard let access = LoginReply.secret(json["accessToken"]) else {
      // A wrong PIN may be answered with status 200 and a reason.
      guard let words = LoginText.message(in: json) else {
        return .failure(.unavailable("the answer has no access token"))
      }
      return .failure(.refused(LoginText.clean(words, hiding: secrets)))
    }
    var tokens = BrokerSecrets()
    tokens[.accessToken] = access
    tokens[.clientID] = LoginReply.secret(json["dhanClientId"])
    return .success(tokens)
  }

  private static func headers(_ secrets: BrokerSecrets) -> [(name: String, value: String)] {
    [("app_id", secrets[.apiKey] ?? ""), ("app_secret", secrets[.apiSecret] ?? "")]
  }
}
