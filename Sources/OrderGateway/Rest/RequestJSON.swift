// Request bodies: a strict JSON reader that keeps numbers as text, so that `292.05` reaches the ledger exactly. Pure,
// without recursion; every bound is a parameter. Of duplicate keys the last one counts, as clients of the contract
// know it.

/// A JSON value as a client sent it.
package enum RequestValue: Sendable, Equatable {
  case null
  case bool(Bool)
  /// The digits as they were written.
  case number(String)
  case text(String)
  case array([RequestValue])
  case object([String: RequestValue])
}

/// Why a body is not JSON.
package struct MalformedJSON: Error, Equatable {
  package let reason: String
  /// Where, in bytes.
  package let offset: Int
}

/// Reads one JSON text.
package struct RequestJSON {
  /// Containers inside one another.
  package static let depthMax = 32

  /// Values in one text. No request has more than some hundred.
  package static let valuesMax = 50_000

  /// An open array or object; a reference, so that a member is added in place.
  private final class Container {
    let isObject: Bool
    var elements: [RequestValue] = []
    var members: [String: RequestValue] = [:]
    /// Of the member that comes next.
    var key: String

    init(isObject: Bool, key: String = "") {
      self.isObject = isObject
      self.key = key
    }
  }

  private let bytes: [UInt8]
  private var offset = 0
  private var open: [Container] = []
  private var valueCount = 0

  private init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// Reads `bytes` as one value with nothing but blanks (and a byte order mark) around it.
  package static func read(_ bytes: [UInt8]) throws(MalformedJSON) -> RequestValue {
    var reader = RequestJSON(bytes)
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { reader.offset = 3 }
    let value = try reader.value()
    reader.skipBlanks()
    guard reader.offset == bytes.count else { throw reader.malformed("text after the end") }
    return value
  }

  /// The loop over values: a scalar goes into the innermost open container, a closed container into the next one out.
  private mutating func value() throws(MalformedJSON) -> RequestValue {
    while true {
      skipBlanks()
      guard var finished = try begin() else { continue }
      while true {
        guard let last = open.last else { return finished }
        guard let closed = try put(finished, into: last) else { break }
        open.removeLast()
        finished = closed
      }
    }
  }

  /// A scalar or an empty container; nil when a container was opened.
  private mutating func begin() throws(MalformedJSON) -> RequestValue? {
    guard offset < bytes.count else { throw malformed("the text ends too early") }
    valueCount += 1
    guard valueCount <= Self.valuesMax else { throw malformed("more than \(Self.valuesMax) values") }
    switch bytes[offset] {
    case UInt8(ascii: "{"):
      try enter()
      if take(UInt8(ascii: "}")) { return .object([:]) }
      open.append(Container(isObject: true, key: try key()))
      return nil
    case UInt8(ascii: "["):
      try enter()
      if take(UInt8(ascii: "]")) { return .array([]) }
      open.append(Container(isObject: false))
      return nil
    case UInt8(ascii: "\""): return .text(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
    default: throw malformed("a value was expected")
    }
  }

  private mutating func enter() throws(MalformedJSON) {
    guard open.count < Self.depthMax else { throw malformed("more than \(Self.depthMax) levels") }
    offset += 1
  }

  /// Adds to the innermost container; returns that as a value when this was its last member.
  private mutating func put(_ value: RequestValue, into container: Container) throws(MalformedJSON) -> RequestValue? {
    if container.isObject {
      container.members[container.key] = value
      if take(UInt8(ascii: "}")) { return .object(container.members) }
      try expect(UInt8(ascii: ","))
      container.key = try key()
    } else {
      container.elements.append(value)
      if take(UInt8(ascii: "]")) { return .array(container.elements) }
      try expect(UInt8(ascii: ","))
    }
    return nil
  }

  private mutating func key() throws(MalformedJSON) -> String {
    skipBlanks()
    guard offset < bytes.count, bytes[offset] == UInt8(ascii: "\"") else { throw malformed("a key was expected") }
    let key = try string()
    try expect(UInt8(ascii: ":"))
    return key
  }

  private mutating func word(_ word: StaticString, _ value: RequestValue) throws(MalformedJSON) -> RequestValue {
    let count = word.utf8CodeUnitCount
    guard bytes.count - offset >= count,
      (0..<count).allSatisfy({ bytes[offset + $0] == word.utf8Start[$0] })
    else { throw malformed("a value was expected") }
    offset += count
    return value
  }

  private mutating func number() throws(MalformedJSON) -> RequestValue {
    let start = offset
    if bytes[offset] == UInt8(ascii: "-") { offset += 1 }
    let first = offset < bytes.count ? bytes[offset] : 0
    let whole = digits()
    guard whole > 0, whole == 1 || first != UInt8(ascii: "0") else { throw malformed("a number is malformed") }
    if offset < bytes.count, bytes[offset] == UInt8(ascii: ".") {
      offset += 1
      guard digits() > 0 else { throw malformed("a number is malformed") }
    }
    if offset < bytes.count, bytes[offset] | 0x20 == UInt8(ascii: "e") {
      offset += 1
      if offset < bytes.count, bytes[offset] == UInt8(ascii: "+") || bytes[offset] == UInt8(ascii: "-") { offset += 1 }
      guard digits() > 0 else { throw malformed("a number is malformed") }
    }
    return .number(String(decoding: bytes[start..<offset], as: UTF8.self))
  }

  private mutating func digits() -> Int {
    let start = offset
    while offset < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[offset]) { offset += 1 }
    return offset - start
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    skipBlanks()
    guard offset < bytes.count, bytes[offset] == byte else { return false }
    offset += 1
    return true
  }

  private mutating func expect(_ byte: UInt8) throws(MalformedJSON) {
    guard take(byte) else { throw malformed("'\(Character(UnicodeScalar(byte)))' was expected") }
  }

  private mutating func skipBlanks() {
    while offset < bytes.count {
      switch bytes[offset] {
      case 0x20, 0x09, 0x0A, 0x0D: offset += 1
      default: return
      }
    }
  }

  private func malformed(_ reason: String) -> MalformedJSON { MalformedJSON(reason: reason, offset: offset) }
}

