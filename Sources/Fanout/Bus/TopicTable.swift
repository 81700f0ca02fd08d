// What the bus knows of each instrument: its rendered topics, which of them somebody can match, and the last sequence
// published of each mode. Owned by the bus thread. A row is built at the first tick that may be published; after that
// nothing allocates.

import Glibc
import Market

struct TopicTable: ~Copyable {
  struct Entry: BitwiseCopyable {
    /// `EXCHANGE_SYMBOL_` followed by scratch for the mode; nil until first used.
    var text: UnsafeMutableRawPointer?
    var prefixBytes: Int32
    /// Modes (bit = index) that some filter matches, as found in generation `matchedIn`.
    var matched: UInt32
    var matchedIn: UInt64
    /// Sequence published last, per mode index.
    var published: InlineArray<3, UInt64>
  }

  /// Bytes after the prefix that a mode may take; a text's slack holds them.
  private static let endings = Mode.allCases.map { Array($0.topicSuffix.utf8) }

  private let registry: InstrumentRegistry
  private let entries: UnsafeMutablePointer<Entry>
  private let suffixes: UnsafeMutablePointer<UInt64>
  private let suffixBytes: UnsafeMutablePointer<Int>
  private var arena = TextArena()
  /// Grows with every change of the filters; 0 is never current.
  private var generation: UInt64 = 1

  init(registry: InstrumentRegistry) {
    self.registry = registry
    guard let memory = calloc(max(registry.streamCount, 1), MemoryLayout<Entry>.stride) else {
      fatalError("no memory for the topics of \(registry.streamCount) instruments")
    }
    entries = memory.bindMemory(to: Entry.self, capacity: max(registry.streamCount, 1))
    suffixes = .allocate(capacity: Self.endings.count)
    suffixBytes = .allocate(capacity: Self.endings.count)
    for (index, ending) in Self.endings.enumerated() {
      precondition(ending.count <= 8, "the name of a mode is stored as one word")
      let word = ending.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      (suffixes + index).initialize(to: word)
      (suffixBytes + index).initialize(to: ending.count)
    }
  }

  deinit {
    free(entries)
    suffixes.deallocate()
    suffixBytes.deallocate()
  }

  /// The filters have changed: every match is found anew when it is next needed.
  mutating func invalidate() { generation &+= 1 }

  /// The row of an instrument with `matched` up to date.
  @inline(__always)
  mutating func entry(of instrument: UInt32, filters: borrowing FilterSet) -> UnsafeMutablePointer<Entry> {
    precondition(Int(instrument) < registry.streamCount, "no such instrument")
    let entry = entries + Int(instrument)
    if entry.pointee.matchedIn != generation { match(instrument, filters: filters) }
    return entry
  }

  /// Completes the text of the row to the topic of a mode; valid until the next call for the row.
  @inline(__always)
  func topic(_ entry: UnsafeMutablePointer<Entry>, _ mode: Mode) -> UnsafeRawBufferPointer {
    let text = entry.pointee.text.unsafelyUnwrapped
    let prefixBytes = Int(entry.pointee.prefixBytes)
    (text + prefixBytes).storeBytes(of: suffixes[mode.index], as: UInt64.self)
    return UnsafeRawBufferPointer(start: text, count: prefixBytes &+ suffixBytes[mode.index])
  }

  @inline(never)
  private mutating func match(_ instrument: UInt32, filters: borrowing FilterSet) {
    let entry = entries + Int(instrument)
    if entry.pointee.text == nil {
      let prefix = Array(Topics.prefix(registry[instrument].key).utf8)
      entry.pointee.text = arena.store(prefix)
      entry.pointee.prefixBytes = Int32(prefix.count)
    }
    let common = UnsafeRawBufferPointer(start: entry.pointee.text, count: Int(entry.pointee.prefixBytes))
    entry.pointee.matched = filters.matches(common: common, endings: Self.endings)
    entry.pointee.matchedIn = generation
  }
}
