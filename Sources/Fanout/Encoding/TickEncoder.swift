// One tick as the JSON of the WebSocket and bus contracts (`docs/websocket.md` §8). Owned by one thread. Encoding
// allocates nothing except when an instrument is met for the first time; `prepare` moves that to the subscription.
//
// Rules that clients rely on: compact ASCII; integers without a decimal point, prices with one; never null or NaN; a
// field that the feed did not send is left out, except that `volume` of an index is 0. The message carries what its
// mode promises, however much more the tick knows.
//
// Clients read counts of a book into 32-bit integers, so quantity and orders of the depth levels, bid_size, ask_size,
// last_trade_quantity and last_quantity stop at 2147483647. Volume, total_buy_quantity, total_sell_quantity and oi are
// day figures that pass that in practice; they are read as 64 bits and are written in full.

import JSONText
import Market
import TickRing

public struct TickEncoder: ~Copyable {
  private var prefixes: PrefixTable
  /// Ids from here on are those of books beyond five levels.
  private let firstBook: UInt32
  private let levelsMax: Int
  private let books: DeepBookTable?
  private let book: UnsafeMutablePointer<DeepBook>

  /// - Parameters:
  ///   - feedNames: by feed index; what `broker` says.
  ///   - books: where the books beyond five levels are read; nil where there are none.
  public init(registry: InstrumentRegistry, feedNames: [String], books: DeepBookTable? = nil) {
    prefixes = PrefixTable(registry: registry, feedNames: feedNames)
    self.books = books
    firstBook = books?.first ?? .max
    levelsMax = max(Tick.depthLevels, books == nil ? 0 : registry.deep.levelsMax)
    book = .allocate(capacity: 1)
    book.initialize(to: DeepBook())
  }

  deinit { book.deallocate() }

  /// Room that `encode` and a tail need together, scratch bytes after the text included.
  public func bytesMax(_ mode: Mode) -> Int {
    prefixes.prefixBytesMax + prefixes.suffixBytesMax + fieldBytesMax(mode) + Self.tailBytesMax
      + TextCursor.slackBytes
  }

  /// Most bytes of a tail, with sequence, epoch and age.
  public static let tailBytesMax = 112

  /// Names are at most 24 bytes with quotes, comma and colon; numbers at most 22.
  private func fieldBytesMax(_ mode: Mode) -> Int {
    let ltpFields = 3
    let quoteFields = 20
    let levelBytes = 96
    switch mode {
    case .ltp: return ltpFields * 46
    case .quote: return (ltpFields + quoteFields) * 46
    case .depth: return (ltpFields + quoteFields) * 46 + 2 * levelsMax * levelBytes + 64
    }
  }

  /// Renders the constant parts of an instrument now rather than at its first tick.
  public mutating func prepare(_ instrument: UInt32) { _ = prefixes.entry(of: instrument) }

  /// Writes the message without its last brace, so that a tail can follow: `{"type":"market_data",…,"broker":"b"`.
  /// - Parameters:
  ///   - tick: of `mode` or a higher one.
  ///   - out: at least `bytesMax(mode)` bytes; leave what a frame header needs before it.
  /// - Returns: bytes written.
  public mutating func encode(
    _ tick: UnsafePointer<Tick>, _ mode: Mode, into out: UnsafeMutableRawPointer
  ) -> Int {
    let entry = prefixes.entry(of: tick.pointee.instrument)
    var cursor = TextCursor(out)
    cursor.block(entry.pointee.text.unsafelyUnwrapped, count: entry.pointee.bytes)
    let digit = UInt8(ascii: "0") &+ mode.rawValue
    out.storeBytes(
      of: digit, toByteOffset: Int(entry.pointee.dataOffset) &- Self.dataKeyBytes &- 1, as: UInt8.self)
    writeFields(tick, mode, isIndex: entry.pointee.isIndex, to: &cursor)
    let suffix = prefixes.suffix(of: tick.pointee.feed)
    cursor.block(suffix.text, count: suffix.bytes)
    return cursor.at - out
  }

