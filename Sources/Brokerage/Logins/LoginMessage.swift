// A request of a login and the broker's answer to it, as plain values: the steps of the brokers are pure functions on
// them. No secret ever leaves in a text.

import JSONText
import Market

/// What is asked of a login service.
struct LoginRequest: Sendable, CustomStringConvertible, CustomReflectable {
  enum Body: Sendable {
    case none
    case json([UInt8])
    case form([(name: String, value: String)])
  }

  var method = "POST"
  /// Below the base address, with a leading slash.
  var path: String
  var query: [(name: String, value: String)] = []
  var headers: [(name: String, value: String)] = []
  var body = Body.none
  /// What must not come back in an error.
  var secrets: [String]

  var description: String { "LoginRequest(\(method) \(path))" }
  var customMirror: Mirror { Mirror(self, children: []) }
}

/// What a login service answered.
struct LoginReply: Sendable, CustomStringConvertible, CustomReflectable {
  var status: Int
  var retryAfterSeconds: Int?
  var body: [UInt8]

  var description: String { "LoginReply(\(status))" }
  var customMirror: Mirror { Mirror(self, children: []) }

  /// Bounds on an answer's JSON.
  private static let limits = JSONLimits(depthMax: 8, nodesMax: 10_000)

  /// Nil unless a JSON object.
  var json: JSONValue? {
    guard let root = try? JSONDocument(body, limits: Self.limits).root, root.kind == .object else { return nil }
    return root
  }

  /// What a status other than success means; nil for success.
  func failure(hiding secrets: [String]) -> AccessFailure? {
    let text = LoginText.cause(of: self, hiding: secrets)
    switch status {
    case 200..<300: return nil
    case 429: return .limited(retryAfterSeconds: retryAfterSeconds)
    // Angel words its limit so, with the status of a refusal.
    case 403 where String(decoding: body.prefix(512), as: UTF8.self).contains("exceeding access rate"):
      return .limited(retryAfterSeconds: retryAfterSeconds)
    case 400, 401, 403, 422: return .refused(text)
    default: return .unavailable(text)
    }
  }

  /// A token or address out of the answer; nil unless it can be one.
  static func secret(_ value: JSONValue?) -> String? {
    value?.string.flatMap { BrokerSecrets.isSecret($0) ? $0 : nil }
  }
}

/// Texts of login failures.
enum LoginText {
  static let charactersMax = 160
  /// Runs of this many token characters are left out of a broker's words, whatever they are.
  static let tokenCharactersMin = 24

  /// Status and the broker's own words.
  static func cause(of reply: LoginReply, hiding secrets: [String]) -> String {
    let words = message(in: reply.json).map { clean($0, hiding: secrets) } ?? ""
    return "HTTP \(reply.status)" + (words.isEmpty ? "" : ": \(words)")
  }

  /// Where brokers put their words.
  static func message(in json: JSONValue?) -> String? {
    guard let json else { return nil }
    for name in ["message", "errorMessage", "remarks", "error"] {
      if let text = json[name]?.string { return text }
    }
    return json["errors"]?.elements.first?["message"]?.string
  }

  /// Foreign words made safe to log: bounded, printable, without secrets and without anything that looks like one.
  static func clean(_ text: String, hiding secrets: [String]) -> String {
    var rest = String(text.prefix(4 * charactersMax))
    for secret in secrets.sorted(by: { $0.utf8.count > $1.utf8.count }) where secret.utf8.count >= 3 {
      rest = rest.split(separator: secret, omittingEmptySubsequences: false).joined(separator: "…")
    }
    var result = ""
    var run = ""
    func flush() {
      result += run.utf8.count >= tokenCharactersMin ? "…" : run
      run = ""
    }
    for scalar in rest.unicodeScalars {
      if scalar.isASCII,
        scalar.properties.isAlphabetic || ("0"..."9").contains(scalar) || "-_.=+/".contains(Character(scalar))
      {
        run.unicodeScalars.append(scalar)
      } else {
        flush()
        result += scalar.value < 0x20 || scalar.value == 0x7F ? " " : String(scalar)
      }
    }
    flush()
    return String(result.prefix(charactersMax))
  }
}

extension AccessFailure {
  /// In words for a person, without secrets.
  public var loginText: String {
    switch self {
    case .noCredentials(let text): text
    case .refused(let text): "the broker refused the login: \(text)"
    case .limited(let seconds): "too many logins" + (seconds.map { "; try again in \($0) s" } ?? "; try again later")
    case .unavailable(let text): "the login service cannot be used: \(text)"
    }
  }
}
