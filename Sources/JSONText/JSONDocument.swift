// A JSON text (RFC 8259) that owns its bytes, with values that can be kept, told apart as they were written (`1` and
// `1.0` are different here) and echoed byte by byte. For control messages of clients and brokers: it allocates, and is
// never used per tick. Any thread. Hostile input is bounded by `JSONLimits`. `JSONReader` is the way without copies.

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

public enum JSONKind: UInt8, Sendable, BitwiseCopyable {
  case object, array, string
  /// A number written without fraction and exponent.
  case integer
  /// A number written with fraction or exponent.
  case real
  case bool, null
}

/// One parsed text. A value type; `JSONValue`s keep it alive.
public struct JSONDocument: Sendable {
  private let bytes: [UInt8]
  private let nodes: [JSONNode]

  public init(_ text: UnsafeRawBufferPointer, limits: JSONLimits = JSONLimits()) throws(JSONError) {
    var reader = JSONReader(limits: limits)
    _ = try reader.read(text)
    bytes = Array(text)
    nodes = Array(reader.nodesRead)
  }

  public init(_ text: [UInt8], limits: JSONLimits = JSONLimits()) throws(JSONError) {
    let read = text.withUnsafeBytes { text in
      Result { () throws(JSONError) in try JSONDocument(text, limits: limits) }
    }
    self = try read.get()
  }

  public init(_ text: String, limits: JSONLimits = JSONLimits()) throws(JSONError) {
    try self.init(Array(text.utf8), limits: limits)
  }

  public var root: JSONValue { JSONValue(document: self, index: 0) }

  /// The value at `index` without ownership, for as long as the call lasts.
  fileprivate func withView<Result>(_ index: Int, _ body: (JSONView) -> Result) -> Result {
    bytes.withUnsafeBytes { bytes in
      nodes.withUnsafeBufferPointer { nodes in
        // A parsed text has at least one byte and one node.
        body(
          JSONView(
            text: bytes.baseAddress.unsafelyUnwrapped, nodes: nodes.baseAddress.unsafelyUnwrapped, index: index))
      }
    }
  }
}

/// A value inside a document.
public struct JSONValue: Sendable {
  fileprivate let document: JSONDocument
  fileprivate let index: Int

  private func view<Result>(_ body: (JSONView) -> Result) -> Result { document.withView(index, body) }

  public var kind: JSONKind { view { $0.kind } }
  public var isNull: Bool { kind == .null }

  /// The text of the value as it was written.
  public var raw: [UInt8] { view { Array($0.raw) } }

  /// Nil unless a string.
  public var string: String? { view { $0.string } }

  /// Nil unless written as an integer that fits.
  public var integer: Int64? { view { $0.integer } }

  /// Any number.
  public var double: Double? { view { $0.double } }

  public var bool: Bool? { view { $0.bool } }

  /// Member of an object; the last one where a key is repeated.
  public subscript(key: String) -> JSONValue? {
    view { $0[key]?.index }.map { JSONValue(document: document, index: $0) }
  }

  /// Elements of an array; empty for anything else.
  public var elements: [JSONValue] {
    view { view in view.elements.map { JSONValue(document: document, index: $0.index) } }
  }

  /// Members of an object in order; empty for anything else.
  public var members: [(key: String, value: JSONValue)] {
    view { view in
      view.members.map { ($0.key.string ?? "", JSONValue(document: document, index: $0.value.index)) }
    }
  }
}
