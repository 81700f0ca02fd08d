import ArgumentParser
import Brokerage
import Glibc
import Market
import Settings

extension CredentialField: ExpressibleByArgument {}

struct TokenCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "token",
    abstract: "Credentials of the brokers in the encrypted store.",
    discussion: "Works on the store in the state directory; a running gateway notices a change within a second.",
    subcommands: [Set.self, List.self, Remove.self, Login.self])

  struct Set: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Store a secret; it is read from standard input, without echo on a terminal.")

    @Argument(help: "Broker.")
    var broker: String

    @Option(help: "What the secret is.")
    var field = CredentialField.accessToken

    @Argument(parsing: .allUnrecognized, help: "Settings as --name value, and --config PATH.")
    var settings: [String] = []

    func run() throws {
      try TokenCommand.refuseWords(settings)
      let loaded = try SettingsLoader.load(settings)
      try TokenCommand.reporting {
        guard BrokerAccount.named(broker) != nil else { throw CredentialError.unknownBroker(broker) }
        let secret = try SecretInput.read("\(field.rawValue) of \(broker): ")
        let store = try TokenCommand.store(loaded)
        try store.set(secret, as: field, of: broker, nowNanos: SystemClock().nowNanos())
        print("stored \(field.rawValue) of \(broker)")
      }
    }
  }

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List what is stored and how old the tokens are, without the secrets.")

    @Argument(parsing: .allUnrecognized, help: "Settings as --name value, and --config PATH.")
    var settings: [String] = []

    func run() throws {
      let loaded = try SettingsLoader.load(settings)
      try TokenCommand.reporting {
        let contents = try CredentialStore(stateDirectory: loaded.string(.stateDirectory)).read()
        let now = SystemClock().nowNanos()
        let rows = contents.sorted { $0.key < $1.key }.map { name, secrets in
          [
            name, secrets.obtainedNanos.map { TokenCommand.age(nanos: now - $0) } ?? "-",
            secrets.fields.map(\.rawValue).joined(separator: ", "),
          ]
        }
        print(Columns.text([["BROKER", "TOKEN AGE", "STORED"]] + rows), terminator: "")
      }
    }
  }

  struct Remove: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Forget one secret of a broker, or all of them.")

    @Argument(help: "Broker.")
    var broker: String

    @Option(help: "What to forget; default: everything of the broker.")
    var field: CredentialField?

    @Argument(parsing: .allUnrecognized, help: "Settings as --name value, and --config PATH.")
    var settings: [String] = []

    func run() throws {
      let loaded = try SettingsLoader.load(settings)
      try TokenCommand.reporting {
        try TokenCommand.store(loaded).remove(field, of: broker)
        print("removed \(field?.rawValue ?? "everything") of \(broker)")
      }
    }
  }

  // MARK: Helpers

  static func store(_ settings: Settings) throws -> CredentialStore {
    let directory = settings.string(.stateDirectory)
    try FileSystem.makeDirectory(directory)
    return CredentialStore(stateDirectory: directory)
  }

  /// A secret typed as an argument must not be shown again by an error about arguments.
  static func refuseWords(_ settings: [String]) throws {
    guard let first = settings.first, !first.hasPrefix("-") else { return }
    throw Exit.because(
      "secrets are not taken as arguments, because those are visible to every user of this host; give them on standard "
        + "input", code: Exit.usage)
  }

  /// Errors of the body as an exit with the reason on standard error.
  static func reporting(_ body: () throws -> Void) throws {
    do { try body() } catch { throw exit(for: error) }
  }

  static func exit(for error: any Error) -> any Error {
    switch error {
    case let failure as AccessFailure: Exit.because(failure.loginText, code: code(of: failure))
    case is CredentialError: Exit.because("\(error)", code: Exit.configuration)
    default: Exit.because("\(error)", code: Exit.failure)
    }
  }

  private static func code(of failure: AccessFailure) -> Int32 {
    switch failure {
    case .noCredentials: Exit.configuration
    case .refused: Exit.failure
    case .limited, .unavailable: Exit.unavailable
    }
  }

  /// `3 d 4 h`, `4 h 5 min`, `5 min`.
  static func age(nanos: Int64) -> String {
    let minutes = max(0, nanos / 60_000_000_000)
    if minutes >= 1440 { return "\(minutes / 1440) d \(minutes / 60 % 24) h" }
    return minutes >= 60 ? "\(minutes / 60) h \(minutes % 60) min" : "\(minutes) min"
  }
}
