import ArgumentParser

/// Measures the gateway: a load generator for any OpenAlgo WebSocket server, and the cost of single pieces.
@main
struct TickgateBench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tickgate-bench", abstract: "Benchmarks of tickgate.",
    subcommands: [
      LoadCommand.self, LimitCommand.self, FeedCommand.self, FeedLoopCommand.self, MicroCommand.self, PathCommand.self,
      BusCommand.self, BusSinkCommand.self,
    ])
}
