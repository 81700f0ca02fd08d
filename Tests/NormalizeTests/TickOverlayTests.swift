// The overlay: what an update carries is laid over the state, nothing is lost, nothing is made up.

import Market
import Normalize
import TestSupport
import Testing

@Suite struct TickOverlayTests {
  /// What stands in an expectation must be copyable.
  private final class Overlay {
    private var overlay: TickOverlay

    init(count: Int) { overlay = TickOverlay(count: count) }
    func apply(_ tick: inout Tick) -> Bool { overlay.apply(&tick) }
    func judge(_ tick: inout Tick) { overlay.judge(&tick) }
    func forget(_ instrument: UInt32) { overlay.forget(instrument) }
    func forgetAll() { overlay.forgetAll() }
  }

  /// An update that holds garbage in every field that it does not name, as decoders leave it.
  private func update(_ presence: Presence, _ mode: Mode, value: Int64, instrument: UInt32 = 0) -> Tick {
    var tick = garbage
    tick.instrument = instrument
    tick.mode = mode.rawValue
    tick.presence = presence.rawValue
    set(presence, of: &tick, to: value)
    return tick
  }

  private var garbage: Tick {
    var tick = Tick()
    set(Presence(rawValue: ~0), of: &tick, to: 0x5555_5555)
    tick.sequence = 11
    tick.publishedTime = 12
    tick.quoteSequence = 13
    tick.depthSequence = 14
    tick.receivedTime = 15
    return tick
  }

  private func set(_ presence: Presence, of tick: inout Tick, to value: Int64) {
    let level = DepthLevel(price: value, quantity: UInt32(truncatingIfNeeded: value), orders: 1)
    if presence.contains(.ltp) { tick.ltp = value }
    if presence.contains(.lastTradeTime) { tick.lastTradeTime = value }
    if presence.contains(.exchangeTime) { tick.exchangeTime = value }
    if presence.contains(.dayRange) { (tick.open, tick.high, tick.low) = (value, value, value) }
    if presence.contains(.close) { tick.close = value }
    if presence.contains(.volume) { tick.volume = value }
    if presence.contains(.lastTradeQuantity) { tick.lastTradeQuantity = value }
    if presence.contains(.averagePrice) { tick.averagePrice = value }
    if presence.contains(.totals) { (tick.totalBuyQuantity, tick.totalSellQuantity) = (value, value) }
    if presence.contains(.openInterest) { tick.openInterest = value }
    if presence.contains(.openInterestRange) { (tick.openInterestHigh, tick.openInterestLow) = (value, value) }
    if presence.contains(.circuits) { (tick.upperCircuit, tick.lowerCircuit) = (value, value) }
    if presence.contains(.bestBid) { (tick.bidPrice, tick.bidQuantity) = (value, level.quantity) }
    if presence.contains(.bestAsk) { (tick.askPrice, tick.askQuantity) = (value, level.quantity) }
    if presence.contains(.depth) {
      tick.bids = .init(repeating: level)
      tick.asks = .init(repeating: level)
      tick.bidLevels = 5
      tick.askLevels = 5
    }
  }

  /// Values of one presence bit, all that belong to it.
  private func values(_ bit: Presence, of tick: Tick) -> [Int64] {
    switch bit {
    case .ltp: [tick.ltp]
    case .lastTradeTime: [tick.lastTradeTime]
    case .exchangeTime: [tick.exchangeTime]
    case .dayRange: [tick.open, tick.high, tick.low]
    case .close: [tick.close]
    case .volume: [tick.volume]
    case .lastTradeQuantity: [tick.lastTradeQuantity]
    case .averagePrice: [tick.averagePrice]
    case .totals: [tick.totalBuyQuantity, tick.totalSellQuantity]
    case .openInterest: [tick.openInterest]
    case .openInterestRange: [tick.openInterestHigh, tick.openInterestLow]
    case .circuits: [tick.upperCircuit, tick.lowerCircuit]
    case .bestBid: [tick.bidPrice, Int64(tick.bidQuantity)]
    case .bestAsk: [tick.askPrice, Int64(tick.askQuantity)]
    default: (0..<5).flatMap { [tick.bids[$0].price, tick.asks[$0].price] }
    }
  }

  private static let bits: [Presence] = [
    .ltp, .lastTradeTime, .exchangeTime, .dayRange, .close, .volume, .lastTradeQuantity, .averagePrice, .totals,
    .openInterest, .openInterestRange, .circuits, .bestBid, .bestAsk, .depth,
  ]

