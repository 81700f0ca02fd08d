import TestSupport
import Testing
import WebSocket

@Suite struct MaskingTests {
  @Test func `equals a byte loop for every length, phase and alignment`() {
    let key: [UInt8] = [0x01, 0x80, 0xFE, 0x5A]
    let word = key.withUnsafeBytes { $0.loadUnaligned(as: UInt32.self) }
    for count in 0...200 {
      for phase in 0..<9 {
        let source = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ 7) }
        let expected = source.enumerated().map { $1 ^ key[($0 + phase) % 4] }
        let lead = (count + phase) % 8
        var memory = [UInt8](repeating: 0xEE, count: lead) + source + [UInt8](repeating: 0xEE, count: 9)
        memory.withUnsafeMutableBytes { raw in
          guard let base = raw.baseAddress else { return }
          Masking.apply(word, to: base + lead, count: count, phase: phase)
        }
        #expect(Array(memory[lead..<lead + count]) == expected, "\(count) bytes, phase \(phase)")
        #expect(memory[..<lead].allSatisfy { $0 == 0xEE } && memory[(lead + count)...].allSatisfy { $0 == 0xEE })
      }
    }
  }

  @Test func `pieces with their phases equal the whole`() {
    var random = SeededGenerator()
    let comment = random.comment
    for _ in 0..<200 {
      let source = random.bytes(Int.random(in: 0...300, using: &random))
      let key = UInt32.random(in: 0...UInt32.max, using: &random)
      var whole = source
      whole.withUnsafeMutableBytes { raw in
        if let base = raw.baseAddress { Masking.apply(key, to: base, count: raw.count) }
      }
      var done = 0
      var pieces: [UInt8] = []
      for var piece in random.cut(source) {
        piece.withUnsafeMutableBytes { raw in
          if let base = raw.baseAddress { Masking.apply(key, to: base, count: raw.count, phase: done) }
        }
        done += piece.count
        pieces += piece
      }
      #expect(pieces == whole, comment)
    }
  }
}
