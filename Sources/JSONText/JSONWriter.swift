/// Builds one JSON text of control messages, commas placed by itself. Allocates; never used per tick. Text beyond
/// ASCII is escaped, so that the result is valid whatever a client's encoding assumptions.
public struct JSONWriter {
  public private(set) var bytes: [UInt8] = []
  private var needsComma = false

  public init() {}

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
  public mutating func raw(_ json: some Sequence<UInt8>) {
    separate()
    bytes.append(contentsOf: json)
  }

  public mutating func raw(_ json: StaticString) {
    separate()
    bytes.append(contentsOf: UnsafeBufferPointer(start: json.utf8Start, count: json.utf8CodeUnitCount))
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
    bytes.append(UInt8(ascii: "\""))
  }
}
