// A JSON text (RFC 8259) read into a flat list of nodes that point into it, so that a value can be told apart as it
// was written (`1` and `1.0` are different here) and echoed byte by byte. For control messages of clients and brokers:
// it allocates, and is never used per tick. Hostile input is bounded by `JSONLimits`.

/// Bounds on foreign JSON.
public struct JSONLimits: Sendable {
  /// Objects and arrays inside one another.
  public var depthMax: Int
  /// Values, keys included.
  public var nodesMax: Int

  public init(depthMax: Int = 32, nodesMax: Int = 400_000) {
    self.depthMax = depthMax
    self.nodesMax = nodesMax
  }
}

public enum JSONError: Error, Equatable {
  /// Not JSON, at this byte.
  case syntax(offset: Int)
  case notUTF8
  case tooDeep
  case tooManyValues
}

public enum JSONKind: UInt8, Sendable {
  case object, array, string
  /// A number written without fraction and exponent.
  case integer
  /// A number written with fraction or exponent.
  case real
  case bool, null
}

/// One parsed text. A value type; `JSONValue`s keep it alive.
public struct JSONDocument: Sendable {
  struct Node: Sendable {
    var kind: JSONKind
    /// A string with backslashes, or the value of a bool.
    var flag: Bool
    var start: Int32
    var end: Int32
    /// Index of the first node after this value and all it contains.
    var next: Int32
  }

  let bytes: [UInt8]
  let nodes: [Node]

  public init(_ text: UnsafeRawBufferPointer, limits: JSONLimits = JSONLimits()) throws(JSONError) {
    try self.init(Array(text), limits: limits)
  }

  public init(_ text: [UInt8], limits: JSONLimits = JSONLimits()) throws(JSONError) {
    guard String(validating: text, as: UTF8.self) != nil else { throw .notUTF8 }
    var parser = JSONParser(text: text, limits: limits)
    nodes = try parser.parse()
    bytes = text
  }

  public init(_ text: String, limits: JSONLimits = JSONLimits()) throws(JSONError) {
    try self.init(Array(text.utf8), limits: limits)
  }

  public var root: JSONValue { JSONValue(document: self, index: 0) }
}

/// A value inside a document.
public struct JSONValue: Sendable {
  let document: JSONDocument
  let index: Int

  private var node: JSONDocument.Node { document.nodes[index] }

  public var kind: JSONKind { node.kind }
  public var isNull: Bool { kind == .null }

  /// The text of the value as it was written.
  public var raw: ArraySlice<UInt8> { document.bytes[Int(node.start)..<Int(node.end)] }

  /// Nil unless a string.
  public var string: String? {
    guard kind == .string else { return nil }
    let body = document.bytes[Int(node.start) + 1..<Int(node.end) - 1]
    return node.flag ? JSONParser.unescape(body) : String(decoding: body, as: UTF8.self)
  }

  /// Nil unless written as an integer that fits.
  public var integer: Int64? {
    guard kind == .integer else { return nil }
    return Int64(String(decoding: raw, as: UTF8.self))
  }

  /// Any number.
  public var double: Double? {
    guard kind == .integer || kind == .real else { return nil }
    return Double(String(decoding: raw, as: UTF8.self))
  }

  public var bool: Bool? { kind == .bool ? node.flag : nil }

  /// Member of an object; the last one where a key is repeated.
  public subscript(key: String) -> JSONValue? {
    guard kind == .object else { return nil }
    var found: JSONValue?
    var at = index + 1
    let end = Int(node.next)
    while at < end {
      let name = JSONValue(document: document, index: at)
      if name.string == key { found = JSONValue(document: document, index: at + 1) }
      at = Int(document.nodes[at + 1].next)
    }
    return found
  }

  /// Elements of an array; empty for anything else.
  public var elements: [JSONValue] {
    guard kind == .array else { return [] }
    var values: [JSONValue] = []
    var at = index + 1
    while at < Int(node.next) {
      values.append(JSONValue(document: document, index: at))
      at = Int(document.nodes[at].next)
    }
    return values
  }

  /// Members of an object in order; empty for anything else.
  public var members: [(key: String, value: JSONValue)] {
    guard kind == .object else { return [] }
    var values: [(key: String, value: JSONValue)] = []
    var at = index + 1
    while at < Int(node.next) {
      let name = JSONValue(document: document, index: at)
      values.append((name.string ?? "", JSONValue(document: document, index: at + 1)))
      at = Int(document.nodes[at + 1].next)
    }
    return values
  }
}
