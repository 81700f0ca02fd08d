// What a client knows about each of its symbols: the last sequence or number, for gaps. Open addressing over raw
// memory, so that a message costs one probe. One thread; allocates at start only.

struct SymbolSlot: BitwiseCopyable {
  /// 0: free.
  var hash: UInt64 = 0
  var last: Int64 = -1
  /// Where the price stood last time.
  var priceOffset: Int32 = 0
  /// How far from the end the sequence stood last time.
  var sequenceFromEnd: Int32 = 0
}

struct SymbolSlots: BitwiseCopyable {
  private let slots: UnsafeMutablePointer<SymbolSlot>
  private let mask: Int
  private(set) var count = 0
  private let countMax: Int

  init(symbols: Int) {
    var capacity = 4
    while capacity < 2 * symbols { capacity *= 2 }
    mask = capacity - 1
    countMax = symbols
    slots = .allocate(capacity: capacity)
    slots.initialize(repeating: SymbolSlot(), count: capacity)
  }

  func deallocate() { slots.deallocate() }

  /// The slot of a symbol, made at its first message; nil for one symbol more than the client subscribed.
  @inline(__always) mutating func slot(_ hash: UInt64) -> UnsafeMutablePointer<SymbolSlot>? {
    let hash = hash | 1
    var place = Int(truncatingIfNeeded: hash &>> 20) & mask
    while true {
      let slot = slots + place
      if slot.pointee.hash == hash { return slot }
      if slot.pointee.hash == 0 {
        if count == countMax { return nil }
        count &+= 1
        slot.pointee.hash = hash
        return slot
      }
      place = (place &+ 1) & mask
    }
  }

  /// The slots in use.
  var used: [SymbolSlot] { (0...mask).map { slots[$0] }.filter { $0.hash != 0 } }

  @inline(__always) static func hash(_ bytes: UnsafeRawPointer, _ count: Int) -> UInt64 {
    var value: UInt64 = 0x9E37_79B9_7F4A_7C15 ^ UInt64(truncatingIfNeeded: count)
    var at = 0
    while at &+ 8 <= count {
      value = mix(value, bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self))
      at &+= 8
    }
    // The rest overlaps what was read before.
    if at < count, count >= 8 { value = mix(value, bytes.loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self)) }
    return value
  }

  @inline(__always) private static func mix(_ value: UInt64, _ word: UInt64) -> UInt64 {
    let product = (value ^ word).multipliedFullWidth(by: 0xD6E8_FEB8_6659_FD93)
    return product.high ^ product.low
  }
}
