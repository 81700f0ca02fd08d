// Puts the settings together from all places, in order of precedence. Pure: the caller read file and environment.
// Cold path, no owner thread.

extension Settings {
  /// The configuration file, read.
  public struct File: Sendable {
    public let path: String
    public let tree: SettingsTree

    public init(path: String, tree: SettingsTree) {
      self.path = path
      self.tree = tree
    }
  }

  /// Resolves all settings. The error lists everything that is wrong in any place.
  public init(
    file: File? = nil, environment: [String: String] = [:], flags: Flags = Flags()
  ) throws(SettingsError) {
    self.init()
    var problems: [SettingsProblem] = []
    if let file { take(file, &problems) }
    takeAliases(environment, &problems)
    takeEnvironment(environment, &problems)
    for assignment in flags.values {
      let source = Source.flag(name: assignment.key.flagName)
      take(
        assignment.key, from: source, Definition.of(assignment.key).value(text: assignment.text, from: source),
        &problems)
    }
    if problems.isEmpty { problems = contradictions() }
    guard problems.isEmpty else { throw SettingsError(problems: problems) }
    expandStateDirectory()
  }

  private mutating func take(_ file: File, _ problems: inout [SettingsProblem]) {
    let source = Source.file(path: file.path)
    for (name, tree) in file.tree.leaves() {
      guard let key = Key(rawValue: name) else {
        let nearest = Nearest.name(to: name, among: Key.allCases.map(\.name))
        problems.append(.unknownKey(name, source, nearest: nearest))
        continue
      }
      take(key, from: source, Definition.of(key).value(tree: tree, from: source), &problems)
    }
  }

  private mutating func takeAliases(_ environment: [String: String], _ problems: inout [SettingsProblem]) {
    for (variable, key) in Environment.aliases {
      guard let text = environment[variable], !text.isEmpty, environment[key.environmentName] == nil else { continue }
      let source = Source.environment(variable: variable)
      take(key, from: source, Definition.of(key).value(text: text, from: source), &problems)
    }
  }

  private mutating func takeEnvironment(_ environment: [String: String], _ problems: inout [SettingsProblem]) {
    for (variable, text) in environment.sorted(by: { $0.key < $1.key }) {
      guard variable.utf8.starts(with: Environment.prefix.utf8), !Environment.reserved.contains(variable) else {
        continue
      }
      let source = Source.environment(variable: variable)
      guard let key = Environment.keys[variable] else {
        let names = Key.allCases.map(\.environmentName) + Environment.reserved.sorted()
        problems.append(.unknownKey(variable, source, nearest: Nearest.name(to: variable, among: names)))
        continue
      }
      take(key, from: source, Definition.of(key).value(text: text, from: source), &problems)
    }
  }

  private mutating func take(
    _ key: Key, from source: Source, _ result: Result<Value, SettingsProblem>,
    _ problems: inout [SettingsProblem]
  ) {
    switch result {
    case .success(let value): set(key, value, from: source)
    case .failure(let problem): problems.append(problem)
    }
  }
}
