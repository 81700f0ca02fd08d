// What a feed logs in with, and who provides it. Secrets: never logged, never part of an error.

/// What a broker's feed needs to log in. What a broker does not know is empty. Compared to see whether it changed.
public struct FeedCredentials: Sendable, Equatable, CustomStringConvertible, CustomReflectable {
  public var apiKey: String
  /// Access token; Angel's JWT.
  public var accessToken: String
  /// Client code or client id.
  public var clientID: String
  /// Angel's feed token.
  public var feedToken: String

  public init(apiKey: String = "", accessToken: String, clientID: String = "", feedToken: String = "") {
    self.apiKey = apiKey
    self.accessToken = accessToken
    self.clientID = clientID
    self.feedToken = feedToken
  }

  public var description: String { "FeedCredentials(…)" }
  /// Dumps and failed tests show nothing either.
  public var customMirror: Mirror { Mirror(self, children: []) }
}

/// Leave to make one connection.
public struct FeedAccess: Sendable, Equatable, CustomStringConvertible, CustomReflectable {
  public var credentials: FeedCredentials
  /// Address for this connection only, where the broker hands one out (Upstox); else nil.
  public var url: String?

  public init(_ credentials: FeedCredentials, url: String? = nil) {
    self.credentials = credentials
    self.url = url
  }

  public var description: String { "FeedAccess(…)" }
  /// Dumps and failed tests show nothing either.
  public var customMirror: Mirror { Mirror(self, children: []) }
}

/// Why there is no leave to connect. Texts hold no secret.
public enum AccessFailure: Error, Sendable, Equatable {
  /// Nothing is configured, or it was refused and nothing newer has come: wait for other credentials.
  case noCredentials(String)
  /// The broker refused them (401, 403, wrong PIN or TOTP): wait for other credentials.
  case refused(String)
  /// Too many attempts; try again after this many seconds if the broker said so.
  case limited(retryAfterSeconds: Int?)
  /// The login service could not be reached or failed: worth another try.
  case unavailable(String)
}

/// Asked before every connection, so that a token that was renewed meanwhile is used. Any thread.
public protocol CredentialProvider: Sendable {
  /// - Parameters:
  ///   - feed: name of the feed.
  ///   - refused: what the broker has refused last; an answer must differ from it, else it is `noCredentials`. A
  ///     provider that can log in by itself does so now, within its own limit of logins.
  ///   - answer: called once, at once or later, on any thread.
  func access(
    feed: String, refused: FeedCredentials?, answer: @escaping @Sendable (Result<FeedAccess, AccessFailure>) -> Void)

  /// What would be used now, without asking anybody; nil for nothing yet. Called every few seconds while a feed waits
  /// for other credentials.
  func credentials(feed: String) -> FeedCredentials?

  /// When the credentials that `credentials` gives were obtained, nanoseconds since the epoch; nil when unknown.
  func obtainedNanos(feed: String) -> Int64?
}

extension CredentialProvider {
  public func access(
    feed: String, refused: FeedCredentials?, answer: @escaping @Sendable (Result<FeedAccess, AccessFailure>) -> Void
  ) {
    guard let current = credentials(feed: feed) else { return answer(.failure(.noCredentials("no credentials"))) }
    answer(current == refused ? .failure(.noCredentials("refused, and none newer")) : .success(FeedAccess(current)))
  }

  public func obtainedNanos(feed: String) -> Int64? { nil }
}
