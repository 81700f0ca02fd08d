// One tick as a record of the binary stream (docs/binary.md). Static and pure: any thread, memory of the caller, no
// allocation, no branch for a field that is absent: its word is masked to zero. A record holds what its mode promises,
// however much more the tick knows, and touches only that prefix of the tick.
//
// Stores are unaligned: a record follows a frame header of 2, 4 or 10 bytes.

import Market

/// Writes records of `tickgate.v1` into the caller's memory.
public enum BinaryEncoder {
  /// Bytes of a market data record without an age.
  @inlinable @inline(__always)
  public static func bytes(_ mode: Mode) -> Int {
    switch mode {
    case .ltp: BinaryLayout.LTP.bytes
    case .quote: BinaryLayout.Quote.bytes
    case .depth: BinaryLayout.Depth.bytes
    }
  }

  /// Bytes of the largest market data record, a snapshot's age included.
  public static let tickBytesMax = BinaryLayout.Depth.bytes + BinaryLayout.Snapshot.bytes
  /// The same of a book record.
  public static let bookBytesMax =
    BinaryLayout.Book.bytes + 2 * DeepBook.levelsMax * BinaryLayout.Depth.levelBytes + BinaryLayout.Snapshot.bytes

  /// Writes the record of a tick.
  /// - Parameters:
  ///   - tick: of `mode` or a higher one.
  ///   - out: at least `bytes(mode)` bytes, of any alignment.
  /// - Returns: bytes written, `bytes(mode)`.
  @inlinable @inline(__always)
  public static func encode(_ tick: UnsafePointer<Tick>, _ mode: Mode, into out: UnsafeMutableRawPointer) -> Int {
    precondition(tick.pointee.mode >= mode.rawValue, "a tick cannot be encoded in a mode that it was not filled for")
    let bytes = bytes(mode)
    switch mode {
    case .ltp: writeLTP(tick, .ltp, tick.pointee.sequence, BinaryPresence.ofLTP, to: out)
    case .quote: writeQuote(tick, .quote, tick.pointee.quoteSequence, BinaryPresence.ofQuote, to: out)
    case .depth: writeDepth(tick, to: out)
    }
    out.storeBytes(of: UInt16(truncatingIfNeeded: bytes).littleEndian, as: UInt16.self)
    return bytes
  }

  /// Writes the record of a last value that is shown to a new subscriber.
  /// - Parameters:
  ///   - ageMillis: time since the gateway received it.
  ///   - out: at least `bytes(mode) + BinaryLayout.Snapshot.bytes` bytes, of any alignment.
  /// - Returns: bytes written.
  public static func encodeSnapshot(
    _ tick: UnsafePointer<Tick>, _ mode: Mode, ageMillis: UInt64, into out: UnsafeMutableRawPointer
  ) -> Int {
    let plain = encode(tick, mode, into: out)
    let bytes = plain + BinaryLayout.Snapshot.bytes
    out.storeBytes(
      of: BinaryRecord.Flag.snapshot, toByteOffset: BinaryLayout.Header.flags, as: UInt8.self)
    out.storeBytes(of: ageMillis.littleEndian, toByteOffset: plain, as: UInt64.self)
    out.storeBytes(of: UInt16(bytes).littleEndian, as: UInt16.self)
    return bytes
  }

