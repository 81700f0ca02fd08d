// What can be wrong with a configuration. Every text names the key, the place and what would be right; the value of a
// secret never appears. Cold path, no owner thread.

/// Where a value came from. Later places win over earlier ones.
public enum Source: Sendable, Equatable, Comparable {
  case fallback
  case file(path: String)
  case environment(variable: String)
  case flag(name: String)

  /// In words for errors and listings.
  public var description: String {
    switch self {
    case .fallback: "default"
    case .file(let path): "file \(path)"
    case .environment(let variable): "environment variable \(variable)"
    case .flag(let name): "flag \(name)"
    }
  }
}

/// One thing that is wrong.
public enum SettingsProblem: Error, Equatable {
  /// A name that is no setting, with the nearest that is.
  case unknownKey(String, Source, nearest: String?)
  case wrongType(Key, Source, given: String)
  case outOfRange(Key, Source, given: String)
  /// A secret was given as a flag.
  case secretFlag(Key)
  case missingValue(flag: String)
  case unexpectedArgument(String)
  /// Values that are each allowed, but not together.
  case contradiction(Key, Source, reason: String)

  /// One line of plain text.
  public var description: String {
    switch self {
    case .unknownKey(let name, let source, let nearest):
      "\(source.description): unknown setting \"\(name)\"" + (nearest.map { "; did you mean \"\($0)\"?" } ?? "")
    case .wrongType(let key, let source, let given):
      "\(key.name) (\(source.description)): expected \(Definition.of(key).allowed), got \(Self.shown(given, of: key))"
    case .outOfRange(let key, let source, let given):
      "\(key.name) (\(source.description)): \(Self.shown(given, of: key)) is not allowed;"
        + " expected \(Definition.of(key).allowed)"
    case .secretFlag(let key):
      "\(key.flagName): a secret is not taken as a flag, because arguments are visible to every user of this host;"
        + " set the environment variable \(key.environmentName) or \(key.name) in the configuration file"
    case .missingValue(let flag): "\(flag): the value is missing"
    case .unexpectedArgument(let text): "unexpected argument \"\(text)\"; settings are given as --name value"
    case .contradiction(let key, let source, let reason): "\(key.name) (\(source.description)): \(reason)"
    }
  }

  private static func shown(_ given: String, of key: Key) -> String {
    Definition.of(key).isSecret ? "a value that is not shown" : given
  }
}

/// All that is wrong with a configuration, so that it can be mended in one go.
public struct SettingsError: Error, Equatable, CustomStringConvertible {
  public let problems: [SettingsProblem]

  /// One line per problem.
  public var description: String { problems.map(\.description).joined(separator: "\n") }
}
