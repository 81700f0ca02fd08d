import Brokerage
import Market
import Testing

/// The steps of each broker against a scripted login service.
@Suite struct LoginTests {
  private static let rfcSecret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
  private static let angel = secrets([.apiKey: "angel-key", .clientID: "A123", .pin: "4711", .totpSecret: rfcSecret])
  private static let web = secrets([.apiKey: "web-key", .apiSecret: "web-secret", .clientID: "1000"])

  private func with<Value: Sendable>(
    _ script: @escaping LoginServer.Script, timeoutNanos: Int64 = 10_000_000_000,
    _ body: (LoginSteps, LoginServer) async -> Value
  ) async -> Value {
    let server = LoginServer(script)
    let client = LoginClient(timeoutNanos: timeoutNanos)
    let value = await body(LoginSteps(client: client), server)
    await client.shutdown()
    return value
  }

  private func account(_ name: String) throws -> BrokerAccount { try #require(BrokerAccount.named(name)) }

  @Test func `Angel gets client code, PIN and the code of now, and gives both tokens`() async throws {
    let account = try account("angel")
    let answer = #"{"status":true,"message":"SUCCESS","data":{"jwtToken":"jwt","refreshToken":"r","feedToken":"feed"}}"#
    let (result, asked) = await with({ _ in LoginServer.reply(200, answer) }) { steps, server in
      (await steps.automatic(account, Self.angel, loginURL: server.base + "/", unixSeconds: 59), server.asked)
    }
    #expect(result.value == secrets([.accessToken: "jwt", .feedToken: "feed"]))
    let request = try #require(asked.first)
    #expect(request.line == "POST /rest/auth/angelbroking/user/v1/loginByPassword HTTP/1.1")
    #expect(request.body == #"{"clientcode":"A123","password":"4711","totp":"287082"}"#)
    #expect(request.headers["x-privatekey"] == "angel-key")
    #expect(request.headers["x-usertype"] == "USER")
    #expect(request.headers["x-sourceid"] == "WEB")
    #expect(request.headers["content-type"] == "application/json")
    for name in ["x-clientlocalip", "x-clientpublicip", "x-macaddress"] { #expect(request.headers[name] != nil) }
  }

  @Test func `Angel's refusals, limits and faults inside an answer are told apart`() async throws {
    let account = try account("angel")
    let answers: [(Int, String, AccessFailure)] = [
      (200, #"{"status":false,"message":"Invalid totp","errorcode":"AB1050"}"#, .refused("Invalid totp")),
      (200, #"{"status":false,"message":"Try later","errorcode":"AB1004"}"#, .unavailable("Try later")),
      (200, #"{"status":true,"data":{"jwtToken":"j"}}"#, .unavailable("the answer has no tokens")),
      (200, "<html>", .unavailable("the answer is no JSON object")),
      (200, #"{"status":true,"data":{"jwtToken":"a b","feedToken":"f"}}"#, .unavailable("the answer has no tokens")),
      (403, "Access denied because of exceeding access rate", .limited(retryAfterSeconds: nil)),
    ]
    for (status, body, expected) in answers {
      let result = await with({ _ in LoginServer.reply(status, body) }) { steps, server in
        await steps.automatic(account, Self.angel, loginURL: server.base, unixSeconds: 0)
      }
      #expect(result.failure == expected, "\(body)")
    }
  }

  @Test func `Zerodha's request token is exchanged with the checksum`() async throws {
    let account = try account("zerodha")
    let (result, asked) = await with({ _ in LoginServer.reply(200, #"{"data":{"access_token":"today"}}"#) }) {
      steps, server in
      (
        await steps.exchange(
          account, Self.web, answer: "https://127.0.0.1/back?action=login&request_token=req-1&status=success",
          loginURL: server.base, redirectURL: ""), server.asked
      )
    }
    #expect(result.value == secrets([.accessToken: "today"]))
    let request = try #require(asked.first)
    #expect(request.line == "POST /session/token HTTP/1.1")
    #expect(request.headers["x-kite-version"] == "3")
    // sha256("web-key" + "req-1" + "web-secret")
    #expect(request.body == "api_key=web-key&request_token=req-1&checksum=\(Self.checksum)")
  }

  private static let checksum = "15be47f2ee63af6bb40b0715769dfad4eec806c311385ed1000f8c331b2c8b38"

  @Test func `Upstox exchanges the code of the redirect address`() async throws {
    let account = try account("upstox")
    let (result, asked) = await with({ _ in LoginServer.reply(200, #"{"access_token":"today","user_id":"u"}"#) }) {
      steps, server in
      (
        await steps.exchange(
          account, Self.web, answer: "code-1", loginURL: server.base, redirectURL: "https://example.org/a?b=c&d"),
        server.asked
      )
    }
    #expect(result.value == secrets([.accessToken: "today"]))
    #expect(asked.first?.line == "POST /v2/login/authorization/token HTTP/1.1")
    #expect(
      asked.first?.body == "code=code-1&client_id=web-key&client_secret=web-secret"
        + "&redirect_uri=https%3A%2F%2Fexample.org%2Fa%3Fb%3Dc%26d&grant_type=authorization_code")
  }

  @Test func `Dhan gives a page for a consent and exchanges what comes back`() async throws {
    let account = try account("dhan")
    let script: LoginServer.Script = { asked in
      asked.line.contains("generate-consent")
        ? LoginServer.reply(200, #"{"consentAppId":"consent-1","status":"success"}"#)
        : LoginServer.reply(200, #"{"dhanClientId":"1000","accessToken":"today","expiryTime":"2026-11-24T09:00:00"}"#)
    }
    let (page, result, asked) = await with(script) { steps, server in
      let page = await steps.page(account, Self.web, loginURL: server.base, redirectURL: "")
      let result = await steps.exchange(
        account, Self.web, answer: "https://example.org/?tokenId=tok%2D1", loginURL: server.base, redirectURL: "")
      return (page.value, result.value, server.asked)
    }
    #expect(page?.hasSuffix("/login/consentApp-login?consentAppId=consent-1") == true)
    #expect(result == secrets([.accessToken: "today", .clientID: "1000"]))
    #expect(
      asked.map(\.line) == [
        "POST /app/generate-consent?client_id=1000 HTTP/1.1", "GET /app/consumeApp-consent?tokenId=tok-1 HTTP/1.1",
      ])
    for request in asked {
      #expect(request.headers["app_id"] == "web-key")
      #expect(request.headers["app_secret"] == "web-secret")
    }
  }

  @Test func `Dhan logs in with PIN and code`() async throws {
    let account = try account("dhan")
    let given = secrets([.clientID: "1000", .pin: "123456", .totpSecret: Self.rfcSecret])
    let (result, asked) = await with({ _ in LoginServer.reply(200, #"{"accessToken":"today"}"#) }) { steps, server in
      (await steps.automatic(account, given, loginURL: server.base, unixSeconds: 59), server.asked)
    }
    #expect(result.value == secrets([.accessToken: "today"]))
    #expect(
      asked.first?.line == "POST /app/generateAccessToken?dhanClientId=1000&pin=123456&totp=287082 HTTP/1.1")
    let refusal = await with({ _ in LoginServer.reply(200, #"{"status":"error","message":"Invalid Pin"}"#) }) {
      steps, server in await steps.automatic(account, given, loginURL: server.base, unixSeconds: 59)
    }
    #expect(refusal.failure == .refused("Invalid Pin"))
  }

  @Test(arguments: [
    (400, "", AccessFailure.refused("HTTP 400")),
    (401, #"{"message":"no"}"#, .refused("HTTP 401: no")),
    (403, #"{"errors":[{"message":"Invalid token used"}]}"#, .refused("HTTP 403: Invalid token used")),
    (404, "", .unavailable("HTTP 404")),
    (302, "", .unavailable("HTTP 302")),
    (429, "", .limited(retryAfterSeconds: 17)),
    (500, "", .unavailable("HTTP 500")),
    (503, "<html>", .unavailable("HTTP 503")),
  ])
  func `every status says what to do next`(status: Int, body: String, expected: AccessFailure) async throws {
    let account = try account("angel")
    let headers = ["Retry-After: 17", "Location: http://127.0.0.1:1/elsewhere"]
    let (result, count) = await with({ _ in LoginServer.reply(status, body, headers: headers) }) { steps, server in
      (await steps.automatic(account, Self.angel, loginURL: server.base, unixSeconds: 0), server.asked.count)
    }
    #expect(result.failure == expected)
    #expect(count == 1)
  }

  @Test func `an answer that is too long, cut or never comes ends the login`() async throws {
    let account = try account("angel")
    let long = String(repeating: "x", count: LoginClient.answerBytesMax + 1)
    let scripts: [LoginServer.Script] = [
      { _ in LoginServer.reply(200, long) },
      { _ in Array("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{".utf8) },
      { _ in Array("nonsense\r\n\r\n".utf8) },
      { _ in [] },
      { _ in nil },
    ]
    for (index, script) in scripts.enumerated() {
      let result = await with(script, timeoutNanos: 400_000_000) { steps, server in
        await steps.automatic(account, Self.angel, loginURL: server.base, unixSeconds: 0)
      }
      guard case .failure(.unavailable) = result else {
        Issue.record("script \(index): \(result)")
        continue
      }
    }
    let closed = await with({ _ in nil }) { steps, _ in
      await steps.automatic(account, Self.angel, loginURL: "http://127.0.0.1:1", unixSeconds: 0)
    }
    guard case .failure(.unavailable(let text)) = closed else {
      Issue.record("nobody listens there")
      return
    }
    #expect(text.hasPrefix("127.0.0.1:1: "))
  }

  @Test(arguments: [
    "http://example.org", "http://127.0.0.1.example.org", "http://localhost.example.org", "ftp://127.0.0.1", "https://",
    "https://user@example.org", "https://example.org?a=b", "https://example.org#a", "https://a b", "", "127.0.0.1",
    "http://[::1].example.org", "http://127.1",
  ])
  func `a secret is sent over https or to this host, and nowhere else`(address: String) async throws {
    let account = try account("angel")
    let result = await with({ _ in nil }) { steps, _ in
      await steps.automatic(account, Self.angel, loginURL: address, unixSeconds: 0)
    }
    #expect(result.failure == .unavailable("the address is neither https nor loopback"))
  }

  @Test func `what is missing is named with the command that mends it`() async throws {
    let account = try account("angel")
    let result = await with({ _ in nil }) { steps, server in
      await steps.automatic(account, secrets([.apiKey: "k", .clientID: "c"]), loginURL: server.base, unixSeconds: 0)
    }
    guard case .failure(.noCredentials(let text)) = result else {
      Issue.record("logged in with nothing")
      return
    }
    #expect(text.contains("tickgate token set angel --field pin; tickgate token set angel --field totp_secret"))
  }

  @Test(
    arguments: [
      ("abc", "abc"), ("  abc \n", "abc"), ("https://x/?request_token=abc", "abc"),
      ("https://x/?a=b&request_token=abc&c=d#frag", "abc"), ("request_token=abc", "abc"),
      ("https://x/?request_token=a%2Bb", "a+b"), ("https://x/?a=b", nil), ("https://x/", nil), ("", nil),
      ("https://x/?request_token=", nil), ("https://x/?request_token=%zz", nil),
      ("https://x/?request_token=a%0Ab", nil),
    ] as [(String, String?)])
  func `the code is found in the address that the browser ended on`(answer: String, code: String?) {
    #expect(LoginSteps.code(in: answer, parameter: "request_token") == code)
  }
}
