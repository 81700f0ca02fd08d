// Texts made from the table: the commented file, the help, the listing of a run. Cold path, no owner thread.

/// Renders the table of settings.
public enum SettingsText {
  private static let lineCharactersMax = 100

  /// `config/tickgate.toml`: every key with its help, bounds and default, commented out.
  public static func configurationFile() -> String {
    var text = """
      # Settings of tickgate. This file is generated from the table of settings in the source; every key is shown with
      # its default, commented out. Order of precedence: default, this file, environment, command line.
      # A key x.y is TICKGATE_X_Y in the environment and --x.y on the command line.

      """
    var section = ""
    for definition in Definition.table {
      let (table, name) = split(definition.key)
      if table != section {
        text += "\n[\(table)]\n"
        section = table
      }
      text += "\n"
      for line in wrapped(definition.help, width: lineCharactersMax) { text += "# \(line)\n" }
      text +=
        "# \(definition.allowed); \(definition.key.environmentName)\(definition.isSecret ? "; secret, no flag" : "")\n"
      text += "#\(name) = \(literal(definition.fallback))\n"
    }
    return text
  }

  /// Listing for `--help`: one paragraph per setting.
  public static func help() -> String {
    var text = ""
    for definition in Definition.table {
      let key = definition.key
      text += "  \(definition.isSecret ? key.name + " (no flag)" : key.flagName)"
      text += "  [\(literal(definition.fallback))]  \(key.environmentName)\n"
      for line in wrapped(definition.help + " (\(definition.allowed))", width: lineCharactersMax - 8) {
        text += "        \(line)\n"
      }
    }
    return text
  }

  /// `name = value  # place` for every setting of a run. Secrets are shown as set or not.
  public static func listing(_ settings: Settings) -> String {
    Definition.table.map { definition in
      let value = settings.value(definition.key)
      let isSet = value != .string("")
      let shown = definition.isSecret ? (isSet ? "(set, not shown)" : "(not set)") : literal(value)
      return "\(definition.key.name) = \(shown)  # \(settings.source(of: definition.key).description)\n"
    }.joined()
  }

  /// Table and name of a key in the file: `feeds.zerodha.url` is `url` in `[feeds.zerodha]`.
  private static func split(_ key: Key) -> (table: String, name: String) {
    guard let dot = key.name.lastIndex(of: ".") else { return ("", key.name) }
    return (String(key.name[..<dot]), String(key.name[key.name.index(after: dot)...]))
  }

  /// A value as TOML writes it.
  static func literal(_ value: Value) -> String {
    switch value {
    case .string(let text): quoted(text)
    case .integer(let number): String(number)
    case .boolean(let flag): flag ? "true" : "false"
    case .strings(let items): "[" + items.map(quoted).joined(separator: ", ") + "]"
    }
  }

  private static func quoted(_ text: String) -> String {
    var result = "\""
    for character in text {
      if character == "\"" || character == "\\" { result.append("\\") }
      result.append(character)
    }
    return result + "\""
  }

  private static func wrapped(_ text: String, width: Int) -> [String] {
    var lines: [String] = []
    for word in text.split(separator: " ") {
      if let last = lines.last, last.count + 1 + word.count <= width {
        lines[lines.count - 1] = last + " " + word
      } else {
        lines.append(String(word))
      }
    }
    return lines
  }
}
