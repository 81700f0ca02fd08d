import ArgumentParser
import JSONText
import Market
import Settings

struct FeedsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "feeds",
    abstract: "Show the feeds of the running gateway: state and cause, age of the last payload, use, token age.",
    discussion: """
      STATE is connecting, authenticating, subscribing, live, quiet, stale, reconnecting, authFailed or closed; SINCE \
      is in IST. AGE is the time since the last market data, TOKEN the age of the token in use. SYMBOLS are those \
      subscribed at the broker and how many it allows, SILENT those of them that nothing has come of for long, \
      REJECTED frames and packets that no tick could be made of.
      """)

  @Flag(help: "Print the gateway's answer as one line of JSON; times in milliseconds.")
  var json = false

  @Argument(parsing: .allUnrecognized, help: "Settings as --name value, and --config PATH.")
  var settings: [String] = []

  private static let header = [
    "FEED", "STATE", "REASON", "SINCE", "AGE", "SYMBOLS", "SOCKETS", "SILENT", "RECONNECTS", "TOKEN", "REJECTED",
  ]

  func run() throws {
    let loaded = try SettingsLoader.load(settings)
    let reply = try RunningGateway.ask("feeds", directory: loaded.string(.stateDirectory))
    if json { return print(String(decoding: reply.raw, as: UTF8.self)) }
    let rows = (reply["feeds"]?.elements ?? []).map(Self.row)
    print(Columns.text([Self.header] + rows), terminator: "")
  }

  private static func row(_ feed: JSONValue) -> [String] {
    let text = { (name: String) in RunningGateway.text(feed[name]) }
    let reason = text("reason")
    return [
      text("name"), text("state"), reason.isEmpty ? none : reason,
      feed["since"]?.integer.map { ISTTime(epochNanos: $0 * nanosPerMilli).text } ?? none, age(feed["age_ms"]),
      "\(text("used"))/\(text("limit"))", text("sockets"), text("silent"), text("reconnects"),
      age(feed["token_age_ms"]), text("rejected"),
    ]
  }

  /// In the unit in which it has two or more digits.
  private static func age(_ value: JSONValue?) -> String {
    guard let millis = value?.integer else { return none }
    let seconds = millis / 1000
    if seconds < 10 { return "\(millis)ms" }
    if seconds < 600 { return "\(seconds)s" }
    return seconds < 36_000 ? "\(seconds / 60)min" : "\(seconds / 3600)h"
  }

  /// For what is not known.
  private static let none = "-"
  private static let nanosPerMilli: Int64 = 1_000_000
}
