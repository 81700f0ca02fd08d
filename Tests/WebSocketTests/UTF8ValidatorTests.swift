import TestSupport
import Testing
import WebSocket

@Suite struct UTF8ValidatorTests {
  /// Index of the first byte that was refused, or the count; and whether the text was complete.
  func validate(_ bytes: [UInt8]) -> (accepted: Int, isComplete: Bool) {
    var validator = UTF8Validator()
    for (index, byte) in bytes.enumerated() {
      let isValid = withUnsafeBytes(of: byte) { raw in
        raw.baseAddress.map { validator.consume($0, count: 1) } ?? false
      }
      if !isValid { return (index, false) }
    }
    return (bytes.count, validator.isComplete)
  }

  func isValid(_ bytes: [UInt8]) -> Bool {
    var validator = UTF8Validator()
    return bytes.withUnsafeBytes { raw in
      guard let base = raw.baseAddress else { return true }
      return validator.consume(base, count: raw.count) && validator.isComplete
    }
  }

  @Test func `takes every scalar value and stops inside none`() {
    for value in stride(from: UInt32(0), through: 0x10FFFF, by: 61) {
      guard let scalar = Unicode.Scalar(value) else { continue }
      let bytes = Array(String(Character(scalar)).utf8)
      #expect(isValid(bytes), "U+\(String(value, radix: 16))")
    }
    for value: UInt32 in [0, 0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFFFD, 0xFFFF, 0x10000, 0x10FFFF] {
      let bytes = Unicode.Scalar(value).map { Array(String(Character($0)).utf8) } ?? []
      #expect(!bytes.isEmpty && isValid(bytes))
    }
  }

  @Test func `refuses surrogates, overlong forms and values above the last plane at their second byte`() {
    var hostile: [[UInt8]] = []
    for value: UInt32 in [0xD800, 0xDB7F, 0xDB80, 0xDBFF, 0xDC00, 0xDF80, 0xDFFF] { hostile.append(raw(value, in: 3)) }
    for value: UInt32 in [0x00, 0x2F, 0x7F, 0x7FF] { hostile.append(raw(value, in: 3)) }
    for value: UInt32 in [0x00, 0x2F, 0x7FF, 0xFFFF, 0x11_0000, 0x13_FFFF] { hostile.append(raw(value, in: 4)) }
    for bytes in hostile { #expect(validate(bytes).accepted == 1, "\(bytes)") }
  }

  @Test func `refuses bytes that never occur`() {
    for byte in [0xC0, 0xC1] + Array(UInt8(0xF5)...0xFF) + Array(UInt8(0x80)...0xBF) {
      #expect(validate([byte, 0x80, 0x80, 0x80]).accepted == 0)
    }
  }

  @Test func `refuses a lead byte in place of a continuation`() {
    for lead: [UInt8] in [[0xC3], [0xE2], [0xE2, 0x82], [0xF0], [0xF0, 0x9F], [0xF0, 0x9F, 0x82]] {
      for next: UInt8 in [0x00, 0x41, 0x7F, 0xC0, 0xC3, 0xE2, 0xF0, 0xFF] {
        #expect(validate(lead + [next]).accepted == lead.count)
      }
      let (accepted, isComplete) = validate(lead)
      #expect(accepted == lead.count && !isComplete)
    }
  }

  @Test func `agrees with the standard library on random bytes around long ASCII runs`() {
    var random = SeededGenerator()
    let comment = random.comment
    let pool: [UInt8] = [
      0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC2, 0xDF, 0xE0, 0xE1, 0xED, 0xEF, 0xF0, 0xF3, 0xF4, 0xF5,
    ]
    var validCount = 0
    for _ in 0..<20_000 {
      var bytes = [UInt8](repeating: 0x20, count: Int.random(in: 0...70, using: &random))
      bytes += Bool.random(using: &random) ? random.text(2) : []
      bytes += (0..<Int.random(in: 0...3, using: &random)).compactMap { _ in pool.randomElement(using: &random) }
      bytes += [UInt8](repeating: 0x7A, count: Int.random(in: 0...40, using: &random))
      let expected = String(validating: bytes, as: UTF8.self) != nil
      validCount += expected ? 1 : 0
      #expect(isValid(bytes) == expected, comment)
    }
    #expect(validCount > 1000 && validCount < 19_000, comment)
  }

  /// `value` in the bit pattern of `count` bytes, whether allowed or not.
  private func raw(_ value: UInt32, in count: Int) -> [UInt8] {
    let lead: UInt32 = count == 3 ? 0xE0 : 0xF0
    let shifts = (0..<count).reversed().map { UInt32($0 * 6) }
    return shifts.enumerated().map { index, shift in
      UInt8(index == 0 ? lead | value >> shift : 0x80 | (value >> shift & 0x3F))
    }
  }
}
