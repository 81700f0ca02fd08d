import ArgumentParser
import Settings

struct CheckConfigCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "checkconfig",
    abstract: "Check the configuration and print what is in force.",
    discussion: SettingsText.help())

  @Flag(help: "Print a configuration file with every key and its default, and stop.")
  var template = false

  @Argument(parsing: .allUnrecognized, help: "Settings as --name value, and --config PATH.")
  var settings: [String] = []

  func run() throws {
    if template { return print(SettingsText.configurationFile(), terminator: "") }
    let loaded = try SettingsLoader.load(settings)
    do { _ = try CalendarFile.calendar(loaded) } catch { throw Exit.because("\(error)", code: Exit.configuration) }
    print(SettingsText.listing(loaded), terminator: "")
  }
}