  /// Writes the complete data object alone: the payload of the bus.
  /// - Returns: bytes written.
  public mutating func encodeData(
    _ tick: UnsafePointer<Tick>, _ mode: Mode, into out: UnsafeMutableRawPointer
  ) -> Int {
    let entry = prefixes.entry(of: tick.pointee.instrument)
    let offset = Int(entry.pointee.dataOffset)
    var cursor = TextCursor(out)
    cursor.block(entry.pointee.text.unsafelyUnwrapped + offset, count: entry.pointee.bytes &- offset)
    writeFields(tick, mode, isIndex: entry.pointee.isIndex, to: &cursor)
    cursor.text("}")
    return cursor.at - out
  }

  /// Ends a message of `encode`.
  @inline(__always)
  public static func writeTail(into out: UnsafeMutableRawPointer) -> Int {
    out.storeBytes(of: UInt8(ascii: "}"), as: UInt8.self)
    return 1
  }

  /// Ends a message of `encode` for a client that asked for sequence numbers.
  public static func writeTail(sequence: UInt64, epoch: UInt64, into out: UnsafeMutableRawPointer) -> Int {
    var cursor = TextCursor(out)
    cursor.text(",\"seq\":")
    cursor.integer(sequence)
    cursor.text(",\"epoch\":")
    cursor.integer(epoch)
    cursor.text("}")
    return cursor.at - out
  }

  /// Ends a message of `encode` that answers a request for a snapshot.
  /// - Parameters:
  ///   - ageMillis: since the gateway received the value.
  ///   - sequence: nil for a client that did not ask for sequence numbers.
  public static func writeSnapshotTail(
    ageMillis: Int64, sequence: UInt64?, epoch: UInt64, into out: UnsafeMutableRawPointer
  ) -> Int {
    var cursor = TextCursor(out)
    if let sequence {
      cursor.text(",\"seq\":")
      cursor.integer(sequence)
      cursor.text(",\"epoch\":")
      cursor.integer(epoch)
    }
    cursor.text(",\"snapshot\":true,\"age_ms\":")
    cursor.integer(ageMillis)
    cursor.text("}")
    return cursor.at - out
  }

  // MARK: Fields

  /// Bytes of `,"data":`.
  private static let dataKeyBytes = 8
  /// Bytes of `,"ltp":`, with which every prefix ends.
  private static let ltpKeyBytes = 7
  private static let nanosPerMilli: Int64 = 1_000_000

  /// All that follows the prefix up to the brace that ends the data object.
  @inline(__always)
  private func writeFields(
    _ tick: UnsafePointer<Tick>, _ mode: Mode, isIndex: Bool, to cursor: inout TextCursor
  ) {
    precondition(tick.pointee.mode >= mode.rawValue, "a tick cannot be encoded in a mode that it was not filled for")
    cursor.at.storeBytes(
      of: UInt8(ascii: "0") &+ mode.rawValue, toByteOffset: -Self.ltpKeyBytes &- 1, as: UInt8.self)
    if tick.pointee.has(.ltp) { cursor.price(tick.pointee.ltp) } else { cursor.drop(Self.ltpKeyBytes) }
    if tick.pointee.has(.lastTradeTime) {
      cursor.text(",\"ltt\":")
      cursor.integer(tick.pointee.lastTradeTime / Self.nanosPerMilli)
    }
    cursor.text(",\"timestamp\":")
    cursor.integer(tick.pointee.receivedTime / Self.nanosPerMilli)
    if mode == .ltp { return }
    QuoteFields.write(tick, isIndex: isIndex, to: &cursor)
    if mode == .quote { return QuoteFields.writeBest(tick, to: &cursor) }
    if let book = deepBook(of: tick) {
      DepthFields.write(book, levelsMax: levelsMax, to: &cursor)
    } else {
      DepthFields.write(tick, to: &cursor)
    }
  }

  /// The book that a tick announces, nil for a tick of an instrument. Valid until the next call.
  @inline(__always)
  func deepBook(of tick: UnsafePointer<Tick>) -> UnsafePointer<DeepBook>? {
    guard tick.pointee.instrument >= firstBook, let books,
      books.read(tick.pointee.instrument, sequence: tick.pointee.depthSequence, into: book)
    else { return nil }
    return UnsafePointer(book)
  }
}