// Strings: escapes, surrogate pairs, and UTF-8 that must be valid.
extension RequestJSON {
  private mutating func string() throws(MalformedJSON) -> String {
    offset += 1
    var content: [UInt8] = []
    while offset < bytes.count {
      let byte = bytes[offset]
      switch byte {
      case UInt8(ascii: "\""):
        offset += 1
        guard let text = String(validating: content, as: UTF8.self) else { throw malformed("invalid UTF-8") }
        return text
      case UInt8(ascii: "\\"):
        offset += 1
        try escape(into: &content)
      case 0..<0x20: throw malformed("a control character in a string")
      default:
        content.append(byte)
        offset += 1
      }
    }
    throw malformed("the text ends inside a string")
  }

  private mutating func escape(into content: inout [UInt8]) throws(MalformedJSON) {
    guard offset < bytes.count else { throw malformed("the text ends inside a string") }
    let byte = bytes[offset]
    offset += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): content.append(byte)
    case UInt8(ascii: "b"): content.append(0x08)
    case UInt8(ascii: "f"): content.append(0x0C)
    case UInt8(ascii: "n"): content.append(0x0A)
    case UInt8(ascii: "r"): content.append(0x0D)
    case UInt8(ascii: "t"): content.append(0x09)
    case UInt8(ascii: "u"): content.append(contentsOf: String(Character(try scalar())).utf8)
    default: throw malformed("an unknown escape")
    }
  }

  private mutating func scalar() throws(MalformedJSON) -> UnicodeScalar {
    let unit = try hexUnit()
    if let scalar = UnicodeScalar(unit) { return scalar }
    guard (0xD800..<0xDC00).contains(unit), bytes.count - offset >= 2, bytes[offset] == UInt8(ascii: "\\"),
      bytes[offset + 1] == UInt8(ascii: "u")
    else { throw malformed("half of a surrogate pair") }
    offset += 2
    let low = try hexUnit()
    guard (0xDC00..<0xE000).contains(low),
      let scalar = UnicodeScalar(0x10000 + (UInt32(unit) - 0xD800) << 10 + (UInt32(low) - 0xDC00))
    else { throw malformed("half of a surrogate pair") }
    return scalar
  }

  private mutating func hexUnit() throws(MalformedJSON) -> UInt16 {
    guard bytes.count - offset >= 4 else { throw malformed("the text ends inside a string") }
    var unit: UInt16 = 0
    for _ in 0..<4 {
      guard let digit = Character(UnicodeScalar(bytes[offset])).hexDigitValue else {
        throw malformed("a bad \\u escape")
      }
      unit = unit << 4 | UInt16(digit)
      offset += 1
    }
    return unit
  }
}
