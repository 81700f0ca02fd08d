// The bytes that clients of the binary stream read, against vectors and against the layout of docs/binary.md.

import Fanout
import Market
import Testing

@Suite struct BinaryEncoderTests {
  private static let received: Int64 = 1_795_399_040_661_234_567

  /// The tick of the vectors: every field filled, whatever the presence bits say.
  private func tick(presence: Presence = everyPresence) -> Tick {
    var tick = Tick()
    tick.instrument = 3
    tick.feed = 1
    tick.mode = Mode.depth.rawValue
    tick.presence = presence.rawValue
    tick.reserved = .max
    tick.sequence = 41
    tick.quoteSequence = 17
    tick.depthSequence = 1 << 63 + 5
    tick.receivedTime = Self.received
    tick.publishedTime = Self.received + 18_250
    tick.exchangeTime = 1_795_399_040_000_000_000
    tick.lastTradeTime = 1_795_399_039_000_000_000
    tick.ltp = 151_140_000_000
    tick.open = 150_200_000_000
    tick.high = 151_680_000_000
    tick.low = 149_810_000_000
    tick.close = 150_025_000_000
    tick.volume = 4_410_233
    tick.lastTradeQuantity = 12
    tick.averagePrice = 150_877_000_000
    tick.totalBuyQuantity = 311_200
    tick.totalSellQuantity = 402_150
    tick.openInterest = 7_654_321
    tick.upperCircuit = 165_030_000_000
    tick.lowerCircuit = 135_020_000_000
    tick.bidPrice = 151_135_000_000
    tick.askPrice = 151_140_000_000
    tick.bidQuantity = 240
    tick.askQuantity = 4_000_000_000
    tick.openInterestHigh = 8_000_000
    tick.openInterestLow = 7_000_000
    tick.bidLevels = 2
    tick.askLevels = 5
    tick.bids = .init(repeating: DepthLevel(price: .min, quantity: .max, orders: .max))
    tick.bids[0] = DepthLevel(price: 151_135_000_000, quantity: 240, orders: 6)
    tick.bids[1] = DepthLevel(price: 151_130_000_000, quantity: 1000, orders: 9)
    tick.asks[0] = DepthLevel(price: 151_140_000_000, quantity: 4_000_000_000, orders: 3)
    tick.asks[1] = DepthLevel(price: 151_145_000_000, quantity: 7, orders: 1)
    tick.asks[2] = DepthLevel(price: 151_150_000_000, quantity: 80, orders: 2)
    tick.asks[3] = DepthLevel(price: 151_155_000_000, quantity: 90, orders: 4)
    tick.asks[4] = DepthLevel(price: 151_160_000_000, quantity: 100, orders: 5)
    return tick
  }

