// SHA-1 (FIPS 180-4), needed for one thing only: the accept value of the opening handshake, where it protects nothing.
// Cold path; any thread; allocates.

/// SHA-1 of a short message.
package enum SHA1 {
  private static let blockBytes = 64

  /// The 20-byte digest of `message`.
  package static func digest(_ message: [UInt8]) -> [UInt8] {
    var padded = message
    padded.append(0x80)
    while padded.count % blockBytes != blockBytes - 8 { padded.append(0) }
    let bitCount = UInt64(message.count) * 8
    for shift in [56, 48, 40, 32, 24, 16, 8, 0] as [UInt64] {
      padded.append(UInt8(truncatingIfNeeded: bitCount &>> shift))
    }
    var state: [UInt32] = [0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476, 0xC3D2_E1F0]
    for start in stride(from: 0, to: padded.count, by: blockBytes) {
      compress(&state, padded[start..<start + blockBytes])
    }
    return state.flatMap { word in [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: word &>> $0) } }
  }

  private static func compress(_ state: inout [UInt32], _ block: ArraySlice<UInt8>) {
    var schedule = [UInt32]()
    schedule.reserveCapacity(80)
    for start in stride(from: block.startIndex, to: block.endIndex, by: 4) {
      schedule.append(block[start..<start + 4].reduce(0) { $0 &<< 8 | UInt32($1) })
    }
    for index in 16..<80 {
      let mixed = schedule[index - 3] ^ schedule[index - 8] ^ schedule[index - 14] ^ schedule[index - 16]
      schedule.append(rotateLeft(mixed, by: 1))
    }

    var (a, b, c, d, e) = (state[0], state[1], state[2], state[3], state[4])
    for (round, word) in schedule.enumerated() {
      let (mix, constant): (UInt32, UInt32) =
        switch round {
        case 0..<20: ((b & c) | (~b & d), 0x5A82_7999)
        case 20..<40: (b ^ c ^ d, 0x6ED9_EBA1)
        case 40..<60: ((b & c) | (b & d) | (c & d), 0x8F1B_BCDC)
        default: (b ^ c ^ d, 0xCA62_C1D6)
        }
      let next = rotateLeft(a, by: 5) &+ mix &+ e &+ constant &+ word
      (e, d, c, b, a) = (d, c, rotateLeft(b, by: 30), a, next)
    }
    for (index, value) in [a, b, c, d, e].enumerated() { state[index] &+= value }
  }

  private static func rotateLeft(_ value: UInt32, by count: UInt32) -> UInt32 {
    value &<< count | value &>> (32 - count)
  }
}
