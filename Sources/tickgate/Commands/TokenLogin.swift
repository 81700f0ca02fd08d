import ArgumentParser
import Brokerage
import Market
import Settings

extension TokenCommand {
  struct Login: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Log in to a broker and store the tokens.",
      discussion: """
        With PIN and TOTP secret stored, angel and dhan need nobody. Where a person has to log in, the address of the \
        broker's page is printed; the address that the browser ends on, or the request_token, code or tokenId in it, is \
        then read from standard input.
        """)

    @Argument(help: "Broker.")
    var broker: String

    @Argument(parsing: .allUnrecognized, help: "Settings as --name value, and --config PATH.")
    var settings: [String] = []

    func run() async throws {
      try TokenCommand.refuseWords(settings)
      let loaded = try SettingsLoader.load(settings)
      let client = LoginClient()
      do {
        try await logIn(loaded, LoginSteps(client: client))
      } catch {
        await client.shutdown()
        throw TokenCommand.exit(for: error)
      }
      await client.shutdown()
      print("logged in to \(broker); the token is stored")
    }

    private func logIn(_ settings: Settings, _ steps: LoginSteps) async throws {
      guard let account = FeedAccount(broker, settings) else { throw CredentialError.unknownBroker(broker) }
      let store = try TokenCommand.store(settings)
      let secrets = account.secrets(stored: try store.read()[broker] ?? BrokerSecrets())
      let isAutomatic = account.broker.automatic != .none && (account.broker.guided == .none || secrets[.pin] != nil)
      var tokens =
        isAutomatic
        ? try await automatic(account, secrets, steps) : try await guided(account, secrets, steps, settings)
      tokens.obtainedNanos = SystemClock().nowNanos()
      try store.keep(tokens, of: broker)
    }

    private func automatic(
      _ account: FeedAccount, _ secrets: BrokerSecrets, _ steps: LoginSteps
    ) async throws -> BrokerSecrets {
      let missing = account.broker.loggingIn.filter { secrets[$0] == nil }
      // Whoever keeps the TOTP secret elsewhere types the code.
      let code = missing == [.totpSecret] ? try SecretInput.read("one-time code of \(broker): ") : nil
      return try await steps.automatic(
        account.broker, secrets, loginURL: account.loginURL, unixSeconds: SystemClock().nowNanos() / 1_000_000_000,
        code: code
      ).get()
    }

    private func guided(
      _ account: FeedAccount, _ secrets: BrokerSecrets, _ steps: LoginSteps, _ settings: Settings
    ) async throws -> BrokerSecrets {
      let redirect = settings.string(.upstoxRedirectURL)
      if broker == "upstox", redirect.isEmpty {
        throw AccessFailure.noCredentials(
          "\(Key.upstoxRedirectURL.name) is not set: name the application's redirect address")
      }
      let page = try await steps.page(
        account.broker, secrets, loginURL: account.loginURL, redirectURL: redirect
      ).get()
      printError("Log in at \(page)")
      let answer = try SecretInput.read("address that the browser ended on: ")
      return try await steps.exchange(
        account.broker, secrets, answer: answer, loginURL: account.loginURL, redirectURL: redirect
      ).get()
    }
  }
}
