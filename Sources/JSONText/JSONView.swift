// A value inside a text that a `JSONReader` has read: three words, no ownership, nothing copied. It is valid until the
// reader reads again or the text's memory goes. The thread of the reader. Only `string` and `double` may allocate.

import Glibc

public struct JSONView: BitwiseCopyable {
  @usableFromInline let text: UnsafeRawPointer
  @usableFromInline let nodes: UnsafePointer<JSONNode>
  @usableFromInline let index: Int

  @inlinable init(text: UnsafeRawPointer, nodes: UnsafePointer<JSONNode>, index: Int) {
    self.text = text
    self.nodes = nodes
    self.index = index
  }

  @inlinable var node: JSONNode { nodes[index] }

  @inlinable func at(_ index: Int) -> JSONView { JSONView(text: text, nodes: nodes, index: index) }

  @inlinable public var kind: JSONKind { node.kind }
  @inlinable public var isNull: Bool { kind == .null }

  /// The text of the value as it was written.
  @inlinable public var raw: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: text + Int(node.start), count: Int(node.end &- node.start))
  }

  /// The bytes of a string without its quotes, escapes as they were written; nil unless a string.
  @inlinable var body: UnsafeRawBufferPointer? {
    guard kind == .string else { return nil }
    return UnsafeRawBufferPointer(start: text + Int(node.start) + 1, count: Int(node.end &- node.start) - 2)
  }

  /// The bytes of a string that was written without escapes, nil for anything else.
  @inlinable public var plainBytes: UnsafeRawBufferPointer? { node.flag ? nil : body }

  /// Nil unless a string.
  public var string: String? {
    if let plainBytes { return String(decoding: plainBytes, as: UTF8.self) }
    return body.map { JSONBytes.unescaped($0) }
  }

  /// The first `scalarsMax` Unicode scalars of a string, at no more cost than that; nil unless a string.
  public func string(scalarsMax: Int) -> String? { body.map { JSONBytes.unescaped($0, scalarsMax: scalarsMax) } }

  /// Whether the value is a string with this content.
  @inlinable public func isString(_ content: StaticString) -> Bool {
    let count = content.utf8CodeUnitCount
    // Of a string with escapes no more is resolved than can be equal.
    guard let plainBytes, let base = plainBytes.baseAddress else {
      return string(scalarsMax: count + 1) == content.description
    }
    return plainBytes.count == count && memcmp(base, content.utf8Start, count) == 0
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

  /// An array without elements or an object without members; true for anything else as well.
  @inlinable public var isEmpty: Bool { Int(node.next) == index + 1 }

  /// Elements of an array; none for anything else.
  @inlinable public var elements: Elements {
    let isArray = kind == .array
    return Elements(upcoming: at(index + 1), end: isArray ? Int(node.next) : index + 1)
  }

  /// Members of an object in order; none for anything else.
  @inlinable public var members: Members {
    let isObject = kind == .object
    return Members(upcoming: at(index + 1), end: isObject ? Int(node.next) : index + 1)
  }

  /// Member of an object; the last one where a key is repeated.
  public subscript(key: String) -> JSONView? {
    var found: JSONView?
    for (name, value) in members where name.string == key { found = value }
    return found
  }

  public struct Elements: Sequence, IteratorProtocol, BitwiseCopyable {
    @usableFromInline var upcoming: JSONView
    @usableFromInline let end: Int

    @inlinable init(upcoming: JSONView, end: Int) {
      self.upcoming = upcoming
      self.end = end
    }

    @inlinable public mutating func next() -> JSONView? {
      guard upcoming.index < end else { return nil }
      defer { upcoming = upcoming.at(Int(upcoming.node.next)) }
      return upcoming
    }
  }

  public struct Members: Sequence, IteratorProtocol, BitwiseCopyable {
    @usableFromInline var upcoming: JSONView
    @usableFromInline let end: Int

    @inlinable init(upcoming: JSONView, end: Int) {
      self.upcoming = upcoming
      self.end = end
    }

    @inlinable public mutating func next() -> (key: JSONView, value: JSONView)? {
      guard upcoming.index < end else { return nil }
      let value = upcoming.at(upcoming.index + 1)
      defer { upcoming = upcoming.at(Int(value.node.next)) }
      return (upcoming, value)
    }
  }
}
