import JSONText
import Testing

@Suite struct DecimalTextTests {
  private func text(_ write: (UnsafeMutableRawPointer) -> Int) -> String {
    withUnsafeTemporaryAllocation(byteCount: 64, alignment: 8) { scratch in
      let count = write(scratch.baseAddress!)
      return String(decoding: UnsafeRawBufferPointer(rebasing: scratch[0..<count]), as: UTF8.self)
    }
  }

  @Test func `integers are written as Swift writes them`() {
    var generator = SystemRandomNumberGenerator()
    var values: [Int64] = [0, 1, 9, 10, 99_999_999, 100_000_000, .max, .min, -1, 10_000_000_000_000_000]
    for bits in 0..<63 { values += [1 << bits, (1 << bits) - 1, -(1 << bits)] }
    for _ in 0..<10_000 { values.append(Int64.random(in: .min ... .max, using: &generator) >> Int.random(in: 0..<63)) }
    for value in values {
      #expect(text { DecimalText.write(value, to: $0) } == String(value))
    }
    #expect(text { DecimalText.write(UInt64.max, to: $0) } == String(UInt64.max))
  }

  @Test(arguments: [
    (0, "0.0"), (151_140_000_000, "1511.4"), (2_451_000_000_000, "24510.0"), (7_866_909_210, "78.6690921"),
    (1, "0.00000001"), (-5_000_000, "-0.05"), (9_223_372_036_854_775_807, "92233720368.54775807"),
  ])
  func `fixed point is the shortest decimal with one place at least`(units: Int, expected: String) {
    #expect(text { DecimalText.writeFixed8(Int64(units), to: $0) } == expected)
  }
}
