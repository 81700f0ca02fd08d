// Entries of Upstox's FeedResponse out of price states, into raw memory of the caller. Prices are doubles in rupees.
// Pure, allocates nothing.

import Market

/// What a client gets of an instrument. The raw value is kept in tables; 0 stands for nothing there.
public enum UpstoxMode: UInt8, Sendable, CaseIterable {
  case ltpc = 1
  case greeks = 2
  case full = 3
  case fullDeep = 4

  /// As in the client's messages.
  public init?(name: String) {
    guard let mode = Self.allCases.first(where: { $0.name == name }) else { return nil }
    self = mode
  }

  var name: String {
    switch self {
    case .ltpc: "ltpc"
    case .greeks: "option_greeks"
    case .full: "full"
    case .fullDeep: "full_d30"
    }
  }

  /// `requestMode` of the answers.
  fileprivate var number: UInt64 {
    switch self {
    case .ltpc: 0
    case .full: 1
    case .greeks: 2
    case .fullDeep: 3
    }
  }

  fileprivate var levels: Int { self == .fullDeep ? 30 : 5 }
}

enum UpstoxEncoder {
  /// More than an entry with 30 levels takes.
  static let packetBytesMax = 2048
  private static let millis: UInt64 = 1000

  /// A live entry leaves parts out now and then, as the real feed does: a part that is missing has not changed.
  static func liveParts(_ state: UnsafePointer<PriceState>) -> Parts {
    // The book's bits are new with every step; three of them are free for this.
    state.pointee.isIndex ? .all : Parts(bits: state.pointee.bookBits >> 61)
  }

  /// Parts of a full entry.
  struct Parts: OptionSet {
    let rawValue: UInt8
    static let trade = Parts(rawValue: 1)
    static let book = Parts(rawValue: 2)
    static let candles = Parts(rawValue: 4)
    static let all: Parts = [.trade, .book, .candles]

    init(rawValue: UInt8) { self.rawValue = rawValue }

    /// One entry in four is not whole.
    init(bits: UInt64) {
      switch bits {
      case 0: self = [.book, .candles]
      case 1: self = [.trade, .book]
      default: self = .all
      }
    }
  }

  /// Writes one entry of the map of feeds; answers how many bytes these are.
  static func write(
    _ state: UnsafePointer<PriceState>, _ name: UnsafePointer<WireName>, _ mode: UpstoxMode, _ parts: Parts,
    to destination: UnsafeMutableRawPointer
  ) -> Int {
    var writer = ProtobufWriter(destination, end: packetBytesMax)
    writer.varint(4, mode.number)
    let feedEnd = writer.start
    switch mode {
    case .ltpc: writeTrade(state, name, field: 1, &writer)
    case .greeks: writeGreeksFeed(state, name, &writer)
    case .full, .fullDeep:
      if state.pointee.isIndex {
        writeCandles(state, name, field: 2, &writer)
        writeTrade(state, name, field: 1, &writer)
        writer.message(2, end: feedEnd)
      } else {
        writeMarket(state, name, mode, parts, &writer)
        writer.message(1, end: feedEnd)
      }
      writer.message(2, end: feedEnd)
    }
    writer.message(2, end: packetBytesMax)
    writer.bytes(1, name.pointee.text, name.pointee.textBytes)
    writer.message(2, end: packetBytesMax)
    let count = packetBytesMax - writer.start
    destination.copyMemory(from: destination + writer.start, byteCount: count)
    return count
  }

  private static func writeMarket(
    _ state: UnsafePointer<PriceState>, _ name: UnsafePointer<WireName>, _ mode: UpstoxMode, _ parts: Parts,
    _ writer: inout ProtobufWriter
  ) {
    writer.double(10, Double(state.pointee.totalSell))
    writer.double(9, Double(state.pointee.totalBuy))
    if name.pointee.isOption { writer.double(8, 0.14) }
    writer.double(7, Double(state.pointee.openInterest))
    writer.varint(6, UInt64(state.pointee.volume))
    writer.double(5, name.pointee.rupees(state.pointee.average))
    if parts.contains(.candles) { writeCandles(state, name, field: 4, &writer) }
    if name.pointee.isOption { writeGreeks(state, field: 3, &writer) }
    if parts.contains(.book) {
      let end = writer.start
      for level in stride(from: mode.levels - 1, through: 0, by: -1) { writeLevel(state, name, level, &writer) }
      writer.message(2, end: end)
    }
    if parts.contains(.trade) { writeTrade(state, name, field: 1, &writer) }
  }

  private static func writeGreeksFeed(
    _ state: UnsafePointer<PriceState>, _ name: UnsafePointer<WireName>, _ writer: inout ProtobufWriter
  ) {
    let end = writer.start
    if name.pointee.isOption { writer.double(6, 0.14) }
    writer.double(5, Double(state.pointee.openInterest))
    writer.varint(4, UInt64(state.pointee.volume))
    if name.pointee.isOption { writeGreeks(state, field: 3, &writer) }
    if !state.pointee.isIndex { writeQuote(state, name, 0, field: 2, &writer) }
    writeTrade(state, name, field: 1, &writer)
    writer.message(3, end: end)
  }

