// The reader behind `JSONDocument`: one pass, no recursion, an explicit stack bounded by `JSONLimits`.

struct JSONParser {
  private let text: [UInt8]
  private let limits: JSONLimits
  private var at = 0
  private var nodes: [JSONDocument.Node] = []
  /// Indices of the open objects and arrays.
  private var open: [Int] = []

  init(text: [UInt8], limits: JSONLimits) {
    self.text = text
    self.limits = limits
    nodes.reserveCapacity(min(limits.nodesMax, 16 + text.count / 8))
  }

  private enum Expecting { case value, valueOrEnd, keyOrEnd, key, separator }

  mutating func parse() throws(JSONError) -> [JSONDocument.Node] {
    guard text.count < Int(Int32.max) else { throw .tooManyValues }
    if text.starts(with: [0xEF, 0xBB, 0xBF]) { at = 3 }
    var expecting = Expecting.value
    repeat {
      skipBlanks()
      guard at < text.count else { throw .syntax(offset: at) }
      expecting = try step(expecting)
    } while !(open.isEmpty && expecting == .separator)
    skipBlanks()
    guard at == text.count else { throw .syntax(offset: at) }
    return nodes
  }

  private mutating func step(_ expecting: Expecting) throws(JSONError) -> Expecting {
    let byte = text[at]
    switch expecting {
    case .separator:
      let isObject = nodes[open[open.count - 1]].kind == .object
      if byte == UInt8(ascii: ",") {
        at += 1
        return isObject ? .key : .value
      }
      return try close(byte)
    case .keyOrEnd where byte == UInt8(ascii: "}"), .valueOrEnd where byte == UInt8(ascii: "]"):
      return try close(byte)
    case .key, .keyOrEnd:
      guard byte == UInt8(ascii: "\"") else { throw .syntax(offset: at) }
      try string()
      skipBlanks()
      guard at < text.count, text[at] == UInt8(ascii: ":") else { throw .syntax(offset: at) }
      at += 1
      return .value
    case .value, .valueOrEnd:
      return try value(byte)
    }
  }

  private mutating func close(_ byte: UInt8) throws(JSONError) -> Expecting {
    let container = open[open.count - 1]
    let end: UInt8 = nodes[container].kind == .object ? UInt8(ascii: "}") : UInt8(ascii: "]")
    guard byte == end else { throw .syntax(offset: at) }
    at += 1
    nodes[container].end = Int32(at)
    nodes[container].next = Int32(nodes.count)
    open.removeLast()
    return .separator
  }

