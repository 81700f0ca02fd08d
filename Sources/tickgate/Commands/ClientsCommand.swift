import ArgumentParser
import JSONText
import Settings

struct ClientsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "clients",
    abstract: "Show the WebSocket clients of the running gateway: what they got, what was conflated, what waits.")

  @Flag(help: "Print the gateway's answer as one line of JSON, totals included.")
  var json = false

  @Argument(parsing: .allUnrecognized, help: "Settings as --name value, and --config PATH.")
  var settings: [String] = []

  private static let columns = [
    ("ID", "id"), ("ADDRESS", "address"), ("USER", "user"), ("POLICY", "policy"), ("FORMAT", "format"),
    ("SUBS", "subscriptions"), ("DELIVERED", "delivered"), ("CONFLATED", "conflated"), ("OWED", "owed"),
    ("PENDING", "pending_bytes"), ("MS", "pending_ms"), ("STATE", "state"), ("SECONDS", "seconds"),
    ("AGENT", "agent"),
  ]

  func run() throws {
    let loaded = try SettingsLoader.load(settings)
    let reply = try RunningGateway.ask("clients", directory: loaded.string(.stateDirectory))
    if json { return print(String(decoding: reply.raw, as: UTF8.self)) }
    let rows = (reply["clients"]?.elements ?? []).map { row in Self.columns.map { RunningGateway.text(row[$0.1]) } }
    print(Columns.text([Self.columns.map(\.0)] + rows), terminator: "")
    let totals = (reply["totals"]?.members ?? []).map { "\($0.0) \(RunningGateway.text($0.1))" }
    print(totals.joined(separator: ", "))
  }
}
