// What a request may hold, as data: an endpoint is a list of fields. A field knows its type and the texts with which a
// wrong value is refused; those are the texts of the contract.

/// One field of a request.
struct Field: Sendable {
  enum Kind: Sendable {
    case text
    /// An API key: text of a bounded length.
    case key
    case choice([String])
    /// A number with its smallest value; the text says what is wrong with a smaller one.
    case number(Minimum, refusal: String)
    /// A number without fraction; a JSON number is cut, text is not.
    case integer(refusal: String)
    case boolean
    /// A number or null that is only checked, never used.
    case ignoredNumber
  }

  enum Minimum: Sendable { case zero, aboveZero }

  let name: String
  let kind: Kind
  let isRequired: Bool

  private init(_ name: String, _ kind: Kind, isRequired: Bool) {
    self.name = name
    self.kind = kind
    self.isRequired = isRequired
  }

  static func required(_ name: String, _ kind: Kind) -> Field { Field(name, kind, isRequired: true) }
  static func optional(_ name: String, _ kind: Kind) -> Field { Field(name, kind, isRequired: false) }
}

/// A value that has passed its field's checks.
enum FieldValue: Sendable, Equatable {
  case text(String)
  case number(RequestNumber)
  case integer(Int64)
  case bool(Bool)
  case null
}

/// A field's text of refusal.
struct FieldRefusal: Error, Equatable {
  let text: String
  init(_ text: String) { self.text = text }
}

extension Field {
  /// The value in the field's type.
  func check(_ value: RequestValue) throws(FieldRefusal) -> FieldValue {
    if case .null = value {
      if case .ignoredNumber = kind { return .null }
      throw FieldRefusal("Field may not be null.")
    }
    switch kind {
    case .text: return .text(try text(value))
    case .key:
      let key = try text(value)
      guard KeyStore.keyBytes.contains(key.utf8.count) else {
        throw FieldRefusal(
          "Length must be between \(KeyStore.keyBytes.lowerBound) and \(KeyStore.keyBytes.upperBound).")
      }
      return .text(key)
    case .choice(let members):
      let text = try text(value)
      guard members.contains(text) else {
        throw FieldRefusal("Must be one of: \(members.joined(separator: ", ")).")
      }
      return .text(text)
    case .number(let minimum, let refusal):
      let number = try number(value)
      if number.isNegative || (minimum == .aboveZero && !number.isPositive) { throw FieldRefusal(refusal) }
      return .number(number)
    case .integer(let refusal):
      let number = try integer(value)
      if number < 0 { throw FieldRefusal(refusal) }
      return .integer(number)
    case .boolean: return .bool(try bool(value))
    case .ignoredNumber: return .number(try number(value))
    }
  }

  private func text(_ value: RequestValue) throws(FieldRefusal) -> String {
    guard case .text(let text) = value else { throw FieldRefusal("Not a valid string.") }
    return text
  }

  private func number(_ value: RequestValue) throws(FieldRefusal) -> RequestNumber {
    let text: String
    switch value {
    case .number(let digits): text = digits
    case .text(let given): text = given
    default: throw FieldRefusal("Not a valid number.")
    }
    if let number = RequestNumber(text) { return number }
    throw FieldRefusal(
      RequestNumber.isSpecial(text)
        ? "Special numeric values (nan or infinity) are not permitted." : "Not a valid number.")
  }

  private func integer(_ value: RequestValue) throws(FieldRefusal) -> Int64 {
    switch value {
    case .number(let digits):
      if let number = RequestNumber(digits) { return number.truncated }
    case .text(let text):
      let isPlain = text.utf8.allSatisfy { $0 != UInt8(ascii: ".") && $0 | 0x20 != UInt8(ascii: "e") }
      if isPlain, let number = RequestNumber(text) { return number.truncated }
    default: break
    }
    throw FieldRefusal("Not a valid integer.")
  }

  private static let trueWords: Set = ["true", "t", "yes", "y", "on", "1"]
  private static let falseWords: Set = ["false", "f", "no", "n", "off", "0"]

  /// Words are accepted in lower, upper and capital spelling.
  private func bool(_ value: RequestValue) throws(FieldRefusal) -> Bool {
    switch value {
    case .bool(let flag): return flag
    case .number(let word), .text(let word):
      let lower = word.lowercased()
      let capital = lower.prefix(1).uppercased() + lower.dropFirst()
      if word == lower || word == word.uppercased() || word == capital {
        if Self.trueWords.contains(lower) { return true }
        if Self.falseWords.contains(lower) { return false }
      }
    default: break
    }
    throw FieldRefusal("Not a valid boolean.")
  }
}