  /// Writes the record of a book beyond five levels.
  /// - Parameters:
  ///   - tick: that announced it.
  ///   - ageMillis: for a snapshot.
  ///   - out: at least `bookBytesMax` bytes, of any alignment.
  /// - Returns: bytes written.
  public static func encode(
    _ book: UnsafePointer<DeepBook>, _ tick: UnsafePointer<Tick>, ageMillis: UInt64? = nil,
    into out: UnsafeMutableRawPointer
  ) -> Int {
    typealias At = BinaryLayout.Book
    writeQuote(tick, .book, tick.pointee.depthSequence, BinaryPresence.ofDepth, to: out)
    store(Int64(0), at: BinaryLayout.Depth.openInterestHigh, of: out)
    store(Int64(0), at: BinaryLayout.Depth.openInterestLow, of: out)
    let bids = min(Int(book.pointee.bidLevels), DeepBook.levelsMax)
    let asks = min(Int(book.pointee.askLevels), DeepBook.levelsMax)
    store(
      UInt64(bids) | UInt64(asks) &<< 8 | UInt64(book.pointee.capacity) &<< 16, at: At.bidLevels, of: out)
    var bytes = At.sides
    for level in 0..<bids {
      writeLevel(book.pointee.bids[level], isFilled: true, at: bytes, of: out)
      bytes &+= BinaryLayout.Depth.levelBytes
    }
    for level in 0..<asks {
      writeLevel(book.pointee.asks[level], isFilled: true, at: bytes, of: out)
      bytes &+= BinaryLayout.Depth.levelBytes
    }
    if let ageMillis {
      out.storeBytes(of: BinaryRecord.Flag.snapshot, toByteOffset: BinaryLayout.Header.flags, as: UInt8.self)
      store(ageMillis, at: bytes, of: out)
      bytes &+= BinaryLayout.Snapshot.bytes
    }
    out.storeBytes(of: UInt16(bytes).littleEndian, as: UInt16.self)
    return bytes
  }

  // MARK: Pieces

  /// All ones when a bit of `presence` is set, else zero.
  @inlinable @inline(__always)
  static func mask(_ presence: UInt16, _ bit: UInt16) -> Int64 {
    presence & bit == bit ? -1 : 0
  }

  @inlinable @inline(__always)
  static func store(_ value: Int64, at offset: Int, of out: UnsafeMutableRawPointer) {
    out.storeBytes(of: value.littleEndian, toByteOffset: offset, as: Int64.self)
  }

  @inlinable @inline(__always)
  static func store(_ value: UInt64, at offset: Int, of out: UnsafeMutableRawPointer) {
    out.storeBytes(of: value.littleEndian, toByteOffset: offset, as: UInt64.self)
  }

  /// The fields that all market data records begin with, except the size.
  @inlinable @inline(__always)
  static func writeLTP(
    _ tick: UnsafePointer<Tick>, _ type: BinaryRecord, _ sequence: UInt64, _ presenceOfMode: UInt16,
    to out: UnsafeMutableRawPointer
  ) {
    typealias At = BinaryLayout.LTP
    let presence = UInt16(truncatingIfNeeded: tick.pointee.presence) & presenceOfMode
    // Whole words: the size is stored over its two bytes at the end, flags and reserved bytes are zero.
    store(UInt64(type.rawValue) &<< 16 | UInt64(tick.pointee.instrument) &<< 32, at: 0, of: out)
    store(sequence, at: At.sequence, of: out)
    // The clock of the host may be set back between the two.
    let delay = max(tick.pointee.publishedTime &- tick.pointee.receivedTime, 0)
    let delayNanos = UInt64(min(delay, Int64(UInt32.max)))
    store(
      UInt64(presence) | UInt64(tick.pointee.feed) &<< 16 | delayNanos &<< 32, at: At.presence, of: out)
    store(tick.pointee.receivedTime, at: At.receivedTime, of: out)
    store(
      tick.pointee.exchangeTime & mask(presence, BinaryPresence.exchangeTime), at: At.exchangeTime, of: out)
    store(
      tick.pointee.lastTradeTime & mask(presence, BinaryPresence.lastTradeTime), at: At.lastTradeTime, of: out)
    store(tick.pointee.ltp & mask(presence, BinaryPresence.ltp), at: At.ltp, of: out)
  }

