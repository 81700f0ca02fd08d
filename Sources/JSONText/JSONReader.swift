// Reads JSON texts (RFC 8259), one after the other, into nodes that point into the text: one pass, no recursion, no
// stack (an open container's node holds the way back to its parent). For control messages of clients and brokers.
// Owned by one thread. Allocates only while a text has more values than any before it; the memory is kept.

import Glibc

/// One value of a text: where it stands and what it is.
@usableFromInline
struct JSONNode: BitwiseCopyable, Sendable {
  @usableFromInline var start: UInt32
  @usableFromInline var end: UInt32
  /// Index of the first node after this value and all it contains. While a container is open: its parent.
  @usableFromInline var next: UInt32
  @usableFromInline var kind: JSONKind
  /// A string with backslashes, or the value of a bool.
  @usableFromInline var flag: Bool
}

/// Memory for the nodes of one text at a time, and the machine that fills it.
public struct JSONReader: ~Copyable {
  private enum Expecting { case value, valueOrEnd, keyOrEnd, key, separator }

  private static let capacityMin = 64
  /// Stands for the parent of the root.
  private static let none = UInt32.max

  private let limits: JSONLimits
  /// Nodes whose memory is kept for the next text; what a larger text needed is given back.
  private let nodesRetainedMax: Int
  private var nodes: UnsafeMutablePointer<JSONNode>
  /// Never above `limits.nodesMax`, so that the limit is looked at only when the memory is full.
  private var capacity: Int
  private(set) var count = 0

  private var text = UnsafeRawBufferPointer(start: nil, count: 0)
  private var at = 0
  private var container = none
  private var depth = 0

  public init(limits: JSONLimits = JSONLimits(), nodesRetainedMax: Int = 65_536) {
    precondition(limits.nodesMax > 0)
    self.limits = limits
    self.nodesRetainedMax = nodesRetainedMax
    capacity = min(Self.capacityMin, limits.nodesMax)
    nodes = Self.resized(nil, to: capacity)
  }

  deinit { free(nodes) }

  /// Reads a text.
  /// - Returns: its root, valid until the next call and as long as the text's memory and the reader stay.
  public mutating func read(_ text: UnsafeRawBufferPointer) throws(JSONError) -> JSONView {
    if capacity > max(nodesRetainedMax, Self.capacityMin) {
      capacity = Self.capacityMin
      nodes = Self.resized(nodes, to: capacity)
    }
    self.text = text
    count = 0
    at = 0
    container = Self.none
    depth = 0
    guard text.count < Int(Int32.max) else { throw .tooManyValues }
    guard Self.isUTF8(text) else { throw .notUTF8 }
    try parse()
    guard let base = text.baseAddress else { throw .syntax(offset: 0) }
    return JSONView(text: base, nodes: UnsafePointer(nodes), index: 0)
  }

  /// The nodes of the last text, for whoever wants to keep them.
  var nodesRead: UnsafeBufferPointer<JSONNode> { UnsafeBufferPointer(start: nodes, count: count) }

  private static func isUTF8(_ text: UnsafeRawBufferPointer) -> Bool {
    var place = 0
    while place &+ 8 <= text.count {
      if text.loadUnaligned(fromByteOffset: place, as: UInt64.self) & 0x8080_8080_8080_8080 != 0 { break }
      place &+= 8
    }
    while place < text.count, text[place] < 0x80 { place &+= 1 }
    return place == text.count || String(validating: text[place...], as: UTF8.self) != nil
  }

  // MARK: Structure

  private mutating func parse() throws(JSONError) {
    if text.starts(with: [0xEF, 0xBB, 0xBF]) { at = 3 }
    var expecting = Expecting.value
    repeat {
      skipBlanks()
      guard at < text.count else { throw .syntax(offset: at) }
      expecting = try step(expecting)
    } while !(depth == 0 && expecting == .separator)
    skipBlanks()
    guard at == text.count else { throw .syntax(offset: at) }
  }

