// Settings on the command line: `--ws.port 1`, `--ws.port=1`, `--ws.allow_public`. Pure. Cold path, no owner thread.

/// Flags of a command that takes settings.
public struct Flags: Sendable, Equatable {
  /// Value of `--config`, the path of the configuration file.
  public internal(set) var configurationPath: String?
  /// Settings in the order given; a later one wins.
  public internal(set) var values: [Assignment] = []

  public struct Assignment: Sendable, Equatable {
    public let key: Key
    public let text: String
  }

  public init() {}

  /// Reads the arguments behind the command. Errors list everything that is wrong.
  public init(parsing arguments: [String]) throws(SettingsError) {
    var problems: [SettingsProblem] = []
    var index = 0
    while index < arguments.count {
      let argument = arguments[index]
      index += 1
      guard argument.utf8.starts(with: "--".utf8) else {
        problems.append(.unexpectedArgument(argument))
        continue
      }
      let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let flag = String(parts[0])
      var text = parts.count == 2 ? String(parts[1]) : nil
      let key = Key(rawValue: String(flag.dropFirst(2)))
      if text == nil, index < arguments.count, !arguments[index].utf8.starts(with: "--".utf8) {
        text = arguments[index]
        index += 1
      }
      if text == nil, let key, Definition.of(key).kind == .boolean { text = "true" }
      if let problem = take(flag, key, text) { problems.append(problem) }
    }
    guard problems.isEmpty else { throw SettingsError(problems: problems) }
  }

  private mutating func take(_ flag: String, _ key: Key?, _ text: String?) -> SettingsProblem? {
    if flag == "--config" {
      configurationPath = text
      return text == nil ? .missingValue(flag: flag) : nil
    }
    guard let key else {
      let names = Key.allCases.filter { !Definition.of($0).isSecret }.map(\.flagName) + ["--config"]
      return .unknownKey(flag, .flag(name: flag), nearest: Nearest.name(to: flag, among: names))
    }
    if Definition.of(key).isSecret { return .secretFlag(key) }
    guard let text else { return .missingValue(flag: flag) }
    values.append(Assignment(key: key, text: text))
    return nil
  }
}
