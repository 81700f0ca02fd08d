import Market
import Sandbox
import TestSupport
import Testing

// Records as bytes: everything comes back, and bytes that are not records are refused without harm.

@Suite struct JournalCodecTests {
  /// One record with every part and with values at the ends of their ranges, and some ordinary ones.
  static func samples() -> [Record] {
    let desk = Desk(["ITC", "SBIN"], ledger: .holding(100, "ITC", at: "400"))
    desk.place(.buy, 10, quote: "100")
    desk.place(.sell, 15, at: "110")
    desk.place(.sell, 500, "ITC", at: "410", .cnc)
    desk.tick("SBIN", "111")
    var full = desk.log.records.first { $0.trade != nil }!
    var holding = Holding(key: InstrumentKey(.bse, "₹ and \u{1F600}"))
    (holding.quantity, holding.cost, holding.ltp, holding.settledDay) = (.max, .min, -1, .min)
    full.holding = holding
    full.order?.rejectionReason = String(repeating: "x", count: 1000)
    full.funds?.resetCount = .max
    return desk.log.records + [full, Record(user: "", time: .min)]
  }

  private func bytes(_ records: [Record]) -> [UInt8] {
    var out: [UInt8] = []
    for record in records { JournalCodec.encode(record, into: &out) }
    return out
  }

  @Test func `Records come back as they were`() {
    let records = Self.samples()
    #expect(records.count >= 7)
    #expect(JournalCodec.decode(bytes(records), count: records.count) == records)
  }

  @Test func `Records cut off at any byte are refused`() {
    let records = Self.samples()
    let whole = bytes(records)
    for length in 0..<whole.count {
      #expect(JournalCodec.decode(Array(whole[..<length]), count: records.count) == nil)
    }
    #expect(JournalCodec.decode(whole + [0], count: records.count) == nil)
    #expect(JournalCodec.decode(whole, count: records.count - 1) == nil)
    #expect(JournalCodec.decode(whole, count: records.count + 1) == nil)
  }

  @Test func `A length that exceeds what is there is refused`() {
    var bytes = bytes([Self.samples()[0]])
    bytes.replaceSubrange(0..<4, with: [0xFF, 0xFF, 0xFF, 0xFF])
    #expect(JournalCodec.decode(bytes, count: 1) == nil)
  }

  @Test func `A record that is longer than its fields is refused`() {
    var bytes = bytes([Self.samples()[0]]) + [0]
    bytes[0] += 1
    #expect(JournalCodec.decode(bytes, count: 1) == nil)
  }

  @Test func `A record of another type or version is refused`() {
    for offset in [4, 5] {
      var bytes = bytes([Self.samples()[0]])
      bytes[offset] += 1
      #expect(JournalCodec.decode(bytes, count: 1) == nil)
    }
  }

  @Test func `Arbitrary changes never do more than be refused or read as other records`() {
    let seed = SeededGenerator.chosenSeed()
    var generator = SeededGenerator(seed: seed)
    let records = Self.samples()
    let whole = bytes(records)
    var refused = 0
    for _ in 0..<3000 {
      var changed = whole
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        changed[Int.random(in: 0..<changed.count, using: &generator)] = .random(in: 0...255, using: &generator)
      }
      if let read = JournalCodec.decode(changed, count: records.count) {
        #expect(read.count == records.count, "TICKGATE_SEED=\(seed)")
      } else {
        refused += 1
      }
    }
    #expect(refused > 0, "TICKGATE_SEED=\(seed)")
  }
}
