import Glibc
import Settings

/// Finds file, environment and flags, and puts the settings together.
enum SettingsLoader {
  /// Read when neither `--config` nor the environment names a file, if it is there.
  static let standardPath = "config/tickgate.toml"

  /// - Throws: an exit with the reason on standard error.
  static func load(_ arguments: [String]) throws -> Settings {
    do {
      let flags = try Flags(parsing: arguments)
      let environment = Self.environment()
      let named = flags.configurationPath ?? environment[Environment.configurationPath]
      let path = named ?? (access(standardPath, F_OK) == 0 ? standardPath : nil)
      let file = try path.map { Settings.File(path: $0, tree: try TOMLFile.read($0)) }
      return try Settings(file: file, environment: environment, flags: flags)
    } catch {
      throw Exit.because("\(error)", code: Exit.configuration)
    }
  }

  private static func environment() -> [String: String] {
    var values: [String: String] = [:]
    var entry = environ
    while let line = entry.pointee {
      let text = String(cString: line)
      if let equals = text.firstIndex(of: "=") {
        values[String(text[..<equals])] = String(text[text.index(after: equals)...])
      }
      entry += 1
    }
    return values
  }
}
