// The prefixes that bus subscribers have asked for, so that messages which nobody can match are not even rendered. Owned
// by the bus thread. Changed per subscription (may allocate), asked per tick at most once after a change.
//
// Prefixes are kept as 64-bit hashes: a collision only means that a message is rendered for nobody, because the socket
// filters exactly.

struct FilterSet {
  /// Prefixes that are told apart; while there are more, everything counts as matching.
  static let filtersMax = 200_000

  private var counts: [UInt64: UInt32] = [:]
  /// Prefixes beyond `filtersMax`.
  private var unlisted = 0

  var isEmpty: Bool { counts.isEmpty && unlisted == 0 }

  mutating func insert(_ prefix: some Sequence<UInt8>) {
    let hash = Self.hash(prefix)
    if counts[hash] == nil, counts.count >= Self.filtersMax {
      unlisted += 1
    } else {
      counts[hash, default: 0] += 1
    }
  }

  mutating func remove(_ prefix: some Sequence<UInt8>) {
    let hash = Self.hash(prefix)
    guard let count = counts[hash] else {
      unlisted = max(0, unlisted - 1)
      return
    }
    counts[hash] = count > 1 ? count - 1 : nil
  }

  /// Which of several topics that begin with `common` some prefix selects: bit n for `endings[n]`.
  func matches(common: UnsafeRawBufferPointer, endings: [[UInt8]]) -> UInt32 {
    let all = (UInt32(1) << UInt32(endings.count)) - 1
    if unlisted > 0 { return all }
    var hash = Self.start
    if counts[hash] != nil { return all }
    for byte in common {
      hash = Self.step(hash, byte)
      if counts[hash] != nil { return all }
    }
    var found: UInt32 = 0
    for (index, ending) in endings.enumerated() {
      var own = hash
      for byte in ending {
        own = Self.step(own, byte)
        if counts[own] != nil { found |= 1 << UInt32(index) }
      }
    }
    return found
  }

  /// Whether some prefix selects the topic.
  func matches(_ topic: [UInt8]) -> Bool { topic.withUnsafeBytes { matches(common: $0, endings: [[]]) } != 0 }

  // FNV-1a: a hash that can be asked after every byte.
  private static let start: UInt64 = 0xCBF2_9CE4_8422_2325

  private static func step(_ hash: UInt64, _ byte: UInt8) -> UInt64 { (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }

  private static func hash(_ bytes: some Sequence<UInt8>) -> UInt64 { bytes.reduce(start, step) }
}
