// What is known about one setting: the row type of the table. Cold path, no owner thread.

/// Type and bounds of a setting.
public enum Kind: Sendable, Equatable {
  /// Any text; `isEmptyAllowed` says whether "" is a value.
  case text(isEmptyAllowed: Bool)
  /// Path of a file or directory; relative paths count from the working directory.
  case path(isEmptyAllowed: Bool)
  /// One of a few words.
  case choice([String])
  case integer(ClosedRange<Int>)
  /// A power of two within the range.
  case powerOfTwo(ClosedRange<Int>)
  case boolean
  /// List of texts, comma separated outside the file. With `choices` only these are allowed.
  case strings(choices: [String]?)
  /// `N per second`.
  case rate
  /// `HH:MM`.
  case timeOfDay
}

/// One row of the table of settings.
public struct Definition: Sendable {
  public let key: Key
  public let kind: Kind
  public let fallback: Value
  /// One or more sentences for the generated file and for `--help`.
  public let help: String
  /// A secret has no flag (arguments are visible to every user of the host) and is never printed.
  public let isSecret: Bool

  init(_ key: Key, _ kind: Kind, _ fallback: Value, isSecret: Bool = false, _ help: String) {
    self.key = key
    self.kind = kind
    self.fallback = fallback
    self.help = help
    self.isSecret = isSecret
  }

  /// Row of a key. Every key has one (the order of the table is the order of the keys).
  public static func of(_ key: Key) -> Definition { byKey[key]! }

  private static let byKey = Dictionary(uniqueKeysWithValues: table.map { ($0.key, $0) })

  /// What may be given, in words.
  public var allowed: String {
    switch kind {
    case .text(let isEmptyAllowed): isEmptyAllowed ? "text" : "text that is not empty"
    case .path(let isEmptyAllowed): isEmptyAllowed ? "path or empty" : "path"
    case .choice(let words): "one of " + words.joined(separator: ", ")
    case .integer(let range): "integer \(range.lowerBound) to \(range.upperBound)"
    case .powerOfTwo(let range): "power of two, \(range.lowerBound) to \(range.upperBound)"
    case .boolean: "true or false"
    case .strings(let choices): choices.map { "list of " + $0.joined(separator: ", ") } ?? "list of texts"
    case .timeOfDay: "time of day, \"00:00\" to \"23:59\""
    case .rate: "\"N per second\", N from 1 to \(Rate.countMax)"
    }
  }
}

/// Value of a setting.
public enum Value: Sendable, Equatable {
  case string(String)
  case integer(Int)
  case boolean(Bool)
  case strings([String])
}
