// One entry of the map of feeds into a tick. The entry was checked before, so every step that is no field is the end.
// The format's rules for repeats hold without memory: what comes again is laid over what was there, elements of a list
// go on where the list was, another branch of a union starts anew. Leaves on the tick path: no allocation.

import Market

/// Fills a tick from an entry.
struct UpstoxFilling {
  enum Verdict { case good, nothing, badPrice }

  private let tick: UnsafeMutablePointer<Tick>
  private(set) var contents = UpstoxContents()
  private var presence: UInt32 = 0
  private var values = UpstoxValues()
  /// The branch of the union has not been met before in this entry.
  private var isNewBranch = true

  @inline(__always) var hasBadNumber: Bool { values.hasBadNumber }

  @inline(__always) init(_ tick: UnsafeMutablePointer<Tick>) { self.tick = tick }

  /// An entry, or more of the same.
  @inline(__always)
  mutating func entry(_ entry: UnsafeRawBufferPointer) {
    var fields = ProtobufReader(entry)
    while fields.next() == .field {
      if fields.tag == UpstoxTag.Entry.value { feed(fields.bytes) }
    }
  }

  /// Says whether the tick may be published, and completes it.
  @inline(__always)
  mutating func finish() -> Verdict {
    if values.hasBadPrice { return .badPrice }
    tick.pointee.bidLevels = 0
    tick.pointee.askLevels = 0
    switch contents.kind {
    case .none: return .nothing
    case .ltpc: tick.pointee.mode = Mode.quote.rawValue
    case .index: tick.pointee.mode = Mode.depth.rawValue
    case .optionGreeks:
      tick.pointee.mode = Mode.quote.rawValue
      // The one level says it of both sides: a price of 0 is a side that is empty.
      if contents.hasLevels { set([.bestBid, .bestAsk]) }
    case .market:
      tick.pointee.mode = Mode.depth.rawValue
      if contents.hasLevels { completeBook() }
    }
    if !contents.hasTrade { dropZeros() }
    tick.pointee.presence = presence
    return .good
  }

  /// Numbers outside of messages of their own have no way to be absent but zero. Where the trade was left out, only
  /// what changed was sent, so a zero there is no news.
  @inline(__always)
  private mutating func dropZeros() {
    if tick.pointee.averagePrice == 0 { clear(.averagePrice) }
    if tick.pointee.volume == 0 { clear(.volume) }
    if tick.pointee.openInterest == 0 { clear(.openInterest) }
    if tick.pointee.totalBuyQuantity | tick.pointee.totalSellQuantity == 0 { clear(.totals) }
  }

  @inline(__always)
  private mutating func completeBook() {
    set(.depth)
    for level in min(contents.levelCount, Tick.depthLevels)..<Tick.depthLevels {
      tick.pointee.bids[level] = DepthLevel()
      tick.pointee.asks[level] = DepthLevel()
    }
    for level in 0..<Tick.depthLevels {
      let filled = UInt8(truncatingIfNeeded: level &+ 1)
      if tick.pointee.bids[level] != DepthLevel() { tick.pointee.bidLevels = filled }
      if tick.pointee.asks[level] != DepthLevel() { tick.pointee.askLevels = filled }
    }
    let bid = tick.pointee.bids[0]
    let ask = tick.pointee.asks[0]
    tick.pointee.bidPrice = bid.price
    tick.pointee.askPrice = ask.price
    tick.pointee.bidQuantity = bid.quantity
    tick.pointee.askQuantity = ask.quantity
    mark(.bestBid, bid.price > 0)
    mark(.bestAsk, ask.price > 0)
  }

  // MARK: Messages

  private mutating func feed(_ message: UnsafeRawBufferPointer) {
    var fields = ProtobufReader(message)
    while fields.next() == .field {
      switch fields.tag {
      case UpstoxTag.Feed.ltpc:
        become(.ltpc)
        ltpc(fields.bytes)
      case UpstoxTag.Feed.full:
        // Within this branch the union below decides.
        if contents.kind != .market, contents.kind != .index { become(.none) }
        full(fields.bytes)
      case UpstoxTag.Feed.firstLevel:
        become(.optionGreeks)
        firstLevel(fields.bytes)
      case UpstoxTag.Feed.requestMode: contents.requestMode = fields.signed32
      default: break
      }
    }
  }

