// Instrument keys that are text (`NSE_EQ|INE002A01018`) to dense instrument ids, looked up by their bytes once per
// packet. Open addressing over memory that is filled at start and never changes afterwards, so that any number of feed
// loops may read it. A look-up allocates nothing. What is looked up is foreign, what is in the map is not, so a search
// ends after the longest run of neighbours that a broker's list makes, whatever comes over the wire.

import Glibc

/// Maps the text tokens of one feed to instrument ids. Immutable.
//
// Unchecked, because the compiler cannot see that the memory behind the pointers is written in `init` only.
public final class TextTokenMap: @unchecked Sendable {
  /// One pair of the map.
  public struct Entry: Sendable {
    public let token: String
    public let instrument: UInt32

    public init(token: String, instrument: UInt32) {
      self.token = token
      self.instrument = instrument
    }
  }

  /// Longer tokens are no instrument's and are left out.
  public static let tokenBytesMax = 255
  private static let countMax = 1 << 24

  /// Different tokens in the map.
  public let count: Int
  /// For loops that look up many tokens: no reference to count, valid as long as the map lives.
  public let table: TextTokenTable
  private let slots: UnsafeMutablePointer<TextTokenTable.Slot>
  private let rows: UnsafeMutablePointer<TextTokenTable.Row>
  private let text: UnsafeMutableRawPointer

  /// A token that comes twice keeps its first instrument.
  public init(_ entries: some Sequence<Entry>) {
    let entries = entries.filter { $0.token.utf8.count <= Self.tokenBytesMax }
    precondition(entries.count <= Self.countMax, "more tokens than the map is made for")
    // At most half full, so that a miss ends after a slot or two.
    var bits = 4
    while 1 << bits < entries.count * 2 { bits += 1 }
    let slotCount = 1 << bits
    slots = .allocate(capacity: slotCount)
    slots.initialize(repeating: TextTokenTable.Slot(hash: 0, number: TextTokenTable.free), count: slotCount)
    rows = .allocate(capacity: max(entries.count, 1))
    text = .allocate(byteCount: max(entries.reduce(0) { $0 + $1.token.utf8.count }, 1), alignment: 8)
    table = TextTokenTable(slots: slots, rows: rows, text: text, mask: slotCount - 1)
    let filler = Filler(slots: slots, rows: rows, text: text, table: table)
    var kept = 0
    var textBytes = 0
    for entry in entries {
      precondition(entry.instrument != TokenMap.absent, "instrument id out of range")
      var token = entry.token
      let added = token.withUTF8 { token in
        filler.add(UnsafeRawBufferPointer(token), entry.instrument, number: kept, textBytes: textBytes)
      }
      guard added else { continue }
      kept += 1
      textBytes += token.utf8.count
    }
    count = kept
  }

  /// The map of a feed whose tokens are text.
  public convenience init(_ listings: some Sequence<FeedListing>) {
    self.init(listings.map { Entry(token: $0.token, instrument: $0.instrument) })
  }

  deinit {
    slots.deallocate()
    rows.deallocate()
    text.deallocate()
  }

  /// Instrument of a token, or `TokenMap.absent`.
  public func instrument(of token: UnsafeRawBufferPointer) -> UInt32 {
    table.number(of: token).map { table.instrument(at: $0) } ?? TokenMap.absent
  }

  /// Writes the memory while the map is made.
  private struct Filler {
    let slots: UnsafeMutablePointer<TextTokenTable.Slot>
    let rows: UnsafeMutablePointer<TextTokenTable.Row>
    let text: UnsafeMutableRawPointer
    let table: TextTokenTable

    /// False for a token that is there already.
    func add(_ token: UnsafeRawBufferPointer, _ instrument: UInt32, number: Int, textBytes: Int) -> Bool {
      guard table.number(of: token) == nil else { return false }
      let hash = TextTokenTable.hash(token)
      var slot = Int(hash) & table.mask
      while slots[slot].number != TextTokenTable.free { slot = (slot + 1) & table.mask }
      slots[slot] = TextTokenTable.Slot(hash: hash, number: UInt32(number))
      (rows + number).initialize(
        to: TextTokenTable.Row(start: UInt32(textBytes), bytes: UInt32(token.count), instrument: instrument))
      UnsafeMutableRawBufferPointer(start: text + textBytes, count: token.count).copyMemory(from: token)
      return true
    }
  }
}

/// The memory of a `TextTokenMap`, without owning it.
public struct TextTokenTable: BitwiseCopyable {
  struct Slot: BitwiseCopyable {
    var hash: UInt32
    /// Index of the row, or `free`.
    var number: UInt32
  }

  struct Row: BitwiseCopyable {
    var start: UInt32
    var bytes: UInt32
    var instrument: UInt32
  }

  @inline(__always) static var free: UInt32 { .max }

  let slots: UnsafePointer<Slot>
  let rows: UnsafePointer<Row>
  let text: UnsafeRawPointer
  let mask: Int

  /// Number of a token in the order of the list, from 0 without gaps: for tables beside this one. Nil for a token that
  /// is not in the map.
  @inline(__always)
  public func number(of token: UnsafeRawBufferPointer) -> Int? {
    guard token.count <= TextTokenMap.tokenBytesMax else { return nil }
    let hash = Self.hash(token)
    var slot = Int(hash) & mask
    // Ends, because at least half of the slots are free.
    while slots[slot].number != Self.free {
      let number = Int(slots[slot].number)
      if slots[slot].hash == hash, isEqual(rows[number], token) { return number }
      slot = (slot &+ 1) & mask
    }
    return nil
  }

  @inline(__always) public func instrument(at number: Int) -> UInt32 { rows[number].instrument }

  @inline(__always)
  private func isEqual(_ row: Row, _ token: UnsafeRawBufferPointer) -> Bool {
    guard Int(row.bytes) == token.count else { return false }
    guard let base = token.baseAddress else { return true }
    return memcmp(text + Int(row.start), base, token.count) == 0
  }

  /// Folds eight bytes at a time; the last word overlaps the one before. Seedless on purpose: nobody from outside
  /// chooses what the table holds.
  @inline(__always)
  static func hash(_ token: UnsafeRawBufferPointer) -> UInt32 {
    var state = UInt64(truncatingIfNeeded: token.count) &* 0x9E37_79B9_7F4A_7C15
    guard token.count >= 8 else {
      var word: UInt64 = 0
      for byte in token { word = word &<< 8 | UInt64(byte) }
      return finished(fold(word, state))
    }
    var at = 0
    while at &+ 8 < token.count {
      state = fold(token.loadUnaligned(fromByteOffset: at, as: UInt64.self), state)
      at &+= 8
    }
    return finished(fold(token.loadUnaligned(fromByteOffset: token.count &- 8, as: UInt64.self), state))
  }

  @inline(__always)
  private static func fold(_ word: UInt64, _ state: UInt64) -> UInt64 {
    let product = (state ^ word).multipliedFullWidth(by: 0xD6E8_FEB8_6659_FD93)
    return product.high ^ product.low
  }

  @inline(__always)
  private static func finished(_ state: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: state ^ state &>> 32) }
}
