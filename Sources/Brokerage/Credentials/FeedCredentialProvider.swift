// Hands every feed its credentials, at every connection anew. What is known is in memory under one lock that nobody
// holds while waiting; files are looked at by the watch, logins run as tasks. Safe from any thread.

import Glibc
import Logging
import Market
import Synchronization

/// Credentials of all feeds from environment, token files, the store and the settings, with logins where they can be
/// made without a person.
public final class FeedCredentialProvider: CredentialProvider {
  public typealias Answer = @Sendable (Result<FeedAccess, AccessFailure>) -> Void

  /// Refused credentials that are remembered per feed.
  static let refusedMax = 16

  struct Feed: Sendable {
    var sources: CredentialSources
    var budget: LoginBudget
    /// Newest last.
    var refused: [FeedCredentials] = []
    /// Who waits for the login that is under way; nil when none is.
    var waiting: [Answer]?

    var usable: CredentialSources.Candidate? { sources.candidates.first { !refused.contains($0.credentials) } }

    mutating func refuse(_ credentials: FeedCredentials) {
      guard !refused.contains(credentials) else { return }
      if refused.count == refusedMax { refused.removeFirst() }
      refused.append(credentials)
    }
  }

  struct State: Sendable {
    var feeds: [String: Feed] = [:]
    var listeners: [@Sendable (String) -> Void] = []
  }

  let state: Mutex<State>
  let watched: Mutex<CredentialWatch>
  let store: CredentialStore?
  let log: Logger
  private let steps: LoginSteps
  private let clock: any WallClock

  /// Reads every source once.
  /// - Parameters:
  ///   - store: nil for none.
  ///   - loginsPerHourMax: automatic logins per hour and broker; 0 for none.
  ///   - client: is not shut down by the provider.
  public init(
    accounts: [FeedAccount], store: CredentialStore?, loginsPerHourMax: Int, client: LoginClient,
    clock: any WallClock = SystemClock(), log: Logger
  ) throws(CredentialError) {
    self.store = store
    self.clock = clock
    self.log = log
    steps = LoginSteps(client: client)
    let (contents, stamp) = try store?.readStamped() ?? ([:], nil)
    var state = State()
    for account in accounts {
      var sources = CredentialSources(account)
      sources.stored = contents[account.broker.name] ?? BrokerSecrets()
      state.feeds[account.feed] = Feed(
        sources: sources,
        budget: LoginBudget(perHourMax: loginsPerHourMax, spacingNanos: account.broker.loginSpacingNanos))
    }
    self.state = Mutex(state)
    watched = Mutex(CredentialWatch(accounts: accounts, storeStamp: stamp))
    // A file that was written a moment before the start is worth the moment.
    if !look() {
      usleep(UInt32(TokenFile.settleNanos / 1000))
      look()
    }
  }

  /// Registers somebody who is told the name of a feed when other credentials than before are there for it.
  public func onChange(_ listener: @escaping @Sendable (_ feed: String) -> Void) {
    state.withLock { $0.listeners.append(listener) }
  }

  // MARK: CredentialProvider

  public func credentials(feed: String) -> FeedCredentials? {
    state.withLock { $0.feeds[feed]?.usable?.credentials }
  }

  public func obtainedNanos(feed: String) -> Int64? { state.withLock { $0.feeds[feed]?.usable?.obtainedNanos } }

  public func access(feed: String, refused: FeedCredentials?, answer: @escaping Answer) {
    let now = clock.nowNanos()
    let step = state.withLock { state -> Step in
      guard var known = state.feeds[feed] else { return .fail(.noCredentials("there is no feed \(feed)")) }
      defer { state.feeds[feed] = known }
      if let refused { known.refuse(refused) }
      return Self.step(&known, answer, now)
    }
    carryOut(step, feed, answer)
  }

  private enum Step {
    case give(FeedCredentials)
    case askForAddress(FeedCredentials, loginURL: String)
    case logIn(FeedAccount, BrokerSecrets)
    /// A login is under way; the answer comes with it.
    case wait
    case fail(AccessFailure)
  }