  /// Another branch of a union: what the former one said is gone.
  @inline(__always)
  private mutating func become(_ kind: UpstoxContents.Kind) {
    if contents.kind == kind { return }
    contents.kind = kind
    contents.hasTrade = false
    contents.hasLevels = false
    contents.levelCount = 0
    presence = 0
    values = UpstoxValues()
    isNewBranch = true
  }

  private mutating func full(_ message: UnsafeRawBufferPointer) {
    var fields = ProtobufReader(message)
    while fields.next() == .field {
      switch fields.tag {
      case UpstoxTag.Full.market:
        become(.market)
        market(fields.bytes)
      case UpstoxTag.Full.index:
        become(.index)
        index(fields.bytes)
      default: break
      }
    }
  }

  private mutating func ltpc(_ message: UnsafeRawBufferPointer) {
    if !contents.hasTrade {
      contents.hasTrade = true
      tick.pointee.ltp = 0
      tick.pointee.lastTradeQuantity = 0
      tick.pointee.close = 0
      set([.ltp, .lastTradeQuantity, .close])
    }
    var fields = ProtobufReader(message)
    while fields.next() == .field {
      switch fields.tag {
      case UpstoxTag.LTPC.lastPrice: tick.pointee.ltp = values.price(fields.scalar)
      case UpstoxTag.LTPC.lastTradeMillis:
        // Without a trade it is 0, on the wire or by being left out.
        tick.pointee.lastTradeTime = values.nanos(fields.signed) ?? 0
        mark(.lastTradeTime, tick.pointee.lastTradeTime != 0)
      case UpstoxTag.LTPC.lastQuantity:
        tick.pointee.lastTradeQuantity = taken(values.quantity(fields.signed), .lastTradeQuantity)
      case UpstoxTag.LTPC.close: tick.pointee.close = values.price(fields.scalar)
      default: break
      }
    }
  }

  private mutating func market(_ message: UnsafeRawBufferPointer) {
    if isNewBranch {
      isNewBranch = false
      tick.pointee.averagePrice = 0
      tick.pointee.totalBuyQuantity = 0
      tick.pointee.totalSellQuantity = 0
      tick.pointee.volume = 0
      tick.pointee.openInterest = 0
      set([.averagePrice, .volume, .openInterest, .totals])
    }
    var fields = ProtobufReader(message)
    while fields.next() == .field {
      switch fields.tag {
      case UpstoxTag.Market.ltpc: ltpc(fields.bytes)
      case UpstoxTag.Market.level: levels(fields.bytes)
      case UpstoxTag.Market.candles: candles(fields.bytes)
      case UpstoxTag.Market.averagePrice: tick.pointee.averagePrice = values.price(fields.scalar)
      case UpstoxTag.Market.volume: tick.pointee.volume = taken(values.quantity(fields.signed), .volume)
      case UpstoxTag.Market.openInterest:
        tick.pointee.openInterest = taken(values.quantity(fields.double), .openInterest)
      case UpstoxTag.Market.totalBuy: tick.pointee.totalBuyQuantity = taken(values.quantity(fields.double), .totals)
      case UpstoxTag.Market.totalSell: tick.pointee.totalSellQuantity = taken(values.quantity(fields.double), .totals)
      default: break
      }
    }
  }

  private mutating func index(_ message: UnsafeRawBufferPointer) {
    var fields = ProtobufReader(message)
    while fields.next() == .field {
      switch fields.tag {
      case UpstoxTag.Index.ltpc: ltpc(fields.bytes)
      case UpstoxTag.Index.candles: candles(fields.bytes)
      default: break
      }
    }
  }

