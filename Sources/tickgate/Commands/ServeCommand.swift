import ArgumentParser
import Brokerage
import Fanout
import Feeds
import Logging
import OrderGateway
import Reactor
import Settings
import Simulator

struct ServeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve",
    abstract: "Run the gateway.",
    discussion: SettingsText.help())

  @Argument(parsing: .allUnrecognized, help: "Settings as --name value, and --config PATH.")
  var settings: [String] = []

  func run() async throws {
    let loaded = try SettingsLoader.load(settings)
    let log = Log.start(loaded)
    do {
      try await Gateway(loaded, log: log).run()
    } catch let error as ExitCode {
      throw error
    } catch {
      throw Exit.because("\(error)", code: Self.code(of: error))
    }
  }

  /// What the user has to change decides the code: the configuration, or something outside the gateway.
  private static func code(of error: any Error) -> Int32 {
    switch error {
    case is CalendarFile.Failure, is TOMLFile.Unreadable, is CredentialError: Exit.configuration
    case is FeedAssembly.Failure, is MasterAssembly.Failure, is FanoutError, is TLSError, is ExchangeError:
      Exit.configuration
    case LoopError.badAddress: Exit.configuration
    default: Exit.unavailable
    }
  }
}
