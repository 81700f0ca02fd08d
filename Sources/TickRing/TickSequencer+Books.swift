import Market

extension TickSequencer {
  /// Sequences and writes an update of a deep book, and announces it by a tick under the book's id: the last prices of
  /// the instrument, and the first levels of the book.
  /// - Parameters:
  ///   - book: `instrument` is the one that it is of, `feed` the one that clients shall be told.
  ///   - id: of the book.
  ///   - pricesSince: nanoseconds since the epoch: prices that were received before are left out.
  public mutating func submit(
    _ book: UnsafeMutablePointer<DeepBook>, as id: UInt32, pricesSince: Int64 = 0, publishedNanos: Int64
  ) {
    guard let books = lastValues.books else { return }
    book.pointee.publishedTime = publishedNanos
    books.write(id, sequence: lastValues.row(id).pointee.depthSequence &+ 1, book)
    var tick = Tick()
    withUnsafeMutablePointer(to: &tick) { tick in
      takePrices(of: book.pointee.instrument, since: pricesSince, into: tick)
      Self.fill(tick, from: book)
      tick.pointee.instrument = id
      submit(tick, publishedNanos: publishedNanos)
    }
  }

  /// The feed that the last tick of an instrument came from; nil when it has never ticked.
  public func lastFeed(of instrument: UInt32) -> UInt8? {
    let row = lastValues.row(instrument)
    return row.pointee.mode == 0 ? nil : row.pointee.feed
  }

  /// What the market data has said of the instrument, if anything, without its book and its time.
  private func takePrices(of instrument: UInt32, since: Int64, into tick: UnsafeMutablePointer<Tick>) {
    let row = lastValues.row(instrument)
    guard row.pointee.mode != 0, row.pointee.receivedTime >= since else { return }
    UnsafeMutableRawPointer(tick).copyMemory(
      from: UnsafeRawPointer(row), byteCount: 8 &* Tick.words(ofMode: min(row.pointee.mode, Mode.quote.rawValue)))
    let beyondQuote = Presence([.depth, .openInterestRange, .bestBid, .bestAsk, .exchangeTime]).rawValue
    tick.pointee.presence &= ~beyondQuote
    // A row of the lowest mode tells nothing of the words behind its prefix.
    if row.pointee.mode == Mode.ltp.rawValue {
      tick.pointee.presence &= Presence([.ltp, .lastTradeTime, .suspect]).rawValue
    }
  }

  private static func fill(_ tick: UnsafeMutablePointer<Tick>, from book: UnsafePointer<DeepBook>) {
    tick.pointee.feed = book.pointee.feed
    tick.pointee.mode = Mode.depth.rawValue
    tick.pointee.receivedTime = book.pointee.receivedTime
    if book.pointee.exchangeTime > 0 {
      tick.pointee.exchangeTime = book.pointee.exchangeTime
      tick.pointee.presence |= Presence.exchangeTime.rawValue
    }
    tick.pointee.presence |= Presence.depth.rawValue
    let bids = min(Int(book.pointee.bidLevels), Tick.depthLevels)
    let asks = min(Int(book.pointee.askLevels), Tick.depthLevels)
    tick.pointee.bidLevels = UInt8(bids)
    tick.pointee.askLevels = UInt8(asks)
    for level in 0..<bids { tick.pointee.bids[level] = book.pointee.bids[level] }
    for level in 0..<asks { tick.pointee.asks[level] = book.pointee.asks[level] }
    if bids > 0 {
      tick.pointee.bidPrice = book.pointee.bids[0].price
      tick.pointee.bidQuantity = book.pointee.bids[0].quantity
      tick.pointee.presence |= Presence.bestBid.rawValue
    }
    if asks > 0 {
      tick.pointee.askPrice = book.pointee.asks[0].price
      tick.pointee.askQuantity = book.pointee.asks[0].quantity
      tick.pointee.presence |= Presence.bestAsk.rawValue
    }
  }
}
