import Brokerage
import Glibc
import Logging
import Market
import Synchronization
import Testing

@Suite struct ProviderTests {
  private static let rfcSecret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
  private let scratch = CredentialFolder()
  private let book = LogBook()
  private let clock = ManualClock(nanos: 1_795_405_500_000_000_000)
  private var store: CredentialStore { CredentialStore(stateDirectory: scratch.path) }

  private func account(_ name: String, _ change: (inout FeedAccount) -> Void = { _ in }) throws -> FeedAccount {
    var account = FeedAccount(feed: name, broker: try #require(BrokerAccount.named(name)))
    change(&account)
    return account
  }

  private func with(
    _ accounts: [FeedAccount], loginsPerHourMax: Int = 6,
    _ body: (FeedCredentialProvider) async throws -> Void
  ) async throws {
    let client = LoginClient()
    do {
      let provider = try FeedCredentialProvider(
        accounts: accounts, store: store, loginsPerHourMax: loginsPerHourMax, client: client, clock: clock,
        log: book.logger())
      try await body(provider)
    } catch {
      await client.shutdown()
      throw error
    }
    await client.shutdown()
  }

  private func token(_ result: Result<FeedAccess, AccessFailure>) -> String? { result.value?.credentials.accessToken }

  // MARK: Sources

  @Test func `environment wins over token file, token file over store, store over settings`() async throws {
    scratch.write("of-file", to: "token")
    scratch.age("token", seconds: 100)
    try store.set("of-store", as: .accessToken, of: "zerodha", nowNanos: 42)
    let full = try account("zerodha") {
      $0.environment[.accessToken] = "of-environment"
      $0.tokenFile = scratch.path + "/token"
      $0.settings = secrets([.accessToken: "of-settings", .apiKey: "key"])
    }
    var tokens: [String?] = []
    var ages: [Int64?] = []
    var account = full
    for step in 0..<4 {
      if step == 1 { account.environment = BrokerSecrets() }
      if step == 2 { account.tokenFile = nil }
      if step == 3 { try store.remove(nil, of: "zerodha") }
      try await with([account]) { provider in
        tokens.append(provider.credentials(feed: "zerodha")?.accessToken)
        ages.append(provider.obtainedNanos(feed: "zerodha"))
        #expect(provider.credentials(feed: "zerodha")?.apiKey == "key")
        #expect(token(await provider.access("zerodha")) == tokens[step])
      }
    }
    #expect(tokens == ["of-environment", "of-file", "of-store", "of-settings"])
    #expect(ages[0] == nil && ages[2] == 42 && ages[3] == nil)
    let now = SystemClock().nowNanos()
    #expect(abs(now - (ages[1] ?? 0)) < 200_000_000_000)
  }

  @Test func `what was refused is never given again, the next source is`() async throws {
    try store.set("of-store", as: .accessToken, of: "zerodha", nowNanos: 0)
    let account = try account("zerodha") {
      $0.environment = secrets([.accessToken: "of-environment", .apiKey: "key"])
      $0.settings[.accessToken] = "of-settings"
    }
    try await with([account]) { provider in
      let first = try #require(await provider.access("zerodha").value?.credentials)
      let second = try #require(await provider.access("zerodha", refused: first).value?.credentials)
      let third = try #require(await provider.access("zerodha", refused: second).value?.credentials)
      #expect([first, second, third].map(\.accessToken) == ["of-environment", "of-store", "of-settings"])
      guard case .failure(.noCredentials(let text)) = await provider.access("zerodha", refused: third) else {
        Issue.record("a refused token was given again")
        return
      }
      #expect(text.contains("refused") && text.contains("tickgate token login zerodha"))
      #expect(provider.credentials(feed: "zerodha") == nil)
      #expect(provider.obtainedNanos(feed: "zerodha") == nil)
      // The refusal of an earlier one changes nothing.
      #expect(await provider.access("zerodha", refused: first).value == nil)
      try store.set("renewed", as: .accessToken, of: "zerodha", nowNanos: 9)
      provider.look()
      #expect(token(await provider.access("zerodha", refused: first)) == "renewed")
      #expect(provider.obtainedNanos(feed: "zerodha") == 9)
    }
  }

  @Test func `tokens of one login stay together`() async throws {
    for (field, text) in [(CredentialField.accessToken, "jwt-store"), (.feedToken, "feed-store")] {
      try store.set(text, as: field, of: "angel", nowNanos: 0)
    }
    let account = try account("angel") {
      $0.settings = secrets([.apiKey: "k", .clientID: "c", .accessToken: "jwt-settings", .feedToken: "feed-settings"])
    }
    try await with([account]) { provider in
      let first = try #require(await provider.access("angel").value?.credentials)
      #expect(first == FeedCredentials(apiKey: "k", accessToken: "jwt-store", clientID: "c", feedToken: "feed-store"))
      let second = try #require(await provider.access("angel", refused: first).value?.credentials)
      #expect(second.accessToken == "jwt-settings" && second.feedToken == "feed-settings")
    }
    // Half a login in the environment is not completed with the other half of another.
    var half = account
    half.environment[.accessToken] = "jwt-environment"
    try await with([half]) { provider in
      #expect(provider.credentials(feed: "angel")?.accessToken == "jwt-store")
    }
  }

  @Test func `what is missing is said, and unknown feeds are refused`() async throws {
    try await with([try account("dhan") { $0.settings[.accessToken] = "t" }]) { provider in
      guard case .failure(.noCredentials(let text)) = await provider.access("dhan") else {
        Issue.record("no client id, but access")
        return
      }
      #expect(text.contains("client_id"))
      #expect(await provider.access("nobody").failure != nil)
      #expect(provider.credentials(feed: "nobody") == nil)
    }
  }

  // MARK: Changes

  @Test func `a new token file and a new store are noticed and told`() async throws {
    scratch.write("one", to: "token")
    scratch.age("token", seconds: 10)
    let zerodha = try account("zerodha") {
      $0.tokenFile = scratch.path + "/token"
      $0.settings[.apiKey] = "k"
    }
    let dhan = try account("dhan") { $0.settings[.clientID] = "c" }
    try await with([zerodha, dhan]) { provider in
      let told = Told()
      provider.onChange { told.add($0) }
      provider.look()
      #expect(told.names.isEmpty)
      scratch.write("two", to: "token")
      scratch.age("token", seconds: 5)
      provider.look()
      #expect(told.names == ["zerodha"])
      try store.set("d1", as: .accessToken, of: "dhan", nowNanos: 3)
      try store.set("z1", as: .accessToken, of: "zerodha", nowNanos: 3)
      provider.look()
      // The file's token is still the first choice for zerodha.
      #expect(told.names == ["zerodha", "dhan"])
      #expect(provider.credentials(feed: "dhan")?.accessToken == "d1")
      scratch.write("", to: "token")
      scratch.age("token", seconds: 5)
      provider.look()
      #expect(provider.credentials(feed: "zerodha")?.accessToken == "two")
      unlink(scratch.path + "/token")
      provider.look()
      #expect(provider.credentials(feed: "zerodha")?.accessToken == "z1")
      #expect(told.names == ["zerodha", "dhan", "zerodha"])
      try store.remove(nil, of: "dhan")
      provider.look()
      #expect(provider.credentials(feed: "dhan") == nil)
      #expect(told.names.count == 3)
    }
  }

  @Test func `the watch finds a change by itself`() async throws {
    try await with([try account("dhan") { $0.settings[.clientID] = "c" }]) { provider in
      let (changes, continuation) = AsyncStream.makeStream(of: String.self)
      provider.onChange { continuation.yield($0) }
      let watch = Task { await provider.watch() }
      try store.set("d1", as: .accessToken, of: "dhan", nowNanos: 3)
      var iterator = changes.makeAsyncIterator()
      #expect(await iterator.next() == "dhan")
      watch.cancel()
      await watch.value
    }
  }

  @Test func `a store that goes bad leaves what was read in use and is reported once`() async throws {
    try store.set("d1", as: .accessToken, of: "dhan", nowNanos: 3)
    let good = scratch.read("credentials.sealed")
    try await with([try account("dhan") { $0.settings[.clientID] = "c" }]) { provider in
      scratch.write("garbage", to: "credentials.sealed")
      provider.look()
      provider.look()
      #expect(provider.credentials(feed: "dhan")?.accessToken == "d1")
      #expect(book.text.split(separator: "is no credential store", omittingEmptySubsequences: false).count == 2)
      scratch.write(good, to: "credentials.sealed")
      provider.look()
      #expect(provider.credentials(feed: "dhan")?.accessToken == "d1")
    }
    scratch.write("garbage", to: "credentials.sealed")
    await #expect(throws: CredentialError.damaged(path: store.path)) {
      try await with([try account("dhan")]) { _ in }
    }
  }