  private mutating func value(_ byte: UInt8) throws(JSONError) -> Expecting {
    switch byte {
    case UInt8(ascii: "{"):
      try begin(.object)
      return .keyOrEnd
    case UInt8(ascii: "["):
      try begin(.array)
      return .valueOrEnd
    case UInt8(ascii: "\""): try string()
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): try number()
    case UInt8(ascii: "t"): try word("true", .bool, flag: true)
    case UInt8(ascii: "f"): try word("false", .bool, flag: false)
    case UInt8(ascii: "n"): try word("null", .null, flag: false)
    default: throw .syntax(offset: at)
    }
    return .separator
  }

  private mutating func begin(_ kind: JSONKind) throws(JSONError) {
    guard open.count < limits.depthMax else { throw .tooDeep }
    open.append(nodes.count)
    try add(kind, flag: false, from: at)
    at += 1
  }

  private mutating func add(_ kind: JSONKind, flag: Bool, from start: Int) throws(JSONError) {
    guard nodes.count < limits.nodesMax else { throw .tooManyValues }
    nodes.append(
      .init(kind: kind, flag: flag, start: Int32(start), end: Int32(at), next: Int32(nodes.count + 1)))
  }

  private mutating func word(_ word: StaticString, _ kind: JSONKind, flag: Bool) throws(JSONError) {
    let start = at
    let count = word.utf8CodeUnitCount
    guard text.count - at >= count else { throw .syntax(offset: at) }
    for index in 0..<count where text[at + index] != word.utf8Start[index] { throw .syntax(offset: at + index) }
    at += count
    try add(kind, flag: flag, from: start)
  }

  private mutating func string() throws(JSONError) {
    let start = at
    var hasEscapes = false
    at += 1
    while at < text.count {
      switch text[at] {
      case UInt8(ascii: "\""):
        at += 1
        return try add(.string, flag: hasEscapes, from: start)
      case UInt8(ascii: "\\"):
        hasEscapes = true
        try escape()
      case 0..<0x20: throw .syntax(offset: at)
      default: at += 1
      }
    }
    throw .syntax(offset: at)
  }

  private mutating func escape() throws(JSONError) {
    guard at + 1 < text.count else { throw .syntax(offset: at) }
    switch text[at + 1] {
    case UInt8(ascii: "u"):
      guard at + 6 <= text.count, Self.hex(text[at + 2..<at + 6]) != nil else { throw .syntax(offset: at) }
      at += 6
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
      UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
      at += 2
    default: throw .syntax(offset: at)
    }
  }

  private mutating func number() throws(JSONError) {
    let start = at
    var kind = JSONKind.integer
    if text[at] == UInt8(ascii: "-") { at += 1 }
    let leadingZero = at < text.count && text[at] == UInt8(ascii: "0")
    let wholeDigits = digits()
    guard wholeDigits > 0, !(leadingZero && wholeDigits > 1) else { throw .syntax(offset: start) }
    if at < text.count, text[at] == UInt8(ascii: ".") {
      kind = .real
      at += 1
      guard digits() > 0 else { throw .syntax(offset: at) }
    }
    if at < text.count, text[at] | 0x20 == UInt8(ascii: "e") {
      kind = .real
      at += 1
      if at < text.count, text[at] == UInt8(ascii: "+") || text[at] == UInt8(ascii: "-") { at += 1 }
      guard digits() > 0 else { throw .syntax(offset: at) }
    }
    try add(kind, flag: false, from: start)
  }

  private mutating func digits() -> Int {
    let start = at
    while at < text.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(text[at]) { at += 1 }
    return at - start
  }

  private mutating func skipBlanks() {
    while at < text.count, [0x20, 0x09, 0x0A, 0x0D].contains(text[at]) { at += 1 }
  }

  private static func hex(_ digits: ArraySlice<UInt8>) -> UInt16? {
    var value: UInt16 = 0
    for byte in digits {
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | UInt16(byte - 0x30)
      case UInt8(ascii: "a")...UInt8(ascii: "f"): value = value << 4 | UInt16(byte - 0x57)
      case UInt8(ascii: "A")...UInt8(ascii: "F"): value = value << 4 | UInt16(byte - 0x37)
      default: return nil
      }
    }
    return value
  }

  /// Resolves the escapes of a string body that `string()` has accepted. A lone surrogate becomes U+FFFD.
  static func unescape(_ body: ArraySlice<UInt8>) -> String {
    var units: [UInt8] = []
    var at = body.startIndex
    while at < body.endIndex {
      guard body[at] == UInt8(ascii: "\\") else {
        units.append(body[at])
        at += 1
        continue
      }
      switch body[at + 1] {
      case UInt8(ascii: "u"):
        let first = hex(body[at + 2..<at + 6]) ?? 0xFFFD
        at += 6
        var scalar = Unicode.Scalar(UInt32(first))
        if (0xD800..<0xDC00).contains(first), at + 6 <= body.endIndex, body[at] == UInt8(ascii: "\\"),
          body[at + 1] == UInt8(ascii: "u"), let second = hex(body[at + 2..<at + 6]),
          (0xDC00..<0xE000).contains(second)
        {
          scalar = Unicode.Scalar(0x10000 + (UInt32(first) - 0xD800) << 10 + (UInt32(second) - 0xDC00))
          at += 6
        }
        units.append(contentsOf: String(scalar.map(Character.init) ?? "\u{FFFD}").utf8)
        continue
      case UInt8(ascii: "b"): units.append(0x08)
      case UInt8(ascii: "f"): units.append(0x0C)
      case UInt8(ascii: "n"): units.append(0x0A)
      case UInt8(ascii: "r"): units.append(0x0D)
      case UInt8(ascii: "t"): units.append(0x09)
      default: units.append(body[at + 1])
      }
      at += 2
    }
    return String(decoding: units, as: UTF8.self)
  }
}
