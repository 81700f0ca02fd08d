// What each broker needs to connect and to log in: the table that the provider and the commands work from. A broker more
// is a row more. Data only; any thread.

/// What the gateway has to know about the logins of one broker.
public struct BrokerAccount: Sendable {
  /// How a token is obtained without a person.
  public enum AutomaticLogin: Sendable, Equatable {
    case none, angel, dhan
  }

  /// What a person has to bring from the broker's page.
  public enum GuidedLogin: Sendable, Equatable {
    case none
    /// The address that the browser was sent back to, or the named value in it.
    case code(parameter: String)
  }

  /// Name in `feeds.enabled` and in messages.
  public let name: String
  /// Without these there is no connection.
  public let connecting: [CredentialField]
  public let automatic: AutomaticLogin
  /// What the automatic login needs; empty when there is none.
  public let loggingIn: [CredentialField]
  public let guided: GuidedLogin
  /// What the guided login needs beside what the person brings.
  public let guidedNeeds: [CredentialField]
  /// Least time between two automatic logins: a TOTP is good once, and some brokers ask for more.
  public let loginSpacingNanos: Int64
  public let loginURL: String

  /// All brokers that the gateway can hold credentials for.
  public static let table: [BrokerAccount] = [
    BrokerAccount(
      name: "zerodha", connecting: [.apiKey, .accessToken], automatic: .none, loggingIn: [],
      guided: .code(parameter: "request_token"), guidedNeeds: [.apiKey, .apiSecret], loginSpacingNanos: 0,
      loginURL: "https://api.kite.trade"),
    BrokerAccount(
      name: "angel", connecting: [.apiKey, .clientID, .accessToken, .feedToken], automatic: .angel,
      loggingIn: [.apiKey, .clientID, .pin, .totpSecret], guided: .none, guidedNeeds: [],
      loginSpacingNanos: 35_000_000_000, loginURL: "https://apiconnect.angelone.in"),
    BrokerAccount(
      name: "upstox", connecting: [.accessToken], automatic: .none, loggingIn: [],
      guided: .code(parameter: "code"), guidedNeeds: [.apiKey, .apiSecret], loginSpacingNanos: 0,
      loginURL: "https://api.upstox.com"),
    // Dhan makes one token in two minutes.
    BrokerAccount(
      name: "dhan", connecting: [.clientID, .accessToken], automatic: .dhan, loggingIn: [.clientID, .pin, .totpSecret],
      guided: .code(parameter: "tokenId"), guidedNeeds: [.apiKey, .apiSecret, .clientID],
      loginSpacingNanos: 125_000_000_000, loginURL: "https://auth.dhan.co"),
  ]

  public static func named(_ name: String) -> BrokerAccount? { table.first { $0.name == name } }
}
