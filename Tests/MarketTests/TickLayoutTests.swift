import Market
import Testing

@Suite struct TickLayoutTests {
  @Test func `the size and the mode prefixes are what the ring slot is cut for`() {
    #expect(MemoryLayout<Tick>.size == 376)
    #expect(MemoryLayout<Tick>.stride == 376)
    #expect(MemoryLayout<DepthLevel>.size == 16)
    #expect(MemoryLayout<Tick>.offset(of: \.lastTradeTime) == 56)
    #expect(MemoryLayout<Tick>.offset(of: \.open) == 64)
    #expect(MemoryLayout<Tick>.offset(of: \.quoteSequence) == 184)
    #expect(MemoryLayout<Tick>.offset(of: \.depthSequence) == 192)
    #expect(MemoryLayout<Tick>.offset(of: \.bids) == 216)
    #expect(MemoryLayout<Tick>.offset(of: \.asks) == 296)
    #expect(Tick.words(ofMode: 1) * 8 == MemoryLayout<Tick>.offset(of: \.open))
    #expect(Tick.words(ofMode: 2) * 8 == MemoryLayout<Tick>.offset(of: \.depthSequence))
    #expect(Tick.words(ofMode: 3) * 8 == MemoryLayout<Tick>.size)
  }

  @Test func `every offset of the record is fixed`() {
    #expect(MemoryLayout<Tick>.offset(of: \.instrument) == 0)
    #expect(MemoryLayout<Tick>.offset(of: \.feed) == 4)
    #expect(MemoryLayout<Tick>.offset(of: \.mode) == 5)
    #expect(MemoryLayout<Tick>.offset(of: \.bidLevels) == 6)
    #expect(MemoryLayout<Tick>.offset(of: \.askLevels) == 7)
    #expect(MemoryLayout<Tick>.offset(of: \.presence) == 8)
    #expect(MemoryLayout<Tick>.offset(of: \.sequence) == 16)
    #expect(MemoryLayout<Tick>.offset(of: \.receivedTime) == 24)
    #expect(MemoryLayout<Tick>.offset(of: \.exchangeTime) == 32)
    #expect(MemoryLayout<Tick>.offset(of: \.publishedTime) == 40)
    #expect(MemoryLayout<Tick>.offset(of: \.ltp) == 48)
    #expect(MemoryLayout<Tick>.offset(of: \.close) == 88)
    #expect(MemoryLayout<Tick>.offset(of: \.volume) == 96)
    #expect(MemoryLayout<Tick>.offset(of: \.openInterest) == 136)
    #expect(MemoryLayout<Tick>.offset(of: \.bidPrice) == 160)
    #expect(MemoryLayout<Tick>.offset(of: \.bidQuantity) == 176)
  }
}
