// Places in Kite's packets that are easily confused: packets are made by hand, a distinct number in every field.

import Market
import Normalize
import Testing

/// A packet of the Kite ticker with fields at the offsets of the protocol.
struct KitePacket {
  private(set) var bytes: [UInt8]

  static let token: UInt32 = 0x0101
  static let indexToken: UInt32 = 0x0109

  init(length: Int, token: UInt32 = Self.token) {
    bytes = [UInt8](repeating: 0, count: length)
    self = with(token, at: 0)
  }

  /// Every field of four bytes but the token holds its offset.
  static func numbered(length: Int, token: UInt32 = Self.token) -> KitePacket {
    stride(from: 4, to: length, by: 4).reduce(KitePacket(length: length, token: token)) { $0.with(UInt32($1), at: $1) }
  }

  func with(_ value: some FixedWidthInteger, at offset: Int) -> KitePacket {
    var packet = self
    withUnsafeBytes(of: value.bigEndian) { packet.bytes.replaceSubrange(offset..<offset + $0.count, with: $0) }
    return packet
  }

  /// Five levels a side from 64 on: quantity, price, orders, padding.
  func withLevel(_ level: Int, quantity: UInt32, price: Int32, orders: UInt16, padding: UInt16) -> KitePacket {
    let offset = 64 + level * 12
    return with(quantity, at: offset).with(price, at: offset + 4).with(orders, at: offset + 8)
      .with(padding, at: offset + 10)
  }

  /// Its tick, alone in a frame.
  var tick: Tick? {
    let frame: [UInt8] = [0, 1, UInt8(bytes.count >> 8), UInt8(bytes.count & 0xFF)] + bytes
    return KiteRun(frame, tokens: [Self.token, Self.indexToken]).ticks.first
  }
}

@Suite struct KiteLayoutTests {
  private static let paise: Int64 = 1_000_000
  private static let second: Int64 = 1_000_000_000

  @Test func `open interest is at 48 and nowhere else`() throws {
    let packet = KitePacket.numbered(length: 184)
    let tick = try #require(packet.tick)
    #expect(tick.has([.openInterest, .openInterestRange]))
    #expect([tick.openInterest, tick.openInterestHigh, tick.openInterestLow] == [48, 52, 56])
    for offset in stride(from: 4, to: 184, by: 4) where offset != 48 {
      #expect(packet.with(UInt32(999_999), at: offset).tick?.openInterest == 48, "at \(offset)")
    }
    #expect(packet.with(UInt32.max, at: 48).tick?.openInterest == Int64(UInt32.max), "more than a signed number holds")
  }

  @Test func `the last trade is at 44, the exchange's time at 60`() throws {
    let packet = KitePacket.numbered(length: 184)
    let tick = try #require(packet.tick)
    #expect(tick.has([.lastTradeTime, .exchangeTime]))
    #expect(tick.lastTradeTime == 44 * Self.second && tick.exchangeTime == 60 * Self.second)
    for offset in stride(from: 4, to: 184, by: 4) where offset != 44 && offset != 60 {
      let other = try #require(packet.with(UInt32(999_999), at: offset).tick)
      #expect(other.lastTradeTime == 44 * Self.second && other.exchangeTime == 60 * Self.second, "at \(offset)")
    }
  }

  @Test func `times of zero are absent, each by itself`() throws {
    let packet = KitePacket.numbered(length: 184)
    let neverTraded = try #require(packet.with(UInt32(0), at: 44).tick)
    #expect(!neverTraded.has(.lastTradeTime) && neverTraded.has(.exchangeTime))
    let untimed = try #require(packet.with(UInt32(0), at: 60).tick)
    #expect(untimed.has(.lastTradeTime) && !untimed.has(.exchangeTime))
    let neither = try #require(packet.with(UInt32(0), at: 44).with(UInt32(0), at: 60).tick)
    #expect(!neither.has(.lastTradeTime) && !neither.has(.exchangeTime))
    #expect(neither.has([.ltp, .openInterest, .depth]), "the rest stays")
  }

  @Test func `a quote has neither times nor open interest, whatever follows it`() throws {
    let packet = KitePacket.numbered(length: 44)
    // The next packet begins where a full one would have its last trade.
    let frame: [UInt8] = [0, 2, 0, 44] + packet.bytes + [0, 184] + KitePacket.numbered(length: 184).bytes
    let ticks = KiteRun(frame, tokens: [KitePacket.token]).ticks
    #expect(ticks.count == 2)
    let quote = try #require(ticks.first)
    #expect(quote.mode == Mode.quote.rawValue)
    for bit in [Presence.lastTradeTime, .exchangeTime, .openInterest, .openInterestRange, .depth] {
      #expect(!quote.has(bit))
    }
    #expect(quote.lastTradeQuantity == 8 && quote.volume == 16)
    #expect(quote.totalBuyQuantity == 20 && quote.totalSellQuantity == 24)
    #expect([quote.open, quote.high, quote.low, quote.close] == [28, 32, 36, 40].map { $0 * Self.paise })
  }

  @Test func `an index has its time at 28, and none when it is zero`() throws {
    let packet = KitePacket.numbered(length: 32, token: KitePacket.indexToken)
    let tick = try #require(packet.tick)
    #expect(tick.has([.exchangeTime, .lastTradeTime]))
    #expect(tick.exchangeTime == 28 * Self.second && tick.lastTradeTime == 28 * Self.second)
    #expect([tick.high, tick.low, tick.open, tick.close] == [8, 12, 16, 20].map { $0 * Self.paise })
    let untimed = try #require(packet.with(UInt32(0), at: 28).tick)
    #expect(!untimed.has(.exchangeTime) && !untimed.has(.lastTradeTime) && untimed.has([.ltp, .ohlc]))
  }

  /// What the test below sends as the level of this number.
  private static func level(_ number: Int) -> DepthLevel {
    DepthLevel(price: Int64(1000 + number) * paise, quantity: UInt32(100 + number), orders: UInt32(0x0A00 + number))
  }

  @Test(arguments: [0, 0xBEEF, 0xFFFF] as [UInt16])
  func `the padding of a level is skipped`(padding: UInt16) throws {
    var packet = KitePacket(length: 184)
    for level in 0..<10 {
      packet = packet.withLevel(
        level, quantity: UInt32(100 + level), price: Int32(1000 + level), orders: UInt16(0x0A00 + level),
        padding: padding)
    }
    let tick = try #require(packet.tick)
    #expect(tick.bidLevels == 5 && tick.askLevels == 5)
    for level in 0..<5 {
      #expect(tick.bids[level] == Self.level(level), "bid \(level)")
      #expect(tick.asks[level] == Self.level(level + 5), "ask \(level)")
    }
    #expect(tick.openInterest == 0 && tick.openInterestLow == 0, "nothing of the book is elsewhere")
  }

  @Test func `a level of nothing but padding is empty`() throws {
    var packet = KitePacket(length: 184).withLevel(0, quantity: 7, price: 1000, orders: 1, padding: 0xBEEF)
    for level in 1..<10 { packet = packet.withLevel(level, quantity: 0, price: 0, orders: 0, padding: 0xBEEF) }
    let tick = try #require(packet.tick)
    #expect(tick.bidLevels == 1 && tick.askLevels == 0)
    #expect(tick.has(.bestBid) && !tick.has(.bestAsk))
    #expect(
      (1..<5).allSatisfy { tick.bids[$0] == DepthLevel() } && (0..<5).allSatisfy { tick.asks[$0] == DepthLevel() })
  }
}
