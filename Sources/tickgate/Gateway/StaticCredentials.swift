import Market

/// Credentials as configured. The simulated exchange takes any.
struct StaticCredentials: CredentialProvider {
  private let byFeed: [String: FeedCredentials]

  init(_ byFeed: [String: FeedCredentials]) { self.byFeed = byFeed }

  func credentials(feed: String) -> FeedCredentials? { byFeed[feed] }
}
