import ArgumentParser

/// The command line.
@main
struct Tickgate: AsyncParsableCommand {
  static let version = "0.1.0"

  static let configuration = CommandConfiguration(
    commandName: "tickgate",
    abstract: "Market data gateway, tick fan-out and paper-trading order gateway for OpenAlgo clients.",
    version: version,
    subcommands: [
      ServeCommand.self, SimCommand.self, SubCommand.self, KeysCommand.self, TokenCommand.self, ClientsCommand.self,
      FeedsCommand.self, SymbolsCommand.self, CheckConfigCommand.self, DecodeCommand.self, VersionCommand.self,
    ])
}

struct VersionCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "version", abstract: "Print the version.")

  func run() { print("tickgate \(Tickgate.version)") }
}
