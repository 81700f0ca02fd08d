/// Builds one JSON text of control messages, commas placed by itself. Allocates; never used per tick. Text beyond
/// ASCII is escaped, so that the result is valid whatever a client's encoding assumptions.
public struct JSONWriter {
  public private(set) var bytes: [UInt8] = []
  private var needsComma = false

  /// - Parameter capacity: bytes to make room for at once.
  public init(capacity: Int = 0) { bytes.reserveCapacity(capacity) }

  public mutating func beginObject() { open(UInt8(ascii: "{")) }
  public mutating func endObject() { close(UInt8(ascii: "}")) }
  public mutating func beginArray() { open(UInt8(ascii: "[")) }
  public mutating func endArray() { close(UInt8(ascii: "]")) }

  public mutating func key(_ name: String) {
    separate()
    quote(name)
    bytes.append(UInt8(ascii: ":"))
    needsComma = false
  }

  public mutating func value(_ text: String) {
    separate()
    quote(text)
  }

  public mutating func value(_ number: Int64) {
    separate()
    bytes.append(contentsOf: String(number).utf8)
  }

  public mutating func value(_ number: Int) { value(Int64(number)) }

  public mutating func value(_ flag: Bool) { raw(flag ? "true" : "false") }

  /// A number in units of 1e-8.
  public mutating func fixed8(_ number: Int64) {
    separate()
    withUnsafeTemporaryAllocation(byteCount: DecimalText.bytesMax + 8, alignment: 8) { scratch in
      let count = DecimalText.writeFixed8(number, to: scratch.baseAddress!)
      bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: scratch[0..<count]))
    }
  }

  /// A value that is JSON already, e.g. one that is echoed.
  public mutating func raw(_ json: UnsafeRawBufferPointer) {
    separate()
    bytes.append(contentsOf: json)
  }

  public mutating func raw(_ json: [UInt8]) {
    separate()
    bytes.append(contentsOf: json)
  }

  public mutating func raw(_ json: StaticString) {
    separate()
    bytes.append(contentsOf: UnsafeBufferPointer(start: json.utf8Start, count: json.utf8CodeUnitCount))
  }

  /// Appends a piece of JSON as it is: whoever uses this places its commas. What follows by other means gets one.
  public mutating func verbatim(_ json: UnsafeRawBufferPointer) {
    bytes.append(contentsOf: json)
    needsComma = true
  }

  public mutating func verbatim(_ json: [UInt8]) {
    bytes.append(contentsOf: json)
    needsComma = true
  }

  public mutating func verbatim(_ json: StaticString) {
    bytes.append(contentsOf: UnsafeBufferPointer(start: json.utf8Start, count: json.utf8CodeUnitCount))
    needsComma = true
  }

  public mutating func member(_ name: String, _ text: String) {
    key(name)
    value(text)
  }

  public mutating func member(_ name: String, _ number: Int64) {
    key(name)
    value(number)
  }

  private mutating func open(_ byte: UInt8) {
    separate()
    bytes.append(byte)
    needsComma = false
  }

  private mutating func close(_ byte: UInt8) {
    bytes.append(byte)
    needsComma = true
  }

  private mutating func separate() {
    if needsComma { bytes.append(UInt8(ascii: ",")) }
    needsComma = true
  }

  private mutating func quote(_ text: String) {
    JSONWriter.quote(text, into: &bytes)
  }

  /// Appends `text` as a JSON string, quotes included, ASCII only.
  public static func quote(_ text: String, into bytes: inout [UInt8]) {
    bytes.append(UInt8(ascii: "\""))
    escape(text, into: &bytes)
    bytes.append(UInt8(ascii: "\""))
  }

  /// Whether a byte stands for itself inside a JSON string of ours.
  public static func isPlain(_ byte: UInt8) -> Bool {
    byte >= 0x20 && byte < 0x7F && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
  }

  /// Appends what stands between the quotes of `text` as a JSON string, ASCII only.
  public static func escape(_ text: String, into bytes: inout [UInt8]) {
    let isPlain = text.utf8.withContiguousStorageIfAvailable { utf8 in
      guard utf8.allSatisfy(JSONWriter.isPlain) else { return false }
      bytes.append(contentsOf: utf8)
      return true
    }
    if isPlain == true { return }
    for unit in text.utf16 {
      switch unit {
      case 0x22, 0x5C:
        bytes.append(UInt8(ascii: "\\"))
        bytes.append(UInt8(truncatingIfNeeded: unit))
      case 0x20..<0x7F: bytes.append(UInt8(truncatingIfNeeded: unit))
      case 0x0A: bytes.append(contentsOf: "\\n".utf8)
      case 0x0D: bytes.append(contentsOf: "\\r".utf8)
      case 0x09: bytes.append(contentsOf: "\\t".utf8)
      default:
        let digits = String(unit, radix: 16)
        bytes.append(contentsOf: ("\\u" + String(repeating: "0", count: 4 - digits.count) + digits).utf8)
      }
    }
  }
}
