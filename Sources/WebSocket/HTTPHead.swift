// The head of an HTTP/1.1 message: start line and fields, collected as bytes arrive, read strictly (RFC 9112 §2-§5).
// Strict because a gateway may sit behind a proxy that reads leniently, and because nobody who speaks WebSocket needs
// lenience: no bare CR or LF, no folded lines, no blank before a colon, no control characters, every size bounded.
// Cold path; any thread; allocates.

/// Bounds of the head of a handshake message.
public struct HandshakeLimits: Sendable {
  /// Whole head including the empty line.
  public var headBytesMax = 8192
  /// Request or status line without its CRLF.
  public var startLineBytesMax = 2048
  /// Number of header fields.
  public var fieldCountMax = 64

  public init() {}
}

/// Collects the head of a message byte by byte.
struct HTTPHead {
  /// Where the collecting stands.
  enum Progress: Equatable {
    case needMore
    /// `consumed` bytes of the piece handed over last belong to the head.
    case complete(consumed: Int)
    case malformed
    case tooLarge
  }

  private static let carriageReturn = UInt8(ascii: "\r")
  private static let lineFeed = UInt8(ascii: "\n")
  private static let tab = UInt8(ascii: "\t")
  private static let delete: UInt8 = 0x7F

  private let limits: HandshakeLimits
  private var lines: [[UInt8]] = []
  private var line: [UInt8] = []
  private var hasCarriageReturn = false
  private var bytesTaken = 0

  init(limits: HandshakeLimits) { self.limits = limits }

  /// The start line, once there.
  var startLine: [UInt8] { lines.first ?? [] }

  /// Takes bytes up to the end of the head.
  mutating func receive(_ bytes: UnsafeRawBufferPointer) -> Progress {
    for (index, byte) in bytes.enumerated() {
      guard bytesTaken < limits.headBytesMax else { return .tooLarge }
      bytesTaken += 1
      if hasCarriageReturn {
        guard byte == Self.lineFeed else { return .malformed }
        hasCarriageReturn = false
        if line.isEmpty { return lines.isEmpty ? .malformed : .complete(consumed: index + 1) }
        guard lines.count <= limits.fieldCountMax else { return .tooLarge }
        lines.append(line)
        line.removeAll(keepingCapacity: true)
      } else if byte == Self.carriageReturn {
        hasCarriageReturn = true
      } else {
        guard byte >= 0x20 || byte == Self.tab, byte != Self.delete else { return .malformed }
        guard !lines.isEmpty || line.count < limits.startLineBytesMax else { return .tooLarge }
        line.append(byte)
      }
    }
    return .needMore
  }

  /// The header fields, or nil when one is malformed.
  func fields() -> HTTPFields? {
    var fields = HTTPFields()
    for line in lines.dropFirst() {
      guard let colon = line.firstIndex(of: UInt8(ascii: ":")), HTTPText.isToken(line[..<colon]) else { return nil }
      fields.append(name: HTTPText.lowercased(line[..<colon]), value: HTTPText.trimmed(line[(colon + 1)...]))
    }
    return fields
  }
}

/// Header fields with lower-case names, in order of arrival.
struct HTTPFields {
  private var entries: [(name: String, value: String)] = []

  mutating func append(name: String, value: String) { entries.append((name, value)) }

  /// Every value of a field.
  func values(_ name: String) -> [String] { entries.filter { $0.name == name }.map(\.value) }

  /// The members of a field that is a comma-separated list, over all its lines.
  func members(_ name: String) -> [String] {
    values(name).flatMap { $0.split(separator: ",") }.map { HTTPText.trimmed(Array($0.utf8)[...]) }
      .filter { !$0.isEmpty }
  }

  /// Whether a list field holds `token`, in any case.
  func holds(_ token: String, in name: String) -> Bool {
    members(name).contains { $0.lowercased() == token }
  }
}

/// Character classes of HTTP.
enum HTTPText {
  private static let tokenPunctuation = [UInt8]("!#$%&'*+-.^_`|~".utf8)
  private static let hostPunctuation = [UInt8]("-._:[]".utf8)

  /// RFC 9110 §5.6.2: what names, methods and list members are made of.
  static func isToken(_ bytes: some Collection<UInt8>) -> Bool {
    !bytes.isEmpty && bytes.allSatisfy { isDigit($0) || isLetter($0) || tokenPunctuation.contains($0) }
  }

  /// Whether `bytes` may stand as a field value: no control character but tab.
  static func isFieldValue(_ bytes: some Collection<UInt8>) -> Bool {
    bytes.allSatisfy { ($0 >= 0x20 && $0 != 0x7F) || $0 == UInt8(ascii: "\t") }
  }

  /// Whether `bytes` may stand in a request line as the target.
  static func isTarget(_ bytes: some Collection<UInt8>) -> Bool {
    !bytes.isEmpty && bytes.allSatisfy { $0 > 0x20 && $0 < 0x7F }
  }

  /// Whether `bytes` may stand as a host: a name, an address, an IPv6 address in brackets.
  static func isHost(_ bytes: some Collection<UInt8>) -> Bool {
    !bytes.isEmpty && bytes.allSatisfy { isDigit($0) || isLetter($0) || hostPunctuation.contains($0) }
  }

  static func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }

  static func lowercased(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self).lowercased() }

  /// Text without blanks and tabs around it.
  static func trimmed(_ bytes: ArraySlice<UInt8>) -> String {
    let isBlank = { (byte: UInt8) in byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
    let start = bytes.drop(while: isBlank)
    guard let last = start.lastIndex(where: { !isBlank($0) }) else { return "" }
    return String(decoding: start[...last], as: UTF8.self)
  }

  private static func isLetter(_ byte: UInt8) -> Bool {
    let upper = byte & 0xDF
    return upper >= UInt8(ascii: "A") && upper <= UInt8(ascii: "Z")
  }
}
