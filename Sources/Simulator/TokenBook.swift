// Which access tokens are good at the moment. A value; loop thread only. Tokens are compared, never shown.

/// The tokens that a simulated broker has seen, given out, and declared dead.
struct TokenBook: Sendable {
  enum Verdict {
    case good, wrong, expired
  }

  /// Tokens remembered of each kind; more are not told apart from wrong ones.
  private static let tokensMax = 4096

  /// Nil takes any that is not empty.
  private(set) var wanted: String?
  private var issued: Set<String> = []
  private var seen: Set<String> = []
  private var expired: Set<String> = []
  private var issuedCount = 0

  init(wanted: String?) { self.wanted = wanted }

  mutating func judge(_ token: String?) -> Verdict {
    guard let token, !token.isEmpty else { return .wrong }
    if expired.contains(token) { return .expired }
    guard wanted == nil || token == wanted || issued.contains(token) else { return .wrong }
    if seen.count < Self.tokensMax { seen.insert(token) }
    return .good
  }

  /// A new token, as a login answers it.
  mutating func issue(_ prefix: String) -> String {
    issuedCount += 1
    let token = "\(prefix)-\(issuedCount)"
    if issued.count < Self.tokensMax { issued.insert(token) }
    return token
  }

  /// Everything that was good until now no longer is.
  mutating func expireAll() {
    if let wanted { expired.insert(wanted) }
    expired.formUnion(seen)
    expired.formUnion(issued)
    issued = []
    seen = []
    if expired.count > 4 * Self.tokensMax { expired = wanted.map { [$0] } ?? [] }
  }

  /// Takes back an expiry.
  mutating func restore() {
    issued.formUnion(expired)
    expired = []
  }

  /// From now on only this one is good, and what logins give.
  mutating func rotate(to token: String) {
    expireAll()
    wanted = token
    expired.remove(token)
  }
}
