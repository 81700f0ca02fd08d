// Splits one line of comma-separated text into fields. Cold path: runs while an instrument master is loaded, on the
// thread that loads it. The field table is reused from line to line; plain fields are not copied.

/// A line and where its fields are. Quoted fields (`"a ""b"", c"`) are supported, line breaks inside them are not:
/// a line always ends a row, so that one stray quote cannot swallow the rest of a file.
struct CSVRow: ~Copyable {
  /// More columns than this make a row malformed.
  static let fieldCountMax = 64

  private struct Field {
    var start: Int
    var count: Int
    var hasEscapedQuotes: Bool
  }

  private var line = UnsafeRawBufferPointer(start: nil, count: 0)
  private var fields: [Field] = []

  init() { fields.reserveCapacity(Self.fieldCountMax) }

  /// Fields of the line that was split last.
  var count: Int { fields.count }

  /// False for an open quote, text after a closing quote, and too many fields.
  mutating func split(_ line: UnsafeRawBufferPointer) -> Bool {
    self.line = line
    fields.removeAll(keepingCapacity: true)
    var position = 0
    while fields.count < Self.fieldCountMax {
      let isQuoted = position < line.count && line[position] == UInt8(ascii: "\"")
      guard let end = isQuoted ? quoted(from: position) : plain(from: position) else { return false }
      if end == line.count { return true }
      guard line[end] == UInt8(ascii: ",") else { return false }
      position = end + 1
    }
    return false
  }

  /// Bytes of a field without its quotes; doubled quotes inside are still doubled. Valid while the line is.
  func bytes(_ index: Int) -> UnsafeRawBufferPointer {
    let field = fields[index]
    return UnsafeRawBufferPointer(rebasing: line[field.start..<field.start + field.count])
  }

  /// Text of a field.
  func text(_ index: Int) -> String {
    let text = String(decoding: bytes(index), as: UTF8.self)
    guard fields[index].hasEscapedQuotes else { return text }
    var unescaped = ""
    var isSecondQuote = false
    for character in text.unicodeScalars {
      let isQuote = character == "\""
      if isQuote, isSecondQuote {
        isSecondQuote = false
        continue
      }
      isSecondQuote = isQuote
      unescaped.unicodeScalars.append(character)
    }
    return unescaped
  }

  private mutating func plain(from start: Int) -> Int? {
    var end = start
    while end < line.count, line[end] != UInt8(ascii: ",") { end += 1 }
    fields.append(Field(start: start, count: end - start, hasEscapedQuotes: false))
    return end
  }

  /// Answers the position after the closing quote.
  private mutating func quoted(from start: Int) -> Int? {
    var position = start + 1
    var hasEscapedQuotes = false
    while position < line.count {
      if line[position] == UInt8(ascii: "\"") {
        let next = position + 1
        guard next < line.count, line[next] == UInt8(ascii: "\"") else {
          fields.append(Field(start: start + 1, count: position - start - 1, hasEscapedQuotes: hasEscapedQuotes))
          return next
        }
        hasEscapedQuotes = true
        position = next
      }
      position += 1
    }
    return nil
  }
}