  @Test func `random updates leave exactly the newest value of every field`() {
    var generator = SeededGenerator()
    let overlay = Overlay(count: 3)
    var model: [UInt32: [UInt32: Int64]] = [:]
    var modes: [UInt32: UInt8] = [:]
    for round in 1...20_000 as ClosedRange<Int64> {
      let instrument = UInt32.random(in: 0..<3, using: &generator)
      if round % 97 == 0 {
        overlay.forget(instrument)
        (model[instrument], modes[instrument]) = (nil, nil)
      } else if round % 1009 == 0 {
        overlay.forgetAll()
        (model, modes) = ([:], [:])
      }
      let chosen = Presence(Self.bits.filter { _ in Bool.random(using: &generator) && Bool.random(using: &generator) })
      let mode = Mode.allCases.randomElement(using: &generator) ?? .ltp
      var tick = update(chosen, mode, value: round, instrument: instrument)
      var known = model[instrument] ?? [:]
      if chosen.contains(.depth) {
        known[Presence.bestBid.rawValue] = nil
        known[Presence.bestAsk.rawValue] = nil
      }
      for bit in Self.bits where chosen.contains(bit) { known[bit.rawValue] = round }
      model[instrument] = known

      let isPublished = overlay.apply(&tick)
      let hint: Comment = "seed \(generator.seed), round \(round)"
      #expect(isPublished == (known[Presence.ltp.rawValue] != nil), hint)
      // Both circuit limits are the same value here, so that nearly every price is suspect.
      #expect(tick.presence & ~Presence.suspect.rawValue == known.keys.reduce(0, |), hint)
      for bit in Self.bits {
        guard let value = known[bit.rawValue] else { continue }
        #expect(values(bit, of: tick).allSatisfy { $0 == value }, hint)
      }
      modes[instrument] = max(modes[instrument] ?? 0, tick.mode)
      #expect(tick.mode == modes[instrument] && tick.mode >= mode.rawValue, hint)
      #expect(tick.mode >= prefix(of: tick), hint)
      #expect([tick.sequence, tick.quoteSequence, tick.depthSequence] == [11, 13, 14], hint)
      #expect([tick.publishedTime, tick.receivedTime] == [12, 15], hint)
    }
  }

  /// The lowest mode that writes all that is present.
  private func prefix(of tick: Tick) -> UInt8 {
    let present = Presence(rawValue: tick.presence).subtracting(.suspect)
    if !present.isDisjoint(with: [.depth, .openInterestRange]) { return 3 }
    return present.subtracting([.ltp, .lastTradeTime, .exchangeTime]).isEmpty ? 1 : 2
  }

  // MARK: What brokers send in parts

  @Test func `open interest before the first quote waits for it`() {
    let overlay = Overlay(count: 1)
    var interest = update(.openInterest, .quote, value: 7)
    #expect(!overlay.apply(&interest))
    var quote = update([.ltp, .ohlc, .volume], .quote, value: 8)
    #expect(overlay.apply(&quote))
    #expect(quote.has([.ltp, .openInterest]) && quote.openInterest == 7 && quote.ltp == 8)
  }

  @Test func `a close of zero leaves the known one`() {
    let overlay = Overlay(count: 1)
    var close = update(.close, .quote, value: 7)
    #expect(!overlay.apply(&close))
    var quote = update([.ltp, .ohlc], .quote, value: 8)
    quote.close = 0
    #expect(overlay.apply(&quote))
    #expect(quote.close == 7 && quote.has(.ohlc))
    var later = update([.ltp, .ohlc], .quote, value: 9)
    #expect(overlay.apply(&later))
    #expect(later.close == 9)
    var unknown = update([.ltp, .ohlc], .quote, value: 9)
    unknown.close = 0
    overlay.forget(0)
    #expect(overlay.apply(&unknown))
    #expect(!unknown.has(.close) && unknown.has(.dayRange))
  }

  @Test func `the packets of a Dhan quote make one tick`() {
    var decoder = DhanDecoder(
      tokens: TokenMap([FeedListing(instrument: 0, segment: 2, token: "52175")], withSegment: true), feed: 1)
    let overlay = Overlay(count: 1)
    var tick = Tick()
    var book = DeepBook()
    func packet(_ code: UInt8) -> DhanPacket { DhanPacket(code: code, segment: 2, token: 52175) }
    let frame =
      packet(5).with(UInt32(40), at: 8).bytes + packet(6).with(Float(99.5), at: 8).bytes
      + packet(4).with(Float(101.25), at: 8).bytes
    var published: [Bool] = []
    frame.withUnsafeBytes { raw in
      decoder.begin(raw, receivedNanos: 5)
      while decoder.next(into: &tick, book: &book) == .tick { published.append(overlay.apply(&tick)) }
    }
    #expect(published == [false, false, true])
    #expect(tick.ltp == 10_125_000_000 && tick.close == 9_950_000_000 && tick.openInterest == 40)
    #expect(tick.has([.ltp, .ohlc, .openInterest, .volume]) && tick.mode == Mode.quote.rawValue)
  }