  private mutating func firstLevel(_ message: UnsafeRawBufferPointer) {
    if isNewBranch {
      isNewBranch = false
      tick.pointee.volume = 0
      tick.pointee.openInterest = 0
      set([.volume, .openInterest])
    }
    var fields = ProtobufReader(message)
    while fields.next() == .field {
      switch fields.tag {
      case UpstoxTag.FirstLevel.ltpc: ltpc(fields.bytes)
      case UpstoxTag.FirstLevel.quote:
        var bid = DepthLevel(price: tick.pointee.bidPrice, quantity: tick.pointee.bidQuantity)
        var ask = DepthLevel(price: tick.pointee.askPrice, quantity: tick.pointee.askQuantity)
        if !contents.hasLevels {
          bid = DepthLevel()
          ask = DepthLevel()
        }
        contents.hasLevels = true
        contents.levelCount = 1
        values.quote(fields.bytes, &bid, &ask)
        tick.pointee.bidPrice = bid.price
        tick.pointee.bidQuantity = bid.quantity
        tick.pointee.askPrice = ask.price
        tick.pointee.askQuantity = ask.quantity
      case UpstoxTag.FirstLevel.volume: tick.pointee.volume = taken(values.quantity(fields.signed), .volume)
      case UpstoxTag.FirstLevel.openInterest:
        tick.pointee.openInterest = taken(values.quantity(fields.double), .openInterest)
      default: break
      }
    }
  }

  private mutating func levels(_ message: UnsafeRawBufferPointer) {
    contents.hasLevels = true
    var fields = ProtobufReader(message)
    while fields.next() == .field {
      guard fields.tag == UpstoxTag.element else { continue }
      let level = contents.levelCount
      contents.levelCount &+= 1
      // The rest of a deep book is read again when the book is filled, but must be sound for the tick as well.
      guard level < UpstoxDecoder.deepLevels else { continue }
      var bid = DepthLevel()
      var ask = DepthLevel()
      values.quote(fields.bytes, &bid, &ask)
      guard level < Tick.depthLevels else { continue }
      tick.pointee.bids[level] = bid
      tick.pointee.asks[level] = ask
    }
  }

  /// Only the candle of the day counts, and of several the first.
  private mutating func candles(_ message: UnsafeRawBufferPointer) {
    var fields = ProtobufReader(message)
    while fields.next() == .field {
      if fields.tag == UpstoxTag.element, !isSet(.dayRange) { candle(fields.bytes) }
    }
  }

  @inline(__always)
  private mutating func candle(_ message: UnsafeRawBufferPointer) {
    var isDay = false
    // Zero like a field that is not there.
    var (open, high, low): (UInt64, UInt64, UInt64) = (0, 0, 0)
    var fields = ProtobufReader(message)
    while fields.next() == .field {
      switch fields.tag {
      case UpstoxTag.Candle.interval: isDay = Self.isDay(fields.bytes)
      case UpstoxTag.Candle.open: open = fields.scalar
      case UpstoxTag.Candle.high: high = fields.scalar
      case UpstoxTag.Candle.low: low = fields.scalar
      default: break
      }
    }
    guard isDay else { return }
    set(.dayRange)
    tick.pointee.open = values.price(open)
    tick.pointee.high = values.price(high)
    tick.pointee.low = values.price(low)
  }
  /// `1d`.
  @inline(__always)
  private static func isDay(_ interval: UnsafeRawBufferPointer) -> Bool {
    interval.count == 2 && interval[0] == UInt8(ascii: "1") && interval[1] == UInt8(ascii: "d")
  }

  @inline(__always) private mutating func set(_ bits: Presence) { presence |= bits.rawValue }
  @inline(__always) private mutating func clear(_ bits: Presence) { presence &= ~bits.rawValue }
  @inline(__always) private mutating func mark(_ bits: Presence, _ isThere: Bool) {
    if isThere { set(bits) } else { clear(bits) }
  }

  /// A quantity that is none is absent.
  @inline(__always)
  private mutating func taken(_ quantity: Int64?, _ bit: Presence) -> Int64 {
    if quantity == nil { clear(bit) }
    return quantity ?? 0
  }

  @inline(__always) private func isSet(_ bits: Presence) -> Bool { presence & bits.rawValue == bits.rawValue }
}
