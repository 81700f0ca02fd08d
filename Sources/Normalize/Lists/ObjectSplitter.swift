// The objects of a JSON array that comes in pieces, one after the other, so that no document of the whole is ever made.
// An object inside one piece is handed out where it stands; only one that is cut is copied. Memory is bounded by the
// largest object allowed. Only strings and braces are looked at here: whether an object is JSON is its reader's matter.
// Cold path; one thread.

/// Cuts a JSON array into the texts of its objects.
struct ObjectSplitter: ~Copyable {
  /// Larger objects are handed out as nil.
  static let objectBytesMax = 16 << 10

  private enum State { case start, firstOrEnd, element, afterElement, inside, ended }

  /// Objects handed out so far: the number of the last one, from 1.
  private(set) var number = 0
  private var state = State.start
  private var depth = 0
  private var isInString = false
  private var isEscaped = false
  private var rest: [UInt8] = []
  private var isOversized = false
  /// Bytes before the piece at hand.
  private var offset = 0

  init() {}

  /// Calls `body` for each object that ends in these bytes.
  mutating func read(
    _ bytes: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer?, Int) throws(InstrumentListError) -> Void
  ) throws(InstrumentListError) {
    var at = 0
    while at < bytes.count {
      if state == .inside {
        let end = endOfObject(bytes, from: at)
        let piece = UnsafeRawBufferPointer(rebasing: bytes[at..<end])
        at = end
        guard depth == 0 else {
          keep(piece)
          break
        }
        try hand(piece, to: body)
        state = .afterElement
      } else {
        if try !between(bytes[at], at: at) { at += 1 }
      }
    }
    offset += bytes.count
  }

  /// Whether the array has ended; else the text is cut off.
  func finish() throws(InstrumentListError) {
    switch state {
    case .ended: return
    case .start: throw .empty
    default: throw .truncated
    }
  }

  /// Takes a byte outside of objects. True when an object begins with it.
  private mutating func between(_ byte: UInt8, at index: Int) throws(InstrumentListError) -> Bool {
    switch (state, byte) {
    case (_, 0x20), (_, 0x0A), (_, 0x0D), (_, 0x09): break
    case (.start, 0xEF), (.start, 0xBB), (.start, 0xBF): break  // byte order mark
    case (.start, UInt8(ascii: "[")): state = .firstOrEnd
    case (.firstOrEnd, UInt8(ascii: "{")), (.element, UInt8(ascii: "{")):
      state = .inside
      return true
    case (.firstOrEnd, UInt8(ascii: "]")), (.afterElement, UInt8(ascii: "]")): state = .ended
    case (.afterElement, UInt8(ascii: ",")): state = .element
    default: throw .malformedList(offset: offset + index)
    }
    return false
  }

  /// The place behind the object's last brace (`depth` is then 0), or the end of the bytes.
  private mutating func endOfObject(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
    var at = start
    var (depth, isInString, isEscaped) = (depth, isInString, isEscaped)
    defer { (self.depth, self.isInString, self.isEscaped) = (depth, isInString, isEscaped) }
    while at < bytes.count {
      let byte = bytes[at]
      at &+= 1
      if isInString {
        if isEscaped {
          isEscaped = false
        } else if byte == UInt8(ascii: "\\") {
          isEscaped = true
        } else if byte == UInt8(ascii: "\"") {
          isInString = false
        }
      } else if byte == UInt8(ascii: "\"") {
        isInString = true
      } else if byte == UInt8(ascii: "{") {
        depth &+= 1
      } else if byte == UInt8(ascii: "}") {
        depth &-= 1
        if depth == 0 { return at }
      }
    }
    return at
  }

  private mutating func keep(_ piece: UnsafeRawBufferPointer) {
    guard !isOversized, rest.count + piece.count <= Self.objectBytesMax else {
      isOversized = true
      rest.removeAll(keepingCapacity: true)
      return
    }
    rest.append(contentsOf: piece)
  }

  private mutating func hand(
    _ piece: UnsafeRawBufferPointer, to body: (UnsafeRawBufferPointer?, Int) throws(InstrumentListError) -> Void
  ) throws(InstrumentListError) {
    number += 1
    if rest.isEmpty, !isOversized { return try body(piece.count <= Self.objectBytesMax ? piece : nil, number) }
    keep(piece)
    let object = rest
    rest.removeAll(keepingCapacity: true)
    if isOversized {
      isOversized = false
      return try body(nil, number)
    }
    // A result, because this closure cannot throw a typed error.
    try object.withUnsafeBytes { raw in
      Result { () throws(InstrumentListError) in try body(raw, number) }
    }.get()
  }
}