  @Test func `a book without a best bid takes the old one away`() {
    let overlay = Overlay(count: 1)
    var first = update([.ltp, .depth, .bestBid, .bestAsk], .depth, value: 7)
    _ = overlay.apply(&first)
    var second = update([.depth, .bestAsk], .depth, value: 8)
    #expect(overlay.apply(&second))
    #expect(!second.has(.bestBid) && second.has([.ltp, .bestAsk, .depth]))
    var third = update(.ltp, .ltp, value: 9)
    #expect(overlay.apply(&third))
    #expect(
      third.mode == Mode.depth.rawValue && third.askPrice == 8 && third.bids[4].price == 8 && third.bidLevels == 5)
  }

  @Test func `what is forgotten does not come back`() {
    let overlay = Overlay(count: 2)
    for instrument in 0..<2 as Range<UInt32> {
      var tick = update(Presence(Self.bits), .depth, value: 7, instrument: instrument)
      _ = overlay.apply(&tick)
    }
    overlay.forget(0)
    overlay.forget(9)
    var forgotten = update(.volume, .quote, value: 8)
    #expect(!overlay.apply(&forgotten) && Presence(rawValue: forgotten.presence) == .volume)
    var kept = update(.volume, .quote, value: 8, instrument: 1)
    #expect(overlay.apply(&kept) && kept.has(.depth))
    overlay.forgetAll()
    kept = update(.volume, .quote, value: 8, instrument: 1)
    #expect(!overlay.apply(&kept) && kept.mode == Mode.quote.rawValue)
  }

  @Test func `an instrument beyond the rows is passed on`() {
    let overlay = Overlay(count: 1)
    for instrument in [1, TokenMap.absent] {
      var tick = update(.ltp, .ltp, value: 7, instrument: instrument)
      #expect(overlay.apply(&tick) && Presence(rawValue: tick.presence) == .ltp)
      overlay.judge(&tick)
      #expect(Presence(rawValue: tick.presence) == .ltp)
      var without = update(.volume, .quote, value: 7, instrument: instrument)
      #expect(!overlay.apply(&without))
    }
  }

  // MARK: Circuit limits

  private func price(_ ltp: Int64, upper: Int64? = nil, lower: Int64? = nil) -> Tick {
    var tick = update(upper == nil ? .ltp : [.ltp, .circuits], upper == nil ? .ltp : .quote, value: ltp)
    if let upper, let lower { (tick.upperCircuit, tick.lowerCircuit) = (upper, lower) }
    return tick
  }

  @Test(arguments: [false, true])
  func `a price outside the circuit limits is suspect, also when they came earlier`(applies: Bool) {
    let overlay = Overlay(count: 1)
    func isSuspect(_ tick: Tick) -> Bool {
      var tick = tick
      if applies { _ = overlay.apply(&tick) } else { overlay.judge(&tick) }
      return tick.has(.suspect)
    }
    #expect(!isSuspect(price(1_000)))
    #expect(!isSuspect(price(110, upper: 110, lower: 90)))
    #expect(!isSuspect(price(90)))
    #expect(isSuspect(price(89)))
    #expect(isSuspect(price(111)))
    #expect(isSuspect(price(110, upper: 109, lower: 90)))
    #expect(!isSuspect(price(109)))
    overlay.forgetAll()
    #expect(!isSuspect(price(1_000)))
  }

  @Test(arguments: [(Int64(0), Int64(0)), (90, 110), (0, 50), (-1, -5)])
  func `limits that say nothing make nothing suspect`(upper: Int64, lower: Int64) {
    let overlay = Overlay(count: 1)
    var tick = price(100, upper: upper, lower: lower)
    overlay.judge(&tick)
    #expect(!tick.has(.suspect))
  }

  @Test func `judging adds nothing else`() {
    let overlay = Overlay(count: 1)
    var full = update(Presence(Self.bits), .depth, value: 7)
    overlay.judge(&full)
    var tick = update(.ltp, .ltp, value: 7)
    overlay.judge(&tick)
    #expect(Presence(rawValue: tick.presence) == .ltp && tick.mode == Mode.ltp.rawValue)
  }
}
