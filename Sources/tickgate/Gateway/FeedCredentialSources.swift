// Where the credentials of the enabled feeds come from, out of the settings; and the provider that the feeds ask.

import Brokerage
import Glibc
import Logging
import Market
import ServiceLifecycle
import Settings

/// Settings that hold something of one broker's credentials.
private struct CredentialKeys {
  var loginURL: Key
  var tokenFile: Key
  var fields: [CredentialField: Key]

  static let byBroker: [String: CredentialKeys] = [
    "zerodha": CredentialKeys(
      loginURL: .zerodhaLoginURL, tokenFile: .zerodhaTokenFile,
      fields: [.apiKey: .zerodhaAPIKey, .accessToken: .zerodhaAccessToken]),
    "angel": CredentialKeys(
      loginURL: .angelLoginURL, tokenFile: .angelTokenFile,
      fields: [
        .apiKey: .angelAPIKey, .clientID: .angelClientID, .accessToken: .angelAccessToken, .feedToken: .angelFeedToken,
      ]),
    "upstox": CredentialKeys(
      loginURL: .upstoxLoginURL, tokenFile: .upstoxTokenFile,
      fields: [.apiKey: .upstoxAPIKey, .accessToken: .upstoxAccessToken]),
    "dhan": CredentialKeys(
      loginURL: .dhanLoginURL, tokenFile: .dhanTokenFile,
      fields: [.apiKey: .dhanAPIKey, .clientID: .dhanClientID, .accessToken: .dhanAccessToken]),
  ]
}

extension FeedAccount {
  /// The sources of one broker's feed; nil when there is no such broker.
  init?(_ name: String, _ settings: Settings) {
    guard let broker = BrokerAccount.named(name), let keys = CredentialKeys.byBroker[name] else { return nil }
    self.init(feed: name, broker: broker)
    loginURL = settings.string(keys.loginURL)
    let file = settings.string(keys.tokenFile)
    tokenFile = file.isEmpty ? nil : file
    asksForAddress = name == "upstox" && settings.string(.upstoxURL).isEmpty
    for (field, key) in keys.fields {
      let text = settings.string(key)
      guard !text.isEmpty else { continue }
      // What stands in the environment goes before a token file, what stands in the file after the store.
      if getenv(key.environmentName) != nil { environment[field] = text } else { self.settings[field] = text }
    }
  }
}

/// Credentials of all feeds: the simulated exchange takes any.
struct GatewayCredentials: CredentialProvider {
  let brokers: FeedCredentialProvider

  func credentials(feed: String) -> FeedCredentials? {
    feed == FeedAssembly.simulatedFeed ? Self.simulated : brokers.credentials(feed: feed)
  }

  func obtainedNanos(feed: String) -> Int64? {
    feed == FeedAssembly.simulatedFeed ? nil : brokers.obtainedNanos(feed: feed)
  }

  func access(
    feed: String, refused: FeedCredentials?, answer: @escaping @Sendable (Result<FeedAccess, AccessFailure>) -> Void
  ) {
    guard feed != FeedAssembly.simulatedFeed else { return answer(.success(FeedAccess(Self.simulated))) }
    brokers.access(feed: feed, refused: refused, answer: answer)
  }

  private static let simulated = FeedCredentials(apiKey: "simulated", accessToken: "simulated")
}

/// Notices new tokens while the gateway runs, and ends the login client with it.
struct CredentialWatchService: Service {
  let provider: FeedCredentialProvider
  let client: LoginClient

  func run() async throws {
    await cancelWhenGracefulShutdown { await provider.watch() }
    await client.shutdown()
  }
}
