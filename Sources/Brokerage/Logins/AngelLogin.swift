// Angel One: client code, PIN and TOTP are exchanged for an access token and a feed token. Pure.

import JSONText
import Market

enum AngelLogin {
  /// Codes of faults on the broker's side; every other one is about what was sent.
  private static let passing: Set = ["AB1004", "AB2000", "AB2001"]

  /// - Parameter code: the TOTP of now.
  static func request(_ secrets: BrokerSecrets, code: String) -> LoginRequest {
    let (client, pin, key) = (secrets[.clientID] ?? "", secrets[.pin] ?? "", secrets[.apiKey] ?? "")
    var writer = JSONWriter()
    writer.beginObject()
    writer.member("clientcode", client)
    writer.member("password", pin)
    writer.member("totp", code)
    writer.endObject()
    return LoginRequest(
      path: "/rest/auth/angelbroking/user/v1/loginByPassword",
      headers: [
        ("X-UserType", "USER"), ("X-SourceID", "WEB"), ("X-PrivateKey", key),
        // Asked for, but not checked against anything: the gateway tells nothing about its host.
        ("X-ClientLocalIP", "127.0.0.1"), ("X-ClientPublicIP", "127.0.0.1"), ("X-MACAddress", "00:00:00:00:00:00"),
      ],
      body: .json(writer.bytes), secrets: [client, pin, key, code])
  }

  static func tokens(_ reply: LoginReply, hiding secrets: [String]) -> Result<BrokerSecrets, AccessFailure> {
    if let failure = reply.failure(hiding: secrets) { return .failure(failure) }
    guard let json = reply.json else { return .failure(.unavailable("the answer is no JSON object")) }
    // A refused login has status 200 and says so inside.
    if json["status"]?.bool == false || json["success"]?.bool == false {
      let words = LoginText.clean(LoginText.message(in: json) ?? "no reason given", hiding: secrets)
      return .failure(passing.contains(json["errorcode"]?.string ?? "") ? .unavailable(words) : .refused(words))
    }
    guard let access = LoginReply.secret(json["data"]?["jwtToken"]),
      let feed = LoginReply.secret(json["data"]?["feedToken"])
    else { return .failure(.unavailable("the answer has no tokens")) }
    var tokens = BrokerSecrets()
    tokens[.accessToken] = access
    tokens[.feedToken] = feed
    return .success(tokens)
  }
}
