// Turns a text or a value of the file into a value of the right type and range. Pure. Cold path, no owner thread.

extension Definition {
  /// Longest text and longest list that are taken.
  static let textBytesMax = 4096
  static let listCountMax = 64

  /// Value of a text from the environment or the command line.
  func value(text: String, from source: Source) -> Result<Value, SettingsProblem> {
    let bare = text.trimmed
    switch kind {
    case .text, .path, .choice, .rate, .timeOfDay: return checked(.string(text), from: source, given: "\"\(text)\"")
    case .integer, .powerOfTwo:
      guard let number = Int(bare) else { return .failure(.wrongType(key, source, given: "\"\(text)\"")) }
      return checked(.integer(number), from: source, given: bare)
    case .boolean:
      guard let flag = Self.booleans[bare.lowercased()] else {
        return .failure(.wrongType(key, source, given: "\"\(text)\""))
      }
      return .success(.boolean(flag))
    case .strings:
      let items = bare.isEmpty ? [] : bare.split(separator: ",", omittingEmptySubsequences: false).map(\.trimmed)
      return checked(.strings(items), from: source, given: "\"\(text)\"")
    }
  }

  /// Value of the configuration file. Nothing is converted: a number in quotes is a text.
  func value(tree: SettingsTree, from source: Source) -> Result<Value, SettingsProblem> {
    switch (kind, tree) {
    case (.text, .string(let text)), (.path, .string(let text)), (.choice, .string(let text)),
      (.rate, .string(let text)), (.timeOfDay, .string(let text)):
      return checked(.string(text), from: source, given: "\"\(text)\"")
    case (.integer, .integer(let number)), (.powerOfTwo, .integer(let number)):
      return checked(.integer(number), from: source, given: String(number))
    case (.boolean, .boolean(let flag)): return .success(.boolean(flag))
    case (.strings, .array(let items)):
      var texts: [String] = []
      for item in items {
        guard case .string(let text) = item else {
          return .failure(.wrongType(key, source, given: "a list with a \(item.typeName)"))
        }
        texts.append(text)
      }
      return checked(.strings(texts), from: source, given: "this list")
    default: return .failure(.wrongType(key, source, given: tree.typeName))
    }
  }

  private func checked(_ value: Value, from source: Source, given: String) -> Result<Value, SettingsProblem> {
    isAllowed(value) ? .success(value) : .failure(.outOfRange(key, source, given: given))
  }

  private func isAllowed(_ value: Value) -> Bool {
    switch (kind, value) {
    case (.text(let isEmptyAllowed), .string(let text)), (.path(let isEmptyAllowed), .string(let text)):
      Self.isPlain(text) && (isEmptyAllowed || !text.trimmed.isEmpty)
    case (.choice(let words), .string(let text)): words.contains(text)
    case (.rate, .string(let text)): Rate(text) != nil
    case (.timeOfDay, .string(let text)): Self.minuteOfDay(text) != nil
    case (.integer(let range), .integer(let number)): range.contains(number)
    case (.powerOfTwo(let range), .integer(let number)): range.contains(number) && number.nonzeroBitCount == 1
    case (.boolean, .boolean): true
    case (.strings(let choices), .strings(let items)):
      items.count <= Self.listCountMax
        && items.allSatisfy { Self.isPlain($0) && !$0.isEmpty && choices?.contains($0) ?? true }
    default: false
    }
  }

  /// Minutes since midnight of `HH:MM`.
  static func minuteOfDay(_ text: String) -> Int? {
    let bytes = Array(text.utf8)
    guard bytes.count == 5, bytes[2] == UInt8(ascii: ":") else { return nil }
    let digits = [bytes[0], bytes[1], bytes[3], bytes[4]].map { Int($0) - 0x30 }
    guard digits.allSatisfy({ (0...9).contains($0) }) else { return nil }
    let (hour, minute) = (digits[0] * 10 + digits[1], digits[2] * 10 + digits[3])
    return hour < 24 && minute < 60 ? hour * 60 + minute : nil
  }

  /// No control characters: such a text comes from a broken file and breaks logs.
  private static func isPlain(_ text: String) -> Bool {
    text.utf8.count <= textBytesMax && text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
  }

  private static let booleans: [String: Bool] = [
    "true": true, "yes": true, "on": true, "1": true, "false": false, "no": false, "off": false, "0": false,
  ]
}

extension StringProtocol {
  /// Without blanks and tabs at both ends.
  var trimmed: String {
    let isBlank: (Character) -> Bool = { $0 == " " || $0 == "\t" }
    guard let first = firstIndex(where: { !isBlank($0) }), let last = lastIndex(where: { !isBlank($0) }) else {
      return ""
    }
    return String(self[first...last])
  }
}
