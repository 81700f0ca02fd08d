// Reads `Sec-WebSocket-Extensions` (RFC 6455 §9.1): extensions with parameters, in order of preference. One pass, no
// recursion; the size of the handshake's head bounds it.
// Pure; any thread. Cold path; allocates.

/// What one or more lines of the field name.
struct ExtensionList: Sendable {
  struct Entry: Sendable {
    let name: String
    /// In order; names may repeat. A value has lost its quotes.
    var parameters: [(name: String, value: String?)] = []
  }

  private(set) var entries: [Entry] = []

  /// Nil when a line is malformed, for which either side fails the handshake. Empty list members are skipped.
  init?(lines: [String]) {
    for line in lines {
      var reader = Reader(bytes: Array(line.utf8))
      while true {
        while reader.take(UInt8(ascii: ",")) {}
        if reader.isAtEnd { break }
        guard let entry = reader.entry(), reader.isAtEnd || reader.take(UInt8(ascii: ",")) else { return nil }
        entries.append(entry)
      }
    }
  }

  /// A place in a line. Blanks between the parts are skipped, as the grammar of that RFC's time allows everywhere.
  private struct Reader {
    let bytes: [UInt8]
    private var position = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool {
      mutating get {
        skipBlanks()
        return position == bytes.count
      }
    }

    /// Takes `byte` if it comes next.
    mutating func take(_ byte: UInt8) -> Bool {
      guard !isAtEnd, bytes[position] == byte else { return false }
      position += 1
      return true
    }

    mutating func entry() -> Entry? {
      guard let name = token() else { return nil }
      var entry = Entry(name: name)
      while take(UInt8(ascii: ";")) {
        guard let parameter = token() else { return nil }
        guard take(UInt8(ascii: "=")) else {
          entry.parameters.append((parameter, nil))
          continue
        }
        guard let value = take(UInt8(ascii: "\"")) ? quoted() : token() else { return nil }
        entry.parameters.append((parameter, value))
      }
      return entry
    }

    private mutating func token() -> String? {
      skipBlanks()
      let end = bytes[position...].firstIndex { !HTTPText.isToken(CollectionOfOne($0)) } ?? bytes.count
      guard end > position else { return nil }
      defer { position = end }
      return String(decoding: bytes[position..<end], as: UTF8.self)
    }

    /// The rest of a quoted string. Without its quotes and escapes it must be a token.
    private mutating func quoted() -> String? {
      var value: [UInt8] = []
      while position < bytes.count {
        var byte = bytes[position]
        position += 1
        if byte == UInt8(ascii: "\"") {
          return HTTPText.isToken(value) ? String(decoding: value, as: UTF8.self) : nil
        }
        if byte == UInt8(ascii: "\\") {
          guard position < bytes.count else { return nil }
          byte = bytes[position]
          position += 1
        }
        value.append(byte)
      }
      return nil
    }

    private mutating func skipBlanks() {
      while position < bytes.count, bytes[position] == UInt8(ascii: " ") || bytes[position] == UInt8(ascii: "\t") {
        position += 1
      }
    }
  }
}
