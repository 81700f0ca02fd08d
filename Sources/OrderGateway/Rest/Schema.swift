// Validation of a request against its fields, and the two forms in which the result is told. Pure.

/// What is wrong with a request: texts per field, in the order of the fields.
struct ValidationErrors: Error, Equatable {
  /// Unknown fields that are named; the rest of a hostile request is not repeated.
  static let unknownFieldsMax = 16
  /// Characters of a client's text that an answer repeats.
  static let echoedCharactersMax = 64

  private(set) var entries: [(field: String, texts: [String])] = []

  var isEmpty: Bool { entries.isEmpty }

  mutating func add(_ field: String, _ text: String) {
    entries.append((String(field.prefix(Self.echoedCharactersMax)), [text]))
  }

  /// As a Python dictionary prints itself: `{'quantity': ['Not a valid number.']}`.
  var pythonText: String {
    let parts = entries.map { entry in
      Self.quoted(entry.field) + ": [" + entry.texts.map(Self.quoted).joined(separator: ", ") + "]"
    }
    return "{" + parts.joined(separator: ", ") + "}"
  }

  /// Single quotes, unless the text holds one and no double quote.
  private static func quoted(_ text: String) -> String {
    let quote: Character = text.contains("'") && !text.contains("\"") ? "\"" : "'"
    var out = String(quote)
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\": out += "\\\\"
      case "\n": out += "\\n"
      case "\r": out += "\\r"
      case "\t": out += "\\t"
      case _ where Character(scalar) == quote: out += "\\" + String(quote)
      case _ where scalar.value < 0x20 || scalar.value == 0x7F:
        out += "\\x" + (scalar.value < 0x10 ? "0" : "") + String(scalar.value, radix: 16)
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out + String(quote)
  }

  static func == (a: ValidationErrors, b: ValidationErrors) -> Bool {
    a.entries.count == b.entries.count
      && zip(a.entries, b.entries).allSatisfy { $0.field == $1.field && $0.texts == $1.texts }
  }
}

/// The values of a request that passed.
struct FieldValues: Sendable {
  private var values: [String: FieldValue] = [:]

  fileprivate subscript(field: String) -> FieldValue? {
    get { values[field] }
    set { values[field] = newValue }
  }

  /// Nil when the field was not sent.
  func text(_ field: String) -> String? {
    if case .text(let text) = values[field] { text } else { nil }
  }

  func number(_ field: String) -> RequestNumber? {
    if case .number(let number) = values[field] { number } else { nil }
  }

  func bool(_ field: String) -> Bool? {
    if case .bool(let flag) = values[field] { flag } else { nil }
  }
}

/// The fields of an endpoint, and a rule over several of them.
struct Schema: Sendable {
  let fields: [Field]
  /// Asked when every field is right; field and text of the refusal.
  var rule: (@Sendable (FieldValues) -> (field: String, text: String)?)?

  /// Every request carries a key.
  init(_ fields: [Field], rule: (@Sendable (FieldValues) -> (field: String, text: String)?)? = nil) {
    self.fields = [.required("apikey", .key)] + fields
    self.rule = rule
  }

  func check(_ members: [String: RequestValue]) throws(ValidationErrors) -> FieldValues {
    var values = FieldValues()
    var errors = ValidationErrors()
    for field in fields {
      guard let value = members[field.name] else {
        if field.isRequired { errors.add(field.name, "Missing data for required field.") }
        continue
      }
      do throws(FieldRefusal) {
        values[field.name] = try field.check(value)
      } catch { errors.add(field.name, error.text) }
    }
    let unknown = members.keys.filter { name in !fields.contains { $0.name == name } }
    for name in unknown.sorted().prefix(ValidationErrors.unknownFieldsMax) { errors.add(name, "Unknown field.") }
    if errors.isEmpty, let refusal = rule?(values) { errors.add(refusal.field, refusal.text) }
    if !errors.isEmpty { throw errors }
    return values
  }
}