  // MARK: Logins

  private func angel(_ server: LoginServer) throws -> FeedAccount {
    for (field, text) in [
      (CredentialField.apiKey, "k"), (.clientID, "c"), (.pin, "4711"), (.totpSecret, Self.rfcSecret),
    ] { try store.set(text, as: field, of: "angel", nowNanos: 0) }
    return try account("angel") { $0.loginURL = server.base }
  }

  private static func tokens(_ number: Int) -> [UInt8] {
    LoginServer.reply(200, #"{"status":true,"data":{"jwtToken":"jwt-\#(number)","feedToken":"feed-\#(number)"}}"#)
  }

  @Test func `several connections share one login, and its tokens outlast a restart`() async throws {
    let counter = Counter()
    let server = LoginServer { _ in
      usleep(50_000)
      return Self.tokens(counter.next())
    }
    let account = try angel(server)
    try await with([account]) { provider in
      #expect(provider.credentials(feed: "angel") == nil)
      let given = await withTaskGroup(of: String?.self) { group in
        for _ in 0..<8 { group.addTask { token(await provider.access("angel")) } }
        return await group.reduce(into: [String?]()) { $0.append($1) }
      }
      #expect(given == Array(repeating: "jwt-1", count: 8))
      #expect(provider.credentials(feed: "angel")?.feedToken == "feed-1")
      #expect(provider.obtainedNanos(feed: "angel") == clock.nowNanos())
      provider.look()
    }
    try await with([account]) { provider in #expect(token(await provider.access("angel")) == "jwt-1") }
    #expect(server.asked.count == 1)
  }

  @Test func `a refused token brings a new login, but not at once after the last and not without end`() async throws {
    let counter = Counter()
    let server = LoginServer { _ in Self.tokens(counter.next()) }
    try await with([try angel(server)], loginsPerHourMax: 3) { provider in
      var last = try #require(await provider.access("angel").value?.credentials)
      #expect(await provider.access("angel", refused: last).failure == .limited(retryAfterSeconds: 35))
      for number in 2...3 {
        clock.advance(nanos: 40_000_000_000)
        last = try #require(await provider.access("angel", refused: last).value?.credentials)
        #expect(last.accessToken == "jwt-\(number)")
      }
      clock.advance(nanos: 40_000_000_000)
      guard case .failure(.limited(let seconds)) = await provider.access("angel", refused: last) else {
        Issue.record("a fourth login in an hour")
        return
      }
      #expect(seconds == 3600 - 120)
      clock.advance(nanos: 3_600_000_000_000)
      #expect(token(await provider.access("angel", refused: last)) == "jwt-4")
    }
    #expect(server.asked.count == 4)
  }

  @Test func `refused secrets are sent once, changed ones again`() async throws {
    let server = LoginServer { asked in
      asked.body.contains("4711")
        ? LoginServer.reply(200, #"{"status":false,"message":"Invalid pin","errorcode":"AB1007"}"#) : Self.tokens(1)
    }
    try await with([try angel(server)]) { provider in
      #expect(await provider.access("angel").failure == .refused("Invalid pin"))
      for _ in 0..<5 {
        clock.advance(nanos: 600_000_000_000)
        guard case .failure(.noCredentials(let text)) = await provider.access("angel") else {
          Issue.record("refused secrets were sent again")
          return
        }
        #expect(text.contains("tickgate token set angel --field pin"))
      }
      #expect(server.asked.count == 1)
      try store.set("0815", as: .pin, of: "angel", nowNanos: 0)
      provider.look()
      #expect(token(await provider.access("angel")) == "jwt-1")
    }
  }

  @Test func `a fault of the service is no refusal, and no logins means none`() async throws {
    let counter = Counter()
    let server = LoginServer { _ in counter.next() == 1 ? LoginServer.reply(503, "") : Self.tokens(2) }
    let account = try angel(server)
    try await with([account], loginsPerHourMax: 0) { provider in
      #expect(await provider.access("angel").failure == .limited(retryAfterSeconds: 3600))
      #expect(server.asked.isEmpty)
    }
    try await with([account]) { provider in
      #expect(await provider.access("angel").failure == .unavailable("HTTP 503"))
      clock.advance(nanos: 60_000_000_000)
      #expect(token(await provider.access("angel")) == "jwt-2")
    }
  }

  @Test func `every Upstox connection gets an address of its own`() async throws {
    let counter = Counter()
    let server = LoginServer { _ in
      let name = counter.next() == 1 ? "authorized_redirect_uri" : "authorizedRedirectUri"
      return LoginServer.reply(200, #"{"status":"success","data":{"\#(name)":"wss://feed.example/\#(name)"}}"#)
    }
    let account = try account("upstox") {
      $0.settings[.accessToken] = "up-token"
      $0.loginURL = server.base
      $0.asksForAddress = true
    }
    try await with([account]) { provider in
      #expect(await provider.access("upstox").value?.url == "wss://feed.example/authorized_redirect_uri")
      #expect(await provider.access("upstox").value?.url == "wss://feed.example/authorizedRedirectUri")
      #expect(provider.credentials(feed: "upstox")?.accessToken == "up-token")
    }
    #expect(server.asked.map(\.line) == Array(repeating: "GET /v3/feed/market-data-feed/authorize HTTP/1.1", count: 2))
    #expect(server.asked.allSatisfy { $0.headers["authorization"] == "Bearer up-token" })
  }

  @Test func `an Upstox token that is refused gives way to the next source's, once each`() async throws {
    let server = LoginServer { asked in
      asked.headers["authorization"] == "Bearer good"
        ? LoginServer.reply(200, #"{"data":{"authorized_redirect_uri":"ws://127.0.0.1:7/x"}}"#)
        : LoginServer.reply(401, #"{"errors":[{"message":"Invalid token"}]}"#)
    }
    let account = try account("upstox") {
      $0.environment[.accessToken] = "bad"
      $0.settings[.accessToken] = "good"
      $0.loginURL = server.base
      $0.asksForAddress = true
    }
    try await with([account]) { provider in
      let given = await provider.access("upstox").value
      #expect(given?.url == "ws://127.0.0.1:7/x" && given?.credentials.accessToken == "good")
    }
    #expect(server.asked.count == 2)
    var onlyBad = account
    onlyBad.settings = BrokerSecrets()
    try await with([onlyBad]) { provider in
      #expect(await provider.access("upstox").failure == .refused("HTTP 401: Invalid token"))
      guard case .failure(.noCredentials) = await provider.access("upstox") else {
        Issue.record("a refused token was tried again")
        return
      }
    }
    #expect(server.asked.count == 3)
  }

  @Test(arguments: [
    "http://feed.example", "ws://feed.example/x", "wss://a b", "", "wss://" + String(repeating: "x", count: 5000),
  ])
  func `an address that is none is not connected to`(address: String) async throws {
    let server = LoginServer { _ in
      LoginServer.reply(200, #"{"data":{"authorized_redirect_uri":"\#(address)"}}"#)
    }
    let account = try account("upstox") {
      $0.settings[.accessToken] = "t"
      $0.loginURL = server.base
      $0.asksForAddress = true
    }
    try await with([account]) { provider in
      guard case .failure(.unavailable) = await provider.access("upstox") else {
        Issue.record("taken: \(address)")
        return
      }
    }
  }
}

/// Counts from 1.
final class Counter: Sendable {
  private let count = Atomic<Int>(0)
  func next() -> Int { count.add(1, ordering: .relaxed).newValue }
}

/// Names of feeds in the order in which they were told.
final class Told: Sendable {
  private let list: Mutex<[String]> = Mutex([])
  var names: [String] { list.withLock { $0 } }
  func add(_ name: String) { list.withLock { $0.append(name) } }
}