  @Test func `an LTP record has the bytes of the document`() {
    #expect(
      hex(binary(tick(), .ltp))
        == "3800010003000000" + "2900000000000000" + "070001004a470000" + "87a3b040ea89ea18"
        + "00004719ea89ea18" + "0036acdde989ea18" + "0061a53023000000")
  }

  @Test(arguments: Mode.allCases)
  func `records of every mode are those of the vectors, full and empty`(_ mode: Mode) throws {
    let name = mode.label.lowercased()
    #expect(try hex(binary(tick(), mode)) == binaryVector(name))
    #expect(try hex(binary(tick(presence: []), mode)) == binaryVector("\(name) without fields"))
  }

  @Test(arguments: Mode.allCases)
  func `a snapshot is the record with a flag and its age at the end`(_ mode: Mode) throws {
    var tick = tick()
    let bytes = binary(room: BinaryEncoder.bytes(mode) + 8) {
      BinaryEncoder.encodeSnapshot(&tick, mode, ageMillis: 86_400_001, into: $0)
    }
    #expect(try hex(bytes) == binaryVector("\(mode.label.lowercased()) snapshot"))
    #expect(try #require(bytes).count <= BinaryEncoder.tickBytesMax)
  }

  @Test func `the delay of publication stops at its bounds`() throws {
    var late = tick(presence: .ltp)
    (late.sequence, late.feed, late.ltp) = (1, 0, 5)
    late.publishedTime = Self.received + 4_294_967_296
    #expect(try hex(binary(late, .ltp)) == binaryVector("late publication"))
    late.ltp = -3_763_000_000
    late.publishedTime = Self.received - 1
    #expect(try hex(binary(late, .ltp)) == binaryVector("negative price"))
    late.receivedTime = .min
    late.publishedTime = .max
    #expect(binary(late, .ltp) != nil)
  }

  @Test func `hello, feed and instrument records are those of the vectors`() throws {
    let hello = binary(room: BinaryLayout.Hello.bytes) {
      BinaryEncoder.encodeHello(epochMillis: 1_795_390_000_123, gatewayTime: Self.received, into: $0)
    }
    #expect(try hex(hello) == binaryVector("hello"))
    for (vector, index, name) in [
      ("feed", 1, "zerodha"), ("feed of eight bytes", 255, "upstox42"), ("feed without a name", 0, ""),
    ] {
      let bytes = binary(room: try #require(BinaryEncoder.feedBytes(name))) {
        BinaryEncoder.encodeFeed(index: UInt8(index), name: name, into: $0)
      }
      #expect(try hex(bytes) == binaryVector(vector))
    }
    let rupee = Price.scale
    let rows: [(String, UInt32, Instrument)] = [
      (
        "option", 70_000,
        Instrument(
          key: InstrumentKey(.nfo, "VEDL25APR24292.5CE"), name: "VEDL", expiryDay: 19_838, strike: 2925 * rupee / 10,
          lotSize: 2300, tickSize: 5_000_000, kind: .call)
      ),
      ("share", 3, Instrument(key: InstrumentKey(.nse, "M&M"), name: "", tickSize: 5_000_000, kind: .equity)),
      (
        "currency future", .max,
        Instrument(
          key: InstrumentKey(.cds, "USDINR29DEC26FUT"), name: "USDINR", expiryDay: 20_816, lotSize: 1000,
          tickSize: 250_000, kind: .future)
      ),
      ("index", 9, Instrument(key: InstrumentKey(.nseIndex, "NIFTY50"), name: "", tickSize: 5_000_000, kind: .index)),
      (
        "put with a symbol beyond ASCII", 10,
        Instrument(
          key: InstrumentKey(.bfo, "É€PE"), name: "É€", expiryDay: 20_000, strike: rupee, lotSize: 20,
          tickSize: 5_000_000, kind: .put)
      ),
    ]
    for (vector, id, instrument) in rows {
      let bytes = binary(room: try #require(BinaryEncoder.instrumentBytes(instrument))) {
        BinaryEncoder.encodeInstrument(id: id, instrument, into: $0)
      }
      #expect(try hex(bytes) == binaryVector(vector), "\(vector)")
    }
  }

  @Test func `a name of any length is padded with zeros or refused`() throws {
    for count in Array(0...40) + [1023, 1024, 1025] {
      let name = String(repeating: "n", count: count)
      let instrument = Instrument(key: InstrumentKey(.nse, name), name: "", lotSize: -1, tickSize: 1, kind: .equity)
      let instrumentBytes = BinaryEncoder.instrumentBytes(instrument)
      let bytes = try #require(
        binary(room: instrumentBytes ?? 0) { BinaryEncoder.encodeInstrument(id: 1, instrument, into: $0) })
      #expect(bytes.count == instrumentBytes ?? 0 && bytes.count <= BinaryEncoder.recordBytesMax)
      let feed = try #require(
        binary(room: BinaryEncoder.feedBytes(name) ?? 0) { BinaryEncoder.encodeFeed(index: 1, name: name, into: $0) })
      guard count <= BinaryEncoder.nameBytesMax else {
        #expect(bytes.isEmpty && feed.isEmpty)
        continue
      }
      for (record, text, size) in [(bytes, "NSE" + name, 38), (feed, name, 10)] {
        let wire = WireRecord(bytes: record)
        #expect(record.count % 8 == 0 && Int(wire.u16(0)) == record.count && Int(wire.u16(size)) == count)
        let start = Int(wire.u16(size == 38 ? 34 : 8))
        #expect(Array(record[start..<start + text.utf8.count]) == Array(text.utf8))
        let padding = record[(start + text.utf8.count)...]
        #expect(padding.count < 8 && padding.allSatisfy { $0 == 0 })
      }
      #expect(WireRecord(bytes: bytes).u32(24) == 0, "a lot of less than nothing")
    }
  }

  @Test func `sizes and offsets are those of the document`() {
    #expect(Mode.allCases.map { BinaryEncoder.bytes($0) } == [56, 176, 360])
    #expect(BinaryEncoder.tickBytesMax == 368)
    #expect(BinaryRecord.allCases.map(\.rawValue) == [1, 2, 3, 4, 16, 17, 18])
    #expect(Mode.allCases.map(\.rawValue) == [BinaryRecord.ltp, .quote, .depth].map(\.rawValue))
    #expect(BinaryKind.allCases.map(\.rawValue) == [1, 2, 3, 4, 5])
    #expect(BinaryLayout.subprotocol == "tickgate.v1" && BinaryLayout.version == 1)
    typealias Depth = BinaryLayout.Depth
    typealias Quote = BinaryLayout.Quote
    typealias LTP = BinaryLayout.LTP
    let words = [
      LTP.sequence, LTP.presence, LTP.receivedTime, LTP.exchangeTime, LTP.lastTradeTime, LTP.ltp, LTP.bytes,
      Quote.high, Quote.low, Quote.close, Quote.volume, Quote.lastTradeQuantity, Quote.averagePrice,
      Quote.totalBuyQuantity, Quote.totalSellQuantity, Quote.openInterest, Quote.upperCircuit, Quote.lowerCircuit,
      Quote.bidPrice, Quote.askPrice, Quote.bidQuantity, Quote.bytes, Depth.openInterestLow, Depth.bidLevels,
      Depth.bids,
    ]
    #expect(words == Array(stride(from: 8, through: 200, by: 8)))
    #expect(Quote.open == LTP.bytes && Depth.openInterestHigh == Quote.bytes && Quote.askQuantity == 172)
    #expect(Depth.asks == Depth.bids + 5 * Depth.levelBytes && Depth.bytes == Depth.asks + 5 * Depth.levelBytes)
    #expect(
      [LTP.feed, LTP.reserved, LTP.publishedDelayNanos, Depth.askLevels, Depth.reserved] == [18, 19, 20, 193, 194])
  }

  @Test func `presence bits of the wire are those of ticks`() {
    typealias Wire = BinaryPresence
    let wire = [
      Wire.ltp, Wire.lastTradeTime, Wire.exchangeTime, Wire.dayRange, Wire.volume, Wire.lastTradeQuantity,
      Wire.averagePrice, Wire.totals, Wire.openInterest, Wire.openInterestRange, Wire.circuits, Wire.bestBid,
      Wire.bestAsk, Wire.depth, Wire.close, Wire.suspect,
    ]
    let own: [Presence] = [
      .ltp, .lastTradeTime, .exchangeTime, .dayRange, .volume, .lastTradeQuantity, .averagePrice, .totals,
      .openInterest,
      .openInterestRange, .circuits, .bestBid, .bestAsk, .depth, .close, .suspect,
    ]
    #expect(wire.map { UInt32($0) } == own.map(\.rawValue))
    #expect(wire == (0..<16).map { 1 << $0 })
    #expect(Wire.ofLTP == 0x8007 && Wire.ofQuote == 0xDDFF && Wire.ofDepth == 0xFFFF)
  }
}
