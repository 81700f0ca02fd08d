// Base64 (RFC 4648 §4) for the two short values of the opening handshake.
// Cold path; any thread; allocates.

/// Base64 with padding.
package enum Base64 {
  private static let alphabet = [UInt8]("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
  private static let padding = UInt8(ascii: "=")

  /// `bytes` as text.
  package static func encode(_ bytes: [UInt8]) -> String {
    var text = [UInt8]()
    text.reserveCapacity((bytes.count + 2) / 3 * 4)
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let group = bytes[start..<min(start + 3, bytes.count)]
      let bits = group.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - group.count))
      for place in 0..<4 {
        text.append(place <= group.count ? alphabet[bits >> (18 - 6 * place) & 0x3F] : padding)
      }
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// How many bytes `text` stands for, or nil when it is not base64. Unused low bits of the last character are not
  /// looked at, since some encoders leave them set.
  package static func decodedCount(_ text: String) -> Int? {
    let characters = Array(text.utf8)
    guard characters.count % 4 == 0 else { return nil }
    let paddingCount = characters.suffix(2).reversed().prefix { $0 == padding }.count
    guard characters.dropLast(paddingCount).allSatisfy(alphabet.contains) else { return nil }
    return characters.count / 4 * 3 - paddingCount
  }
}
