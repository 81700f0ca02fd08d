// A credential provider that tests turn as they like. For Upstox it does what the product does over HTTPS: it changes
// the token for an address that opens one connection. Any thread.

import Feeds
import Glibc
import Market
import Reactor
import Simulator
import Synchronization
import TestSupport

final class TestCredentials: CredentialProvider {
  private let exchange: SimulatedExchange
  private let token: Mutex<String>
  /// How often leave to connect was asked for.
  let asked = Atomic<Int>(0)

  init(_ exchange: SimulatedExchange, token: String) {
    self.exchange = exchange
    self.token = Mutex(token)
  }

  func change(to token: String) { self.token.withLock { $0 = token } }

  func credentials(feed: String) -> FeedCredentials? {
    FeedCredentials(
      apiKey: "key", accessToken: token.withLock { $0 }, clientID: "client", feedToken: "feed")
  }

  func access(
    feed: String, refused: FeedCredentials?, answer: @escaping @Sendable (Result<FeedAccess, AccessFailure>) -> Void
  ) {
    asked.add(1, ordering: .relaxed)
    guard let current = credentials(feed: feed), current != refused else {
      return answer(.failure(.noCredentials("none newer")))
    }
    guard exchange.broker == .upstox else { return answer(.success(FeedAccess(current))) }
    let url = exchange.url
    LoopThread.detached(name: "authorize") { answer(Self.authorize(current, url: url)) }
  }

  /// Blocks for the answer of the exchange.
  private static func authorize(_ credentials: FeedCredentials, url: String) -> Result<FeedAccess, AccessFailure> {
    let authority = url.hasPrefix("https") ? "--cacert \(TestCertificates.shared.authority)" : ""
    let text = TestCertificates.run(
      "curl -s -m 5 \(authority) -H 'Authorization: Bearer \(credentials.accessToken)' -w '\\n%{http_code}' '\(url)'")
    let lines = text.split(separator: "\n")
    switch lines.last.flatMap({ Int($0) }) {
    case 200:
      let parts = lines[0].split(separator: "\"")
      guard let address = parts.first(where: { $0.hasPrefix("ws") }) else {
        return .failure(.unavailable("no address in the answer"))
      }
      return .success(FeedAccess(credentials, url: address.split(separator: "\\").joined()))
    case 401, 403: return .failure(.refused("the token is not accepted"))
    case 429: return .failure(.limited(retryAfterSeconds: nil))
    case let status: return .failure(.unavailable("status \(status ?? 0)"))
    }
  }
}