  private static func writeTrade(
    _ state: UnsafePointer<PriceState>, _ name: UnsafePointer<WireName>, field: UInt64,
    _ writer: inout ProtobufWriter
  ) {
    let end = writer.start
    writer.double(4, name.pointee.rupees(state.pointee.close))
    writer.varint(3, UInt64(state.pointee.lastQuantity))
    writer.varint(2, UInt64(state.pointee.tradeSeconds) * millis)
    writer.double(1, name.pointee.rupees(state.pointee.last))
    writer.message(field, end: end)
  }

  /// Some numbers; the feed of a simulated option is not priced by a model.
  private static func writeGreeks(
    _ state: UnsafePointer<PriceState>, field: UInt64, _ writer: inout ProtobufWriter
  ) {
    let end = writer.start
    writer.double(5, 1.25)
    writer.double(4, 4.5)
    writer.double(3, 0.001)
    writer.double(2, -3.5)
    writer.double(1, 0.5)
    writer.message(field, end: end)
  }

  /// The day, and the last minute, which is the last trade here.
  private static func writeCandles(
    _ state: UnsafePointer<PriceState>, _ name: UnsafePointer<WireName>, field: UInt64,
    _ writer: inout ProtobufWriter
  ) {
    let end = writer.start
    let minute = UInt64(state.pointee.exchangeSeconds / 60) * 60
    let last = name.pointee.rupees(state.pointee.last)
    writer.varint(7, minute * millis)
    writer.varint(6, UInt64(state.pointee.lastQuantity))
    for price in 2...5 { writer.double(UInt64(7 - price), last) }
    writer.text(1, "I1")
    writer.message(1, end: end)
    let dayEnd = writer.start
    let day = ISTTime(epochNanos: Int64(state.pointee.exchangeSeconds) * 1_000_000_000).day
    writer.varint(7, UInt64(clamping: ISTTime.epochNanos(day: day, minuteOfDay: 0) / 1_000_000))
    writer.varint(6, UInt64(state.pointee.volume))
    writer.double(5, last)
    writer.double(4, name.pointee.rupees(state.pointee.low))
    writer.double(3, name.pointee.rupees(state.pointee.high))
    writer.double(2, name.pointee.rupees(state.pointee.open))
    writer.text(1, "1d")
    writer.message(1, end: dayEnd)
    writer.message(field, end: end)
  }

  private static func writeLevel(
    _ state: UnsafePointer<PriceState>, _ name: UnsafePointer<WireName>, _ index: Int,
    _ writer: inout ProtobufWriter
  ) { writeQuote(state, name, index, field: 1, &writer) }

  private static func writeQuote(
    _ state: UnsafePointer<PriceState>, _ name: UnsafePointer<WireName>, _ index: Int, field: UInt64,
    _ writer: inout ProtobufWriter
  ) {
    let end = writer.start
    let (bid, ask) = (state.pointee.deepLevel(index, isBid: true), state.pointee.deepLevel(index, isBid: false))
    let bidPrice = state.pointee.price(ofLevel: index, isBid: true)
    writer.double(4, name.pointee.rupees(state.pointee.price(ofLevel: index, isBid: false)))
    writer.varint(3, UInt64(ask.quantity))
    if bidPrice > 0 {
      writer.double(2, name.pointee.rupees(bidPrice))
      writer.varint(1, UInt64(bid.quantity))
    }
    writer.message(field, end: end)
  }

  // MARK: Around the entries

  /// In front of the entries of a live feed; an initial feed has nothing there.
  static let livePrefix: UInt16 = 0x0108
  static let suffixBytesMax = 11

  /// Behind the entries: the server's time.
  static func writeSuffix(epochMillis: Int64, to destination: UnsafeMutableRawPointer) -> Int {
    var writer = ProtobufWriter(destination, end: suffixBytesMax)
    writer.varint(3, UInt64(clamping: epochMillis))
    let count = suffixBytesMax - writer.start
    destination.copyMemory(from: destination + writer.start, byteCount: count)
    return count
  }

  /// What comes first on every connection: all segments trade.
  static func marketInfo(segments: [String], epochMillis: Int64) -> [UInt8] {
    let room = 1024
    return [UInt8](unsafeUninitializedCapacity: room) { memory, count in
      guard let base = memory.baseAddress else { return }
      var writer = ProtobufWriter(base, end: room)
      for segment in segments.reversed() {
        let end = writer.start
        writer.varint(2, 2)
        var segment = segment
        segment.withUTF8 { text in if let start = text.baseAddress { writer.bytes(1, start, text.count) } }
        writer.message(1, end: end)
      }
      writer.message(4, end: room)
      writer.varint(3, UInt64(clamping: epochMillis))
      writer.varint(1, 2)
      count = room - writer.start
      (UnsafeMutableRawPointer(base)).copyMemory(from: base + writer.start, byteCount: count)
    }
  }
}
