import Brokerage
import Logging
import Market
import Testing

/// No text that the target makes has a secret in it: errors, descriptions, dumps, logs.
@Suite struct SecrecyTests {
  private static let totp = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
  private static let values: [CredentialField: String] = [
    .accessToken: "secret-access", .feedToken: "secret-feed", .apiKey: "secret-key", .apiSecret: "secret-api",
    .clientID: "secret-client", .pin: "918273", .totpSecret: totp,
  ]
  private let scratch = CredentialFolder()

  private func expectClean(_ text: String, _ place: String = "") {
    for (field, value) in Self.values {
      #expect(!text.contains(value), "\(field.rawValue) in \(place): \(text)")
    }
    // Codes of the first minutes, which the fixed clock gives.
    for code in ["755224", "287082"] { #expect(!text.contains(code), "a one-time code in \(place): \(text)") }
  }

  private func dumped(_ value: some Any) -> String {
    var text = "\(value) \(String(reflecting: value)) "
    dump(value, to: &text)
    return text
  }

  @Test func `values with secrets print without them`() throws {
    let all = secrets(Self.values)
    expectClean(dumped(all))
    expectClean(dumped([all] as [BrokerSecrets?]))
    expectClean(dumped(["angel": all]))
    let credentials = FeedCredentials(
      apiKey: "secret-key", accessToken: "secret-access", clientID: "secret-client", feedToken: "secret-feed")
    expectClean(dumped(credentials))
    expectClean(dumped(FeedAccess(credentials, url: "secret-access")))
    expectClean(dumped(try #require(OneTimeCode(base32: Self.totp))))
    #expect(dumped(all).contains("access_token"))
    var account = FeedAccount(feed: "angel", broker: BrokerAccount.table[1])
    account.environment = all
    account.settings = all
    expectClean(dumped(account))
    let look = TokenFile.Look.read(all)
    expectClean(dumped(look))
  }

  @Test func `errors about secrets do not show them`() {
    let store = CredentialStore(stateDirectory: scratch.path)
    for field in CredentialField.allCases {
      do {
        try store.set("secret-access secret-key!", as: field, of: "angel", nowNanos: 0)
        Issue.record("taken")
      } catch { expectClean(dumped(error)) }
    }
    for content in ["secret-access secret-key", "{\"access_token\":\"secret-access", "{\"x\":\"secret-access\"}"] {
      scratch.write(content, to: "token")
      scratch.age("token", seconds: 1)
      var file = TokenFile(path: scratch.path + "/token")
      expectClean(dumped(file.look(nowNanos: SystemClock().nowNanos())))
    }
  }

  @Test func `failed logins do not show what was sent, whatever the broker answers`() async throws {
    // A broker that sends everything back that it got.
    let echo: LoginServer.Script = { asked in
      let text = (asked.line + " " + asked.body + " " + asked.headers.values.joined(separator: " "))
        .filter { $0 != "\"" && $0 != "\\" }
      let status = asked.headers["x-status"].flatMap { Int($0) } ?? 0
      return LoginServer.reply(status, #"{"status":false,"message":"\#(text)"}"#)
    }
    for status in [200, 400, 401, 403, 404, 429, 500] {
      let server = LoginServer { asked in
        var asked = asked
        asked.headers["x-status"] = "\(status)"
        return echo(asked)
      }
      let client = LoginClient()
      let steps = LoginSteps(client: client)
      let all = secrets(Self.values)
      for account in BrokerAccount.table {
        let automatic = await steps.automatic(account, all, loginURL: server.base, unixSeconds: 59)
        let page = await steps.page(account, all, loginURL: server.base, redirectURL: "https://example.org")
        let exchange = await steps.exchange(
          account, all, answer: "secret-access", loginURL: server.base, redirectURL: "https://example.org")
        for failure in [automatic.failure, page.failure, exchange.failure] {
          guard let failure else { continue }
          expectClean(dumped(failure) + failure.loginText, "\(account.name) \(status)")
        }
      }
      await client.shutdown()
    }
  }

  @Test func `the log has no secret`() async throws {
    let store = CredentialStore(stateDirectory: scratch.path)
    for (field, value) in Self.values where !field.isToken {
      for broker in BrokerAccount.table { try store.set(value, as: field, of: broker.name, nowNanos: 0) }
    }
    let server = LoginServer { asked in
      LoginServer.reply(asked.line.contains("authorize") ? 401 : 400, #"{"message":"\#(asked.line) \#(Self.totp)"}"#)
    }
    let book = LogBook()
    let client = LoginClient()
    let accounts = BrokerAccount.table.map { broker in
      var account = FeedAccount(feed: broker.name, broker: broker)
      account.loginURL = server.base
      account.asksForAddress = broker.name == "upstox"
      account.tokenFile = scratch.path + "/\(broker.name)"
      return account
    }
    let provider = try FeedCredentialProvider(
      accounts: accounts, store: store, loginsPerHourMax: 6, client: client, clock: ManualClock(nanos: 59_000_000_000),
      log: book.logger())
    for content in ["secret-access", "secret-access secret-key", "{\"access_token\":\"secret-access\"}"] {
      for broker in BrokerAccount.table {
        scratch.write(Array(content.utf8), to: broker.name, mode: 0o644)
        scratch.age(broker.name, seconds: 1)
      }
      provider.look()
      for broker in BrokerAccount.table {
        let first = await provider.access(broker.name)
        expectClean(first.failure.map { dumped($0) } ?? "")
        let second = await provider.access(broker.name, refused: first.value?.credentials)
        expectClean(second.failure.map { dumped($0) } ?? "")
      }
    }
    await client.shutdown()
    for words in ["new credentials", "access token refused", "login failed", "can be read by others", "not one line"] {
      #expect(book.text.contains(words), "\(book.text)")
    }
    expectClean(book.text)
  }
}
