// float32 prices against the standard library's shortest decimal text, through the smallest packet that carries one.

import Market
import Normalize
import TestSupport
import Testing

@Suite struct FloatPriceTests {
  /// The price that a decoder makes of a float32; nil when it refuses.
  private struct Reader: ~Copyable {
    private var decoder = DhanDecoder(
      tokens: TokenMap([FeedListing(instrument: 0, segment: 1, token: "1333")], withSegment: true), feed: 0)
    private var packet = DhanPacket(code: 2).bytes
    private var tick = Tick()
    private let book: UnsafeMutablePointer<DeepBook>

    init() {
      book = .allocate(capacity: 1)
      book.initialize(to: DeepBook())
    }

    deinit { book.deallocate() }

    mutating func price(_ value: Float) -> Int64? {
      for byte in 0..<4 { packet[8 + byte] = UInt8(truncatingIfNeeded: value.bitPattern >> UInt32(byte * 8)) }
      let step = packet.withUnsafeBytes { raw in
        decoder.begin(raw, receivedNanos: 0)
        return decoder.next(into: &tick, book: book)
      }
      return step == .tick ? tick.ltp : nil
    }
  }

  /// 1e-8 units of the shortest text, more decimals than 8 rounded away; from 131,072 on, where a float32 no longer
  /// has two decimals, those of the nearest hundredth.
  private static func expected(_ value: Float) -> Int64 {
    if value >= 131_072 { return Int64((Double(value) * 100).rounded()) * 1_000_000 }
    var text = Substring(value.description)
    var exponent = 0
    if let mark = text.firstIndex(of: "e") {
      exponent = Int(text[text.index(after: mark)...].drop { $0 == "+" }) ?? 0
      text = text[..<mark]
    }
    let parts = text.split(separator: ".")
    var digits = Int64(parts[0]) ?? 0
    let fraction = parts.count > 1 ? parts[1] : ""
    for digit in fraction { digits = digits * 10 + Int64(digit.wholeNumberValue ?? 0) }
    exponent += 8 - fraction.count
    if exponent < -18 { return 0 }
    while exponent > 0 {
      digits *= 10
      exponent -= 1
    }
    guard exponent < 0 else { return digits }
    var power: Int64 = 1
    for _ in 0..<(-exponent) { power *= 10 }
    return (digits + power / 2) / power
  }

  @Test func `a float32 becomes the shortest decimal that is the same float32, as long as it holds two decimals`() {
    var generator = SeededGenerator()
    var reader = Reader()
    for _ in 0..<40_000 {
      // All magnitudes from 1e-4 up, the bits being about a logarithm.
      let bits = UInt32.random(in: Float(0.0001).bitPattern...Float(9.1e10).bitPattern, using: &generator)
      let value = Float(bitPattern: bits)
      // The text of a small one may have nine decimals, so that rounding it is rounding twice.
      let slack: Int64 = value < 1 ? 1 : 0
      let isRight = reader.price(value).map { abs($0 - Self.expected(value)) <= slack } ?? false
      #expect(isRight, "\(value) (\(bits)), seed \(generator.seed)")
      if !isRight { return }
    }
  }

  @Test func `every price in paise up to the precision of a float32 comes back`() {
    var generator = SeededGenerator()
    var reader = Reader()
    for _ in 0..<20_000 {
      let paise = Int64.random(in: 0..<13_107_200, using: &generator)
      #expect(reader.price(Float(Double(paise) / 100)) == paise * 1_000_000, "\(paise), seed \(generator.seed)")
    }
    for _ in 0..<20_000 {
      // Currency has four decimals.
      let units = Int64.random(in: 0..<5_120_000, using: &generator)
      #expect(reader.price(Float(Double(units) / 10_000)) == units * 10_000, "\(units), seed \(generator.seed)")
    }
  }

  @Test(
    arguments: [
      (Float(3456.55), 345_655_000_000), (0.05, 5_000_000), (0, 0), (-0.0, 0), (131_071.99, 13_107_199_000_000),
      (131_072.02, 13_107_202_000_000), (999_999.95, 99_999_994_000_000), (85_432.1, 8_543_210_000_000),
      (262_144.3, 26_214_431_000_000), (16_777_216, 1_677_721_600_000_000), (99_999_992, 9_999_999_200_000_000),
      (9.2e10, 9_200_000_204_800_000_000), (1e-8, 1), (1e-20, 0),
      (.leastNonzeroMagnitude, 0),
    ] as [(Float, Int64)])
  func `known prices`(value: Float, expected: Int64) {
    var reader = Reader()
    #expect(reader.price(value) == expected)
  }

  @Test(arguments: [Float.nan, .signalingNaN, .infinity, -.infinity, -1e-30, -1, 9.3e10, .greatestFiniteMagnitude])
  func `what is no price is refused`(value: Float) {
    var reader = Reader()
    #expect(reader.price(value) == nil)
  }
}
