// The logins of all brokers behind one interface: by itself where the broker allows it, guided where a person has to go
// through the broker's page. Any task; every answer is a value.

import Market

/// Runs the steps of a login.
public struct LoginSteps: Sendable {
  private let client: LoginClient

  public init(client: LoginClient) { self.client = client }

  /// Logs in without a person.
  /// - Parameters:
  ///   - unixSeconds: now, for the TOTP.
  ///   - code: the TOTP, where a person typed it instead.
  public func automatic(
    _ account: BrokerAccount, _ secrets: BrokerSecrets, loginURL: String, unixSeconds: Int64, code: String? = nil
  ) async -> Result<BrokerSecrets, AccessFailure> {
    let needs = account.loggingIn.filter { secrets[$0] == nil && !($0 == .totpSecret && code != nil) }
    guard account.automatic != .none, needs.isEmpty else {
      return .failure(.noCredentials("\(CredentialError.missing(broker: account.name, fields: needs))"))
    }
    guard let code = code ?? secrets[.totpSecret].flatMap(OneTimeCode.init(base32:))?.code(unixSeconds: unixSeconds)
    else { return .failure(.noCredentials("\(CredentialError.badSecret(.totpSecret))")) }
    switch account.automatic {
    case .none: return .failure(.noCredentials("\(account.name) needs a person to log in"))
    case .angel:
      let request = AngelLogin.request(secrets, code: code)
      return await client.send(request, to: loginURL).flatMap { AngelLogin.tokens($0, hiding: request.secrets) }
    case .dhan:
      let request = DhanLogin.request(secrets, code: code)
      return await client.send(request, to: loginURL).flatMap { DhanLogin.tokens($0, hiding: request.secrets) }
    }
  }

  /// The address of the page where a person logs in.
  public func page(
    _ account: BrokerAccount, _ secrets: BrokerSecrets, loginURL: String, redirectURL: String
  ) async -> Result<String, AccessFailure> {
    let needs = account.guidedNeeds.filter { secrets[$0] == nil }
    guard needs.isEmpty else {
      return .failure(.noCredentials("\(CredentialError.missing(broker: account.name, fields: needs))"))
    }
    guard let base = LoginAddress(loginURL) else {
      return .failure(.noCredentials("\(CredentialError.badAddress(loginURL))"))
    }
    switch account.name {
    case "zerodha": return .success(ZerodhaLogin.page(apiKey: secrets[.apiKey] ?? ""))
    case "upstox":
      return .success(UpstoxLogin.page(apiKey: secrets[.apiKey] ?? "", redirectURL: redirectURL, base: base))
    case "dhan":
      let request = DhanLogin.consent(secrets)
      return await client.send(request, to: loginURL).flatMap {
        DhanLogin.page($0, hiding: request.secrets, base: base)
      }
    default: return .failure(.noCredentials("\(account.name) has no page to log in"))
    }
  }

  /// Exchanges what the page gave for tokens.
  /// - Parameter answer: the address that the browser ended on, or the code in it.
  public func exchange(
    _ account: BrokerAccount, _ secrets: BrokerSecrets, answer: String, loginURL: String, redirectURL: String
  ) async -> Result<BrokerSecrets, AccessFailure> {
    guard case .code(let parameter) = account.guided else {
      return .failure(.noCredentials("\(account.name) has no page to log in"))
    }
    guard let code = Self.code(in: answer, parameter: parameter) else {
      return .failure(.noCredentials("\(CredentialError.badCode(parameter: parameter))"))
    }
    switch account.name {
    case "zerodha":
      let request = ZerodhaLogin.request(secrets, requestToken: code)
      return await client.send(request, to: loginURL).flatMap { ZerodhaLogin.tokens($0, hiding: request.secrets) }
    case "upstox":
      let request = UpstoxLogin.request(secrets, code: code, redirectURL: redirectURL)
      return await client.send(request, to: loginURL).flatMap { UpstoxLogin.tokens($0, hiding: request.secrets) }
    case "dhan":
      let request = DhanLogin.exchange(secrets, tokenID: code)
      return await client.send(request, to: loginURL).flatMap { DhanLogin.tokens($0, hiding: request.secrets) }
    default: return .failure(.noCredentials("\(account.name) has no page to log in"))
    }
  }

  /// Asks Upstox for the address of one connection.
  func address(accessToken: String, loginURL: String) async -> Result<String, AccessFailure> {
    let request = UpstoxLogin.authorize(accessToken: accessToken)
    return await client.send(request, to: loginURL).flatMap { UpstoxLogin.address($0, hiding: request.secrets) }
  }

  /// The named value of an address that a browser ended on, or the value by itself.
  public static func code(in answer: String, parameter: String) -> String? {
    let text = answer.filter { !$0.isWhitespace }
    var value = text[...]
    if let question = text.firstIndex(of: "?") {
      let items = text[text.index(after: question)...].prefix { $0 != "#" }.split(separator: "&")
      guard let item = items.first(where: { $0.hasPrefix(parameter + "=") }) else { return nil }
      value = item.dropFirst(parameter.count + 1)
    } else if text.hasPrefix(parameter + "=") {
      value = text.dropFirst(parameter.count + 1)
    }
    guard !value.contains("://"), let code = LoginAddress.unescaped(value), BrokerSecrets.isSecret(code) else {
      return nil
    }
    return code
  }
}