  private mutating func step(_ expecting: Expecting) throws(JSONError) -> Expecting {
    let byte = text[at]
    switch expecting {
    case .separator:
      guard byte == UInt8(ascii: ",") else { return try close(byte) }
      at &+= 1
      return nodes[Int(container)].kind == .object ? .key : .value
    case .keyOrEnd where byte == UInt8(ascii: "}"), .valueOrEnd where byte == UInt8(ascii: "]"):
      return try close(byte)
    case .key, .keyOrEnd:
      guard byte == UInt8(ascii: "\"") else { throw .syntax(offset: at) }
      try string()
      skipBlanks()
      guard at < text.count, text[at] == UInt8(ascii: ":") else { throw .syntax(offset: at) }
      at &+= 1
      return .value
    case .value, .valueOrEnd:
      return try value(byte)
    }
  }

  private mutating func open(_ kind: JSONKind) throws(JSONError) {
    guard depth < limits.depthMax else { throw .tooDeep }
    let index = UInt32(truncatingIfNeeded: count)
    try add(kind, flag: false, from: at)
    nodes[Int(index)].next = container
    container = index
    depth &+= 1
    at &+= 1
  }

  private mutating func close(_ byte: UInt8) throws(JSONError) -> Expecting {
    let node = nodes + Int(container)
    let end: UInt8 = node.pointee.kind == .object ? UInt8(ascii: "}") : UInt8(ascii: "]")
    guard byte == end else { throw .syntax(offset: at) }
    at &+= 1
    container = node.pointee.next
    depth &-= 1
    node.pointee.end = UInt32(truncatingIfNeeded: at)
    node.pointee.next = UInt32(truncatingIfNeeded: count)
    return .separator
  }

  @inline(__always)
  private mutating func add(_ kind: JSONKind, flag: Bool, from start: Int) throws(JSONError) {
    if count == capacity { try grow() }
    nodes[count] = JSONNode(
      start: UInt32(truncatingIfNeeded: start), end: UInt32(truncatingIfNeeded: at),
      next: UInt32(truncatingIfNeeded: count &+ 1), kind: kind, flag: flag)
    count &+= 1
  }

  @inline(never)
  private mutating func grow() throws(JSONError) {
    guard count < limits.nodesMax else { throw .tooManyValues }
    capacity = min(2 * capacity, limits.nodesMax)
    nodes = Self.resized(nodes, to: capacity)
  }

  private static func resized(
    _ nodes: UnsafeMutablePointer<JSONNode>?, to capacity: Int
  ) -> UnsafeMutablePointer<JSONNode> {
    guard let memory = realloc(nodes, capacity * MemoryLayout<JSONNode>.stride) else {
      fatalError("no memory for a JSON text")
    }
    return memory.bindMemory(to: JSONNode.self, capacity: capacity)
  }

  // MARK: Values

  private mutating func value(_ byte: UInt8) throws(JSONError) -> Expecting {
    switch byte {
    case UInt8(ascii: "{"):
      try open(.object)
      return .keyOrEnd
    case UInt8(ascii: "["):
      try open(.array)
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

  private mutating func word(_ word: StaticString, _ kind: JSONKind, flag: Bool) throws(JSONError) {
    let start = at
    let length = word.utf8CodeUnitCount
    guard text.count - at >= length else { throw .syntax(offset: at) }
    for index in 0..<length where text[at + index] != word.utf8Start[index] { throw .syntax(offset: at + index) }
    at += length
    try add(kind, flag: flag, from: start)
  }

  private mutating func string() throws(JSONError) {
    let start = at
    var hasEscapes = false
    at &+= 1
    while true {
      at = JSONBytes.endOfPlainText(text, from: at)
      guard at < text.count else { throw .syntax(offset: at) }
      switch text[at] {
      case UInt8(ascii: "\""):
        at &+= 1
        return try add(.string, flag: hasEscapes, from: start)
      case UInt8(ascii: "\\"):
        hasEscapes = true
        try escape()
      default: throw .syntax(offset: at)
      }
    }
  }

  private mutating func escape() throws(JSONError) {
    guard at + 1 < text.count else { throw .syntax(offset: at) }
    switch text[at + 1] {
    case UInt8(ascii: "u"):
      guard JSONBytes.hex(text, at: at + 2) != nil else { throw .syntax(offset: at) }
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
    while at < text.count, text[at] &- UInt8(ascii: "0") < 10 { at &+= 1 }
    return at - start
  }

  @inline(__always)
  private mutating func skipBlanks() {
    while at < text.count, JSONBytes.isBlank(text[at]) { at &+= 1 }
  }
}
