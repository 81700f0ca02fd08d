import Brokerage
import Testing

@Suite struct OneTimeCodeTests {
  private static let digits = Array("1234567890".utf8)
  private static func secret(_ count: Int) -> [UInt8] { (0..<count).map { digits[$0 % 10] } }

  @Test func `counters give the codes of RFC 4226`() {
    let codes = [
      "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489",
    ]
    let maker = OneTimeCode(secret: Self.secret(20))
    #expect((0..<10).map { maker.code(counter: $0) } == codes)
  }

  @Test(
    arguments: [
      (59, "94287082", "46119246", "90693936"),
      (1_111_111_109, "07081804", "68084774", "25091201"),
      (1_111_111_111, "14050471", "67062674", "99943326"),
      (1_234_567_890, "89005924", "91819424", "93441116"),
      (2_000_000_000, "69279037", "90698825", "38618901"),
      (20_000_000_000, "65353130", "77737706", "47863826"),
    ] as [(Int64, String, String, String)])
  func `times give the codes of RFC 6238`(time: Int64, sha1: String, sha256: String, sha512: String) {
    #expect(OneTimeCode(secret: Self.secret(20), digits: 8).code(unixSeconds: time) == sha1)
    #expect(OneTimeCode(secret: Self.secret(32), algorithm: .sha256, digits: 8).code(unixSeconds: time) == sha256)
    #expect(OneTimeCode(secret: Self.secret(64), algorithm: .sha512, digits: 8).code(unixSeconds: time) == sha512)
  }

  @Test func `a code is good for thirty seconds and has six digits`() throws {
    let maker = try #require(OneTimeCode(base32: "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"))
    #expect(maker.code(unixSeconds: 59) == "287082")
    #expect(maker.code(unixSeconds: 30) == "287082")
    #expect(maker.code(unixSeconds: 29) == "755224")
    #expect(maker.code(unixSeconds: -5) == "755224")
    #expect(OneTimeCode(base32: "") == nil)
    #expect(OneTimeCode(base32: "1nvalid!") == nil)
  }

  @Test(arguments: [
    ("", ""), ("MY======", "f"), ("MZXQ====", "fo"), ("MZXW6===", "foo"), ("MZXW6YQ=", "foob"), ("MZXW6YTB", "fooba"),
    ("MZXW6YTBOI======", "foobar"), ("mzxw6ytboi", "foobar"), ("MZXW 6YTB OI", "foobar"), ("mzxw-6ytb-oi==", "foobar"),
    (" MZXW6YQ\n", "foob"),
  ])
  func `base32 is read with and without padding, in any case, in groups`(text: String, plain: String) {
    #expect(Base32.decode(text) == Array(plain.utf8))
  }

  @Test(arguments: ["M", "MZX", "MZXW6Y", "MZ1Q", "MZ8Q", "MY==A", "M=Y", "MZ", "ÄÄ", "MZXW6YTB\u{0}"])
  func `what is no base32 is none`(text: String) {
    #expect(Base32.decode(text) == nil)
  }

  @Test func `base32 of any length is bounded`() {
    #expect(Base32.decode(String(repeating: "A", count: Base32.charactersMax))?.count == 640)
    #expect(Base32.decode(String(repeating: "A", count: Base32.charactersMax + 1)) == nil)
  }
}
