// Base32 (RFC 4648 §6) as TOTP secrets come: with or without padding, in any case, in groups with blanks. Pure.

/// Decoder of the base32 alphabet.
public enum Base32 {
  /// Longest text that is taken.
  public static let charactersMax = 1024

  /// Nil for a character that is not of the alphabet, for padding inside, for a length that no bytes have, and when the
  /// bits left over are not zero.
  public static func decode(_ text: some StringProtocol) -> [UInt8]? {
    guard text.utf8.count <= charactersMax else { return nil }
    var bytes: [UInt8] = []
    var bits: UInt32 = 0
    var bitCount = 0
    var count = 0
    var isPadded = false
    for character in text.utf8 {
      if isBlank(character) { continue }
      if character == UInt8(ascii: "=") {
        isPadded = true
        continue
      }
      guard !isPadded, let value = value(of: character) else { return nil }
      count += 1
      bits = bits << 5 | value
      bitCount += 5
      if bitCount >= 8 {
        bitCount -= 8
        bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(bitCount)))
        bits &= (1 << UInt32(bitCount)) - 1
      }
    }
    // 1, 3 and 6 characters over a group of 8 hold no whole number of bytes.
    return [1, 3, 6].contains(count % 8) || bits != 0 ? nil : bytes
  }

  private static func isBlank(_ character: UInt8) -> Bool {
    character == 0x20 || (0x09...0x0D).contains(character) || character == UInt8(ascii: "-")
  }

  private static func value(of character: UInt8) -> UInt32? {
    switch character {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(character - UInt8(ascii: "A"))
    case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(character - UInt8(ascii: "a"))
    case UInt8(ascii: "2")...UInt8(ascii: "7"): UInt32(character - UInt8(ascii: "2")) + 26
    default: nil
    }
  }
}
