// The parts of a market-data message that never change for an instrument or a feed, rendered once. Owned by one
// encoder, so by one thread. A row is built when its instrument is first encoded or prepared: 24 bytes of table for
// every instrument of the registry (untouched pages cost nothing) and some 150 bytes of text for each one in use.

import Glibc
import JSONText
import Market

struct PrefixTable: ~Copyable {
  struct Entry: BitwiseCopyable {
    /// Nil until the instrument is first used.
    var text: UnsafeMutableRawPointer?
    var bytes: Int
    /// Where the data object begins inside the text.
    var dataOffset: Int32
    var isIndex: Bool
  }

  /// Feeds that a tick can name.
  private static let feedsMax = 256
  /// Name of a feed that the table was not told.
  private static let unknownFeed = "unknown"

  /// Longest prefix that any instrument or book of the registry can have.
  let prefixBytesMax: Int
  /// Longest suffix of any feed.
  let suffixBytesMax: Int

  private let registry: InstrumentRegistry
  /// Rows. Kept, because every look-up checks it and the registry's is a call into another module.
  private let count: Int
  private let entries: UnsafeMutablePointer<Entry>
  private let suffixes: UnsafeMutableRawPointer
  private let suffixCounts: UnsafeMutablePointer<Int>
  private var arena = TextArena()

  init(registry: InstrumentRegistry, feedNames: [String]) {
    self.registry = registry
    count = registry.streamCount
    guard let memory = calloc(max(count, 1), MemoryLayout<Entry>.stride) else {
      // At start only, and without the table no message can be made.
      fatalError("no memory for the prefixes of \(count) instruments")
    }
    entries = memory.bindMemory(to: Entry.self, capacity: max(count, 1))
    // The name of a book is that of its instrument and a few characters more, twice.
    prefixBytesMax = registry.instruments.reduce(0) { max($0, Self.prefixBytes(of: $1.key)) } + 8

    let rendered = (0..<Self.feedsMax).map { Self.suffix(feedNames.indices.contains($0) ? feedNames[$0] : nil) }
    suffixBytesMax = rendered.reduce(0) { max($0, $1.count) }
    let stride = suffixBytesMax + TextCursor.slackBytes
    suffixes = .allocate(byteCount: Self.feedsMax * stride, alignment: 16)
    suffixes.initializeMemory(as: UInt8.self, repeating: 0, count: Self.feedsMax * stride)
    suffixCounts = .allocate(capacity: Self.feedsMax)
    for (feed, text) in rendered.enumerated() {
      (suffixes + feed * stride).copyMemory(from: text, byteCount: text.count)
      (suffixCounts + feed).initialize(to: text.count)
    }
  }

  deinit {
    free(entries)
    suffixes.deallocate()
    suffixCounts.deallocate()
  }

  /// The rendered prefix of an instrument, built now when this is its first use.
  @inline(__always)
  mutating func entry(of instrument: UInt32) -> UnsafePointer<Entry> {
    precondition(Int(instrument) < count, "no such instrument")
    let entry = entries + Int(instrument)
    if entry.pointee.text == nil { build(instrument) }
    return UnsafePointer(entry)
  }

  /// `},"broker":"NAME"`, which ends the data object.
  @inline(__always)
  func suffix(of feed: UInt8) -> (text: UnsafeRawPointer, bytes: Int) {
    let stride = suffixBytesMax &+ TextCursor.slackBytes
    return (UnsafeRawPointer(suffixes + Int(feed) &* stride), suffixCounts[Int(feed)])
  }

  @inline(never)
  private mutating func build(_ instrument: UInt32) {
    let row = registry[instrument]
    let names = Self.names(of: row.key)
    var text = Array("{\"type\":\"market_data\",".utf8) + names + Array(",\"data\":".utf8)
    let dataOffset = text.count
    text += Array("{".utf8) + names + Array(",\"ltp\":".utf8)
    assert(text.count <= prefixBytesMax)
    entries[Int(instrument)] = Entry(
      text: arena.store(text), bytes: text.count, dataOffset: Int32(dataOffset),
      isIndex: row.kind == .index || !row.exchange.isTradable)
  }

  /// `"symbol":"X","exchange":"E","mode":0`; the digit is overwritten in each message.
  private static func names(of key: InstrumentKey) -> [UInt8] {
    var text = Array("\"symbol\":".utf8)
    JSONWriter.quote(key.symbol, into: &text)
    text += Array(",\"exchange\":".utf8)
    JSONWriter.quote(key.exchange.code, into: &text)
    text += Array(",\"mode\":0".utf8)
    return text
  }

  private static func suffix(_ name: String?) -> [UInt8] {
    var text = Array("},\"broker\":".utf8)
    JSONWriter.quote(name ?? unknownFeed, into: &text)
    return text
  }

  /// Upper bound without rendering: plain ASCII counts one byte a character, anything else the six of an escape.
  private static func prefixBytes(of key: InstrumentKey) -> Int {
    let fixedBytes = 112
    var symbolBytes = 0
    for byte in key.symbol.utf8 {
      let isPlain = (0x20..<0x7F).contains(byte) && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
      symbolBytes += isPlain ? 1 : 6
    }
    return fixedBytes + 2 * (symbolBytes + key.exchange.code.utf8.count)
  }
}
