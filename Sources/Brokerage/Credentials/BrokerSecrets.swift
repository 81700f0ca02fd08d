// What is kept for one broker account: named texts that are never shown. A value; any thread. Printing, interpolating
// or dumping one gives the names of the fields that are set and nothing else.

/// One named secret of a broker account. The raw value is its name on the command line, in token files and in the store.
public enum CredentialField: String, CaseIterable, Sendable, Hashable {
  case accessToken = "access_token"
  case feedToken = "feed_token"
  case apiKey = "api_key"
  case apiSecret = "api_secret"
  case clientID = "client_id"
  case pin = "pin"
  case totpSecret = "totp_secret"

  /// Tokens come from a login and end with the day; the rest lasts.
  public var isToken: Bool { self == .accessToken || self == .feedToken }
}

/// The secrets of one broker account that one source has.
public struct BrokerSecrets: Sendable, Equatable, CustomStringConvertible, CustomReflectable {
  /// Longest secret: a token with claims has about 1 KiB.
  public static let secretBytesMax = 8192

  private var values: [CredentialField: String] = [:]
  /// When the access token was obtained, nanoseconds since the epoch; nil when unknown.
  public var obtainedNanos: Int64?

  public init() {}

  /// "" and nil both mean: not known.
  public subscript(field: CredentialField) -> String? {
    get { values[field] }
    set { values[field] = newValue.flatMap { $0.isEmpty ? nil : $0 } }
  }

  public var isEmpty: Bool { values.isEmpty }
  /// Names of what is known, in the order of the cases.
  public var fields: [CredentialField] { CredentialField.allCases.filter { values[$0] != nil } }
  /// All texts, to keep them out of messages.
  var texts: [String] { Array(values.values) }

  public var description: String { "BrokerSecrets(\(fields.map(\.rawValue).joined(separator: ", ")))" }
  public var customMirror: Mirror { Mirror(self, children: []) }

  /// Whether a text can be a secret: printable ASCII without blanks, so that it fits into headers and addresses.
  public static func isSecret(_ text: String) -> Bool {
    (1...secretBytesMax).contains(text.utf8.count) && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
  }
}
