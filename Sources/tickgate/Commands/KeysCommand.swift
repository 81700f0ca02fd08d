import ArgumentParser
import Glibc
import JSONText
import OrderGateway
import Settings

struct KeysCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "keys",
    abstract: "API keys: through the running gateway, else on its store.",
    subcommands: [Add.self, List.self, Revoke.self])

  struct Add: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Make a key and print it, alone, on standard output.")

    @Option(help: "Name to know the key by.")
    var name: String

    @Option(help: "User id that the key belongs to; default: the setting `user`.")
    var user: String?

    @Argument(parsing: .allUnrecognized, help: "Settings as --name value, and --config PATH.")
    var settings: [String] = []

    func run() throws {
      let loaded = try SettingsLoader.load(settings)
      let members = [("name", name), ("user", user ?? loaded.string(.user))]
      let reply = try KeysCommand.ask("keys.add", members, loaded)
      print(reply["key"]?.string ?? "")
    }
  }

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List the keys, without the keys themselves.")

    @Argument(parsing: .allUnrecognized, help: "Settings as --name value, and --config PATH.")
    var settings: [String] = []

    func run() throws {
      let loaded = try SettingsLoader.load(settings)
      let reply = try KeysCommand.ask("keys.list", [], loaded)
      let rows = (reply["keys"]?.elements ?? []).map { row in
        ["id", "name", "user", "created"].map { name in
          row[name]?.string ?? row[name].map { String(decoding: $0.raw, as: UTF8.self) } ?? ""
        }
      }
      print(Columns.text([["ID", "NAME", "USER", "CREATED"]] + rows), terminator: "")
    }
  }

  struct Revoke: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Revoke a key by id or name; its connections are closed at once.")

    @Argument(help: "Id or name.")
    var key: String

    @Argument(parsing: .allUnrecognized, help: "Settings as --name value, and --config PATH.")
    var settings: [String] = []

    func run() throws {
      let loaded = try SettingsLoader.load(settings)
      let reply = try KeysCommand.ask("keys.revoke", [("key", key)], loaded)
      print("revoked \(reply["name"]?.string ?? key)")
    }
  }

  /// The running gateway answers; when there is none, the same code answers from the store. A gateway that is just
  /// starting has read the keys already and would not see a change of the store: it is asked as soon as it listens.
  private static func ask(
    _ command: String, _ members: [(name: String, text: String)], _ settings: Settings
  ) throws -> JSONValue {
    let directory = settings.string(.stateDirectory)
    var writer = JSONWriter()
    writer.beginObject()
    writer.member("command", command)
    for member in members { writer.member(member.name, member.text) }
    writer.endObject()
    let request = writer.bytes
    do {
      if let reply = try AdminClient.request(request, directory: directory) { return reply }
      do {
        return try askStore(request, directory)
      } catch let held as InstanceLock.Held {
        for _ in 0..<50 {
          usleep(100_000)
          if let reply = try AdminClient.request(request, directory: directory) { return reply }
        }
        throw held
      }
    } catch {
      throw Exit.because("\(error)", code: Exit.failure)
    }
  }

  private static func askStore(_ request: [UInt8], _ directory: String) throws -> JSONValue {
    try FileSystem.makeDirectory(directory)
    let lock = try InstanceLock(directory: directory)
    let commands = KeyCommands(store: try KeyStore(stateDirectory: directory))
    let reply = try JSONDocument(commands.answer(try JSONDocument(request).root)).root
    withExtendedLifetime(lock) {}
    guard reply["status"]?.string == "success" else {
      throw AdminClient.Refused(description: reply["message"]?.string ?? "refused")
    }
    return reply
  }
}

/// Text in aligned columns.
enum Columns {
  static func text(_ rows: [[String]]) -> String {
    let widths = (0..<(rows.first?.count ?? 0)).map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }.joined(separator: "  ") + "\n"
    }.joined()
  }
}