  @inlinable @inline(__always)
  static func writeQuote(
    _ tick: UnsafePointer<Tick>, _ type: BinaryRecord, _ sequence: UInt64, _ presenceOfMode: UInt16,
    to out: UnsafeMutableRawPointer
  ) {
    typealias At = BinaryLayout.Quote
    writeLTP(tick, type, sequence, presenceOfMode, to: out)
    let presence = UInt16(truncatingIfNeeded: tick.pointee.presence)
    let range = mask(presence, BinaryPresence.dayRange)
    store(tick.pointee.open & range, at: At.open, of: out)
    store(tick.pointee.high & range, at: At.high, of: out)
    store(tick.pointee.low & range, at: At.low, of: out)
    store(tick.pointee.close & mask(presence, BinaryPresence.close), at: At.close, of: out)
    store(tick.pointee.volume & mask(presence, BinaryPresence.volume), at: At.volume, of: out)
    store(
      tick.pointee.lastTradeQuantity & mask(presence, BinaryPresence.lastTradeQuantity), at: At.lastTradeQuantity,
      of: out)
    store(tick.pointee.averagePrice & mask(presence, BinaryPresence.averagePrice), at: At.averagePrice, of: out)
    let totals = mask(presence, BinaryPresence.totals)
    store(tick.pointee.totalBuyQuantity & totals, at: At.totalBuyQuantity, of: out)
    store(tick.pointee.totalSellQuantity & totals, at: At.totalSellQuantity, of: out)
    store(tick.pointee.openInterest & mask(presence, BinaryPresence.openInterest), at: At.openInterest, of: out)
    let circuits = mask(presence, BinaryPresence.circuits)
    store(tick.pointee.upperCircuit & circuits, at: At.upperCircuit, of: out)
    store(tick.pointee.lowerCircuit & circuits, at: At.lowerCircuit, of: out)
    let bid = mask(presence, BinaryPresence.bestBid)
    let ask = mask(presence, BinaryPresence.bestAsk)
    store(tick.pointee.bidPrice & bid, at: At.bidPrice, of: out)
    store(tick.pointee.askPrice & ask, at: At.askPrice, of: out)
    let bidQuantity = UInt64(tick.pointee.bidQuantity) & UInt64(bitPattern: bid)
    let askQuantity = UInt64(tick.pointee.askQuantity) & UInt64(bitPattern: ask)
    store(bidQuantity | askQuantity &<< 32, at: At.bidQuantity, of: out)
  }

  @inlinable @inline(__always)
  static func writeDepth(_ tick: UnsafePointer<Tick>, to out: UnsafeMutableRawPointer) {
    typealias At = BinaryLayout.Depth
    writeQuote(tick, .depth, tick.pointee.depthSequence, BinaryPresence.ofDepth, to: out)
    let presence = UInt16(truncatingIfNeeded: tick.pointee.presence)
    let range = mask(presence, BinaryPresence.openInterestRange)
    store(tick.pointee.openInterestHigh & range, at: At.openInterestHigh, of: out)
    store(tick.pointee.openInterestLow & range, at: At.openInterestLow, of: out)
    let hasBook = presence & BinaryPresence.depth != 0
    let bidLevels = hasBook ? min(Int(tick.pointee.bidLevels), Tick.depthLevels) : 0
    let askLevels = hasBook ? min(Int(tick.pointee.askLevels), Tick.depthLevels) : 0
    store(UInt64(bidLevels) | UInt64(askLevels) &<< 8, at: At.bidLevels, of: out)
    var index = 0
    while index < Tick.depthLevels {
      let offset = index &* At.levelBytes
      writeLevel(tick.pointee.bids[index], isFilled: index < bidLevels, at: At.bids &+ offset, of: out)
      writeLevel(tick.pointee.asks[index], isFilled: index < askLevels, at: At.asks &+ offset, of: out)
      index &+= 1
    }
  }

  @inlinable @inline(__always)
  static func writeLevel(
    _ level: DepthLevel, isFilled: Bool, at offset: Int, of out: UnsafeMutableRawPointer
  ) {
    let mask: Int64 = isFilled ? -1 : 0
    let counts = UInt64(level.quantity) | UInt64(level.orders) &<< 32
    store(level.price & mask, at: offset, of: out)
    store(counts & UInt64(bitPattern: mask), at: offset &+ 8, of: out)
  }
}
