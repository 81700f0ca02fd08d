// Lines of a text that comes in pieces. A line inside one piece is handed out where it stands; only one that is cut is
// copied. Memory is bounded by the longest line allowed. Cold path; one thread.

/// Cuts a text into lines, without their LF or CRLF and without a byte order mark at the start.
struct LineSplitter: ~Copyable {
  /// Longer lines are handed out as nil.
  static let lineBytesMax = 4096

  /// Lines handed out so far: the number of the last one, from 1.
  private(set) var number = 0
  private var rest: [UInt8] = []
  private var isOversized = false

  init() {}

  /// Calls `body` for each line that ends in these bytes.
  mutating func read<E: Error>(
    _ bytes: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer?, Int) throws(E) -> Void
  ) throws(E) {
    var start = 0
    while start < bytes.count {
      let tail = bytes[start...]
      guard let end = tail.firstIndex(of: UInt8(ascii: "\n")) else {
        keep(UnsafeRawBufferPointer(rebasing: tail))
        return
      }
      let piece = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
      start = end + 1
      if rest.isEmpty, !isOversized {
        try hand(piece, to: body)
      } else {
        keep(piece)
        try handRest(to: body)
      }
    }
  }

  /// Hands out what has no line end.
  mutating func finish<E: Error>(_ body: (UnsafeRawBufferPointer?, Int) throws(E) -> Void) throws(E) {
    if !rest.isEmpty || isOversized { try handRest(to: body) }
  }

  private mutating func keep(_ piece: UnsafeRawBufferPointer) {
    guard !isOversized, rest.count + piece.count <= Self.lineBytesMax + 2 else {
      isOversized = true
      rest.removeAll(keepingCapacity: true)
      return
    }
    rest.append(contentsOf: piece)
  }

  private mutating func handRest<E: Error>(
    to body: (UnsafeRawBufferPointer?, Int) throws(E) -> Void
  ) throws(E) {
    let line = rest
    rest.removeAll(keepingCapacity: true)
    if isOversized {
      isOversized = false
      number += 1
      return try body(nil, number)
    }
    // A result, because this closure cannot throw a typed error.
    try line.withUnsafeBytes { raw in
      Result { () throws(E) in try hand(raw, to: body) }
    }.get()
  }

  private mutating func hand<E: Error>(
    _ piece: UnsafeRawBufferPointer, to body: (UnsafeRawBufferPointer?, Int) throws(E) -> Void
  ) throws(E) {
    var line = piece
    if number == 0, line.starts(with: [0xEF, 0xBB, 0xBF]) { line = UnsafeRawBufferPointer(rebasing: line[3...]) }
    if line.last == UInt8(ascii: "\r") { line = UnsafeRawBufferPointer(rebasing: line.dropLast()) }
    number += 1
    try body(line.count <= Self.lineBytesMax ? line : nil, number)
  }
}
