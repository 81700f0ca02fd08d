// The settings of a run: every key has a value of its type and a place it came from. Immutable once made.
// Cold path, no owner thread.

/// Resolved settings. Precedence: defaults, file, environment, flags.
public struct Settings: Sendable {
  private var values: [Key: Value]
  private var sources: [Key: Source] = [:]

  /// All defaults.
  init() {
    values = Dictionary(uniqueKeysWithValues: Definition.table.map { ($0.key, $0.fallback) })
  }

  mutating func set(_ key: Key, _ value: Value, from source: Source) {
    values[key] = value
    sources[key] = source
  }

  /// Replaces `{state_dir}` in lists, once all values are known.
  mutating func expandStateDirectory() {
    let directory = string(.stateDirectory)
    for (key, value) in values {
      guard case .strings(let items) = value else { continue }
      values[key] = .strings(items.map { Self.replacing("{state_dir}", by: directory, in: $0) })
    }
  }

  /// Where the value of a key comes from.
  public func source(of key: Key) -> Source { sources[key] ?? .fallback }

  /// Value of a text, path, choice or rate. Another kind of key is a programming error and traps.
  public func string(_ key: Key) -> String {
    guard case .string(let text) = values[key]! else { preconditionFailure("\(key.name) is no text") }
    return text
  }

  /// Value of an integer key.
  public func integer(_ key: Key) -> Int {
    guard case .integer(let number) = values[key]! else { preconditionFailure("\(key.name) is no integer") }
    return number
  }

  /// Value of a boolean key.
  public func boolean(_ key: Key) -> Bool {
    guard case .boolean(let flag) = values[key]! else { preconditionFailure("\(key.name) is no boolean") }
    return flag
  }

  /// Value of a list.
  public func strings(_ key: Key) -> [String] {
    guard case .strings(let items) = values[key]! else { preconditionFailure("\(key.name) is no list") }
    return items
  }

  /// Value of a rate.
  public func rate(_ key: Key) -> Rate {
    guard let rate = Rate(string(key)) else { preconditionFailure("\(key.name) is no rate") }
    return rate
  }

  /// Minutes since midnight of a time of day.
  public func minuteOfDay(_ key: Key) -> Int {
    guard let minute = Definition.minuteOfDay(string(key)) else { preconditionFailure("\(key.name) is no time of day") }
    return minute
  }

  func value(_ key: Key) -> Value { values[key]! }

  private static func replacing(_ word: String, by replacement: String, in text: String) -> String {
    var rest = Substring(text)
    var result = ""
    while let range = rest.firstRange(of: word) {
      result += rest[..<range.lowerBound] + replacement
      rest = rest[range.upperBound...]
    }
    return result + rest
  }
}
