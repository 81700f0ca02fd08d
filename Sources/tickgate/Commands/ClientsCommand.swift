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
    let directory = loaded.string(.stateDirectory)
    var writer = JSONWriter()
    writer.beginObject()
    writer.member("command", "clients")
    writer.endObject()
    let reply = try ask(writer.bytes, directory)
    if json { return print(String(decoding: reply.raw, as: UTF8.self)) }
    let rows = (reply["clients"]?.elements ?? []).map { row in Self.columns.map { Self.text(row[$0.1]) } }
    print(Columns.text([Self.columns.map(\.0)] + rows), terminator: "")
    let totals = (reply["totals"]?.members ?? []).map { "\($0.0) \(Self.text($0.1))" }
    print(totals.joined(separator: ", "))
  }

  private func ask(_ request: [UInt8], _ directory: String) throws -> JSONValue {
    do {
      if let reply = try AdminClient.request(request, directory: directory) { return reply }
    } catch {
      throw Exit.because("\(error)", code: Exit.failure)
    }
    throw Exit.because("no gateway runs on the state directory \(directory)", code: Exit.unavailable)
  }

  private static func text(_ value: JSONValue?) -> String {
    value?.string ?? value.map { String(decoding: $0.raw, as: UTF8.self) } ?? ""
  }
}