  private static func step(_ feed: inout Feed, _ answer: @escaping Answer, _ now: Int64) -> Step {
    let account = feed.sources.account
    if let usable = feed.usable {
      return account.asksForAddress
        ? .askForAddress(usable.credentials, loginURL: account.loginURL) : .give(usable.credentials)
    }
    guard let secrets = feed.sources.login else { return .fail(.noCredentials(missing(in: feed))) }
    if feed.waiting != nil {
      feed.waiting?.append(answer)
      return .wait
    }
    switch feed.budget.ask(with: secrets, nowNanos: now) {
    case .allowed:
      feed.waiting = [answer]
      return .logIn(account, secrets)
    case .refusedBefore:
      return .fail(
        .noCredentials(
          "the login of \(account.broker.name) was refused; correct what it uses, e.g. "
            + "tickgate token set \(account.broker.name) --field pin"))
    case .wait(let seconds): return .fail(.limited(retryAfterSeconds: seconds))
    }
  }

  private static func missing(in feed: Feed) -> String {
    let (broker, merged) = (feed.sources.account.broker, feed.sources.merged)
    let missing = broker.connecting.filter { merged[$0] == nil }
    if !missing.isEmpty { return "\(CredentialError.missing(broker: broker.name, fields: missing))" }
    return feed.refused.isEmpty
      ? "the tokens of \(broker.name) do not belong together; run: tickgate token set \(broker.name)"
      : "the broker refused the access token of \(broker.name) and there is no newer one; run: tickgate token "
        + (broker.guided == .none ? "set" : "login") + " \(broker.name)"
  }

  private func carryOut(_ step: Step, _ feed: String, _ answer: @escaping Answer) {
    switch step {
    case .give(let credentials): answer(.success(FeedAccess(credentials)))
    case .fail(let failure): answer(.failure(failure))
    case .wait: break
    case .askForAddress(let credentials, let loginURL):
      Task { await askForAddress(feed, credentials, loginURL, answer) }
    case .logIn(let account, let secrets): Task { await logIn(feed, account, secrets) }
    }
  }

  // MARK: Steps over the network

  private func askForAddress(
    _ feed: String, _ credentials: FeedCredentials, _ loginURL: String, _ answer: @escaping Answer
  ) async {
    switch await steps.address(accessToken: credentials.accessToken, loginURL: loginURL) {
    case .success(let url): answer(.success(FeedAccess(credentials, url: url)))
    case .failure(.refused(let cause)):
      log.warning("access token refused", metadata: ["feed": "\(feed)", "cause": "\(cause)"])
      let next = state.withLock { state -> CredentialSources.Candidate? in
        state.feeds[feed]?.refuse(credentials)
        return state.feeds[feed]?.usable
      }
      // The next source's token is another one; there are no more than sources.
      if next != nil { return access(feed: feed, refused: credentials, answer: answer) }
      answer(.failure(.refused(cause)))
    case .failure(let failure): answer(.failure(failure))
    }
  }

  private func logIn(_ feed: String, _ account: FeedAccount, _ secrets: BrokerSecrets) async {
    let now = clock.nowNanos()
    let result = await steps.automatic(
      account.broker, secrets, loginURL: account.loginURL, unixSeconds: now / 1_000_000_000)
    var tokens = BrokerSecrets()
    switch result {
    case .success(let given):
      tokens = given
      tokens.obtainedNanos = now
      log.notice("logged in", metadata: ["feed": "\(feed)"])
    case .failure(let failure):
      log.warning("login failed", metadata: ["feed": "\(feed)", "cause": "\(failure.loginText)"])
    }
    let (waiting, answer) = state.withLock { state -> ([Answer], Result<FeedAccess, AccessFailure>) in
      guard var known = state.feeds[feed] else { return ([], .failure(.noCredentials("there is no feed \(feed)"))) }
      defer { state.feeds[feed] = known }
      let waiting = known.waiting ?? []
      known.waiting = nil
      switch result {
      case .failure(let failure):
        if case .refused = failure { known.budget.refuse(secrets) }
        return (waiting, .failure(failure))
      case .success:
        for field in tokens.fields { known.sources.stored[field] = tokens[field] }
        known.sources.stored.obtainedNanos = tokens.obtainedNanos
        guard let usable = known.usable else { return (waiting, .failure(.refused("the login gave the same token"))) }
        return (waiting, .success(FeedAccess(usable.credentials)))
      }
    }
    // After memory knows them: the watch then finds nothing new in the store.
    if !tokens.isEmpty { keep(tokens, of: account.broker.name) }
    for waiter in waiting { waiter(answer) }
  }

  /// Into the store, so that a restart needs no login.
  private func keep(_ tokens: BrokerSecrets, of broker: String) {
    do {
      try store?.keep(tokens, of: broker)
    } catch {
      log.error("the tokens of a login could not be stored", metadata: ["cause": "\(error)"])
    }
  }
}
