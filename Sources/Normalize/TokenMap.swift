// Broker token to dense instrument id, looked up once per packet. Tokens are unique only within a segment, so the key
// holds both.
// Open addressing over one block of memory that is filled at start and never changes afterwards, so that any number
// of feed loops may read it. A look-up allocates nothing and touches one cache line.

import CLinux

/// Maps the tokens of one feed to instrument ids. Immutable.
//
// Unchecked, because the compiler cannot see that the memory behind the pointer is written in `init` only.
public final class TokenMap: @unchecked Sendable {
  /// One pair of the map.
  public struct Entry: Sendable, BitwiseCopyable {
    /// `TokenMap.key`, or a token that names its segment itself.
    public let token: UInt64
    public let instrument: UInt32

    public init(token: UInt64, instrument: UInt32) {
      self.token = token
      self.instrument = instrument
    }
  }

  /// Tokens are below this.
  public static let tokenMax: UInt64 = 1 << 56

  /// Key of a token that is unique only within its segment.
  @inlinable @inline(__always) public static func key(segment: UInt8, token: UInt64) -> UInt64 {
    UInt64(segment) &<< 56 | token
  }

  /// Answer for a token that is not in the map; never the id of an instrument.
  public static let absent = UInt32.max

  /// Different tokens in the map.
  public let count: Int
  /// For loops that look up many tokens: no reference to count, valid as long as the map lives.
  public let table: TokenTable
  private let memory: UnsafeMutablePointer<TokenTable.Slot>

  /// A token that comes twice keeps its first instrument.
  public init(_ entries: some Sequence<Entry>) {
    let entries = Array(entries)
    precondition(entries.count <= 1 << 30, "more tokens than a table of 2^31 slots holds")
    // At most half full, so that a miss ends after a slot or two.
    var bits = 4
    while 1 << bits < entries.count * 2 { bits += 1 }
    let slots = 1 << bits
    memory = .allocate(capacity: slots)
    memory.initialize(repeating: TokenTable.Slot(token: 0, instrument: Self.absent), count: slots)
    table = TokenTable(slots: UnsafePointer(memory), shift: UInt64(64 - bits), mask: UInt64(slots - 1))
    var kept = 0
    for entry in entries where table.instrument(of: entry.token) == Self.absent {
      precondition(entry.instrument != Self.absent, "instrument id out of range")
      var slot = Int(table.home(of: entry.token))
      while memory[slot].instrument != Self.absent { slot = (slot + 1) & (slots - 1) }
      memory[slot] = TokenTable.Slot(token: entry.token, instrument: entry.instrument)
      kept += 1
    }
    count = kept
  }

  deinit { memory.deallocate() }

  /// Instrument of a token, or `absent`.
  @inlinable @inline(__always) public func instrument(of token: UInt64) -> UInt32 { table.instrument(of: token) }
}

/// The memory of a `TokenMap`, without owning it.
public struct TokenTable: BitwiseCopyable {
  @usableFromInline struct Slot: BitwiseCopyable {
    @usableFromInline var token: UInt64
    /// `TokenMap.absent` where the slot is empty.
    @usableFromInline var instrument: UInt32
  }

  @usableFromInline let slots: UnsafePointer<Slot>
  @usableFromInline let shift: UInt64
  @usableFromInline let mask: UInt64

  /// Multiplicative hashing by 2^64 / golden ratio: the low bits of Kite tokens are the segment, all alike.
  @inlinable @inline(__always) func home(of token: UInt64) -> UInt64 { (token &* 0x9E37_79B9_7F4A_7C15) &>> shift }

  /// Asks for the cache line in which a look-up of the token will begin. In a frame of thousands of packets every
  /// look-up misses the near caches; asked for a packet ahead, it costs a fraction.
  @inline(__always) func prefetch(_ token: UInt64) { tg_prefetch(slots + Int(truncatingIfNeeded: home(of: token))) }

  /// Instrument of a token, or `TokenMap.absent`.
  @inlinable @inline(__always) public func instrument(of token: UInt64) -> UInt32 {
    var slot = home(of: token)
    // Ends, because at least half of the slots are empty.
    while true {
      let entry = slots[Int(truncatingIfNeeded: slot)]
      if entry.token == token || entry.instrument == TokenMap.absent { return entry.instrument }
      slot = (slot &+ 1) & mask
    }
  }
}
