// What is configured of one feed's credentials: where each secret may come from. A value; any thread.

import Market

/// One feed and the sources of its credentials. A text is taken from the first source that has it: environment, token
/// file, store, settings. A token that the broker refused is passed over for the next source's.
public struct FeedAccount: Sendable {
  /// Name of the feed.
  public var feed: String
  public var broker: BrokerAccount
  /// From the environment of the process.
  public var environment = BrokerSecrets()
  /// From the configuration file.
  public var settings = BrokerSecrets()
  /// Path of a token file that is watched; nil for none.
  public var tokenFile: String?
  public var loginURL: String
  /// Whether every connection needs an address that the broker hands out.
  public var asksForAddress = false

  public init(feed: String, broker: BrokerAccount) {
    self.feed = feed
    self.broker = broker
    loginURL = broker.loginURL
  }
}

extension FeedAccount {
  /// What a login by hand works from, by precedence; the token file has no part in it.
  public func secrets(stored: BrokerSecrets) -> BrokerSecrets {
    var sources = CredentialSources(self)
    sources.stored = stored
    return sources.merged
  }
}

/// Everything that is known for a feed at one time, and what would be used of it.
struct CredentialSources: Sendable {
  let account: FeedAccount
  var tokenFile = BrokerSecrets()
  var stored = BrokerSecrets()

  /// A set of credentials that is complete, and its age.
  struct Candidate: Sendable, Equatable {
    let credentials: FeedCredentials
    let obtainedNanos: Int64?
  }

  init(_ account: FeedAccount) { self.account = account }

  private var layers: [BrokerSecrets] { [account.environment, tokenFile, stored, account.settings] }

  /// By precedence, whatever source each comes from.
  var merged: BrokerSecrets {
    var result = BrokerSecrets()
    for field in CredentialField.allCases { result[field] = layers.lazy.compactMap { $0[field] }.first }
    return result
  }

  /// One per source that has an access token, in order of precedence. Tokens of one login stay together: a feed token
  /// is taken from elsewhere only where no access token is beside it.
  var candidates: [Candidate] {
    let merged = merged
    return layers.compactMap { layer -> Candidate? in
      guard let access = layer[.accessToken] else { return nil }
      let feed = layer[.feedToken] ?? layers.first { $0[.accessToken] == nil && $0[.feedToken] != nil }?[.feedToken]
      var secrets = merged
      secrets[.accessToken] = access
      secrets[.feedToken] = feed
      // A client id that came with the token is the one that it is good for.
      if let client = layer[.clientID] { secrets[.clientID] = client }
      guard account.broker.connecting.allSatisfy({ secrets[$0] != nil }) else { return nil }
      return Candidate(
        credentials: FeedCredentials(
          apiKey: secrets[.apiKey] ?? "", accessToken: access, clientID: secrets[.clientID] ?? "",
          feedToken: feed ?? ""),
        obtainedNanos: layer.obtainedNanos)
    }
  }

  /// What the automatic login works from; nil when there is none or something is missing.
  var login: BrokerSecrets? {
    guard account.broker.automatic != .none else { return nil }
    let merged = merged
    var secrets = BrokerSecrets()
    for field in account.broker.loggingIn {
      guard let text = merged[field] else { return nil }
      secrets[field] = text
    }
    return secrets
  }
}
