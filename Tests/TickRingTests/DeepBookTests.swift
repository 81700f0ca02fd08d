import Glibc
import Market
import Synchronization
import Testing
import TickRing

@Suite struct DeepBookTests {
  private static let base: UInt32 = 2
  private static let id: UInt32 = 4

  private func values() -> LastValueTable {
    LastValueTable(count: 6, books: DeepBookTable(first: 4, count: 2))
  }

  /// All prices, quantities and orders of an update are made of its number.
  private func book(_ number: Int64, sides: BookSides = [.bids, .asks], bids: Int = 20, asks: Int = 20) -> DeepBook {
    var book = DeepBook()
    book.instrument = Self.base
    book.sides = sides.rawValue
    book.capacity = 20
    book.receivedTime = number
    book.bidLevels = UInt16(bids)
    book.askLevels = UInt16(asks)
    for level in 0..<bids {
      book.bids[level] = DepthLevel(price: number - Int64(level), quantity: UInt32(number), orders: UInt32(level))
    }
    for level in 0..<asks {
      book.asks[level] = DepthLevel(price: number + 1 + Int64(level), quantity: UInt32(number), orders: UInt32(level))
    }
    return book
  }

  @Test func `an update is announced by a tick with the prices of its instrument`() throws {
    let values = values()
    let ring = TickRing(capacity: 16)
    var sequencer = TickSequencer(ring: ring, lastValues: values)
    var reader = TickReader(ring)
    var price = Tick()
    price.instrument = Self.base
    price.mode = Mode.depth.rawValue
    price.presence = Presence([.ltp, .volume, .depth, .bestBid]).rawValue
    price.ltp = 77
    price.volume = 5
    price.bidLevels = 1
    price.bids[0].price = 1
    sequencer.submit(&price, publishedNanos: 1)
    var update = book(100)
    sequencer.submit(&update, as: Self.id, publishedNanos: 9)
    sequencer.flush()
    var tick = Tick()
    #expect(reader.read(into: &tick) == .tick && tick.instrument == Self.base)
    #expect(reader.read(into: &tick) == .tick && tick.instrument == Self.id)
    #expect(tick.ltp == 77 && tick.volume == 5 && tick.has([.ltp, .volume, .depth, .bestBid, .bestAsk]))
    #expect(tick.depthSequence == 1 && tick.sequence == 1 && tick.publishedTime == 9 && tick.receivedTime == 100)
    #expect(tick.bidLevels == 5 && tick.bids[4].price == 96 && tick.bidPrice == 100 && tick.askPrice == 101)
    var read = DeepBook()
    let books = try #require(values.books)
    #expect(books.read(Self.id, sequence: 1, into: &read))
    #expect(read.bidLevels == 20 && read.bids[19].price == 81 && read.asks[19].price == 120 && read.sequence == 1)
    #expect(!books.read(5, sequence: 1, into: &read))
  }

  @Test func `prices of the lowest mode bring nothing else along, and no price is none`() {
    let values = values()
    var sequencer = TickSequencer(ring: TickRing(capacity: 16), lastValues: values)
    var update = book(100, bids: 0)
    sequencer.submit(&update, as: Self.id, publishedNanos: 1)
    #expect(values[Self.id]?.presence == Presence([.depth, .bestAsk]).rawValue && values[Self.id]?.bidLevels == 0)
    var price = Tick()
    price.instrument = Self.base
    price.mode = Mode.quote.rawValue
    price.presence = Presence([.ltp, .volume]).rawValue
    price.ltp = 7
    price.volume = 3
    sequencer.submit(&price, publishedNanos: 1)
    price.mode = Mode.ltp.rawValue
    price.ltp = 8
    sequencer.submit(&price, publishedNanos: 1)
    sequencer.submit(&update, as: Self.id, publishedNanos: 1)
    #expect(values[Self.id]?.presence == Presence([.ltp, .depth, .bestAsk]).rawValue && values[Self.id]?.ltp == 8)
  }

  @Test func `prices from before the time from which they are kept are left out`() {
    let values = values()
    var sequencer = TickSequencer(ring: TickRing(capacity: 16), lastValues: values)
    #expect(sequencer.lastFeed(of: Self.base) == nil)
    var price = Tick()
    price.instrument = Self.base
    price.feed = 3
    price.mode = Mode.ltp.rawValue
    price.presence = Presence.ltp.rawValue
    price.receivedTime = 50
    sequencer.submit(&price, publishedNanos: 1)
    #expect(sequencer.lastFeed(of: Self.base) == 3)
    for (since, has) in [(Int64(50), true), (51, false), (.max, false)] {
      var update = book(100)
      sequencer.submit(&update, as: Self.id, pricesSince: since, publishedNanos: 1)
      #expect(values[Self.id]?.has(.ltp) == has && values[Self.id]?.has(.depth) == true)
    }
  }

  @Test func `a side that an update does not bring stays`() throws {
    let values = values()
    var sequencer = TickSequencer(ring: TickRing(capacity: 16), lastValues: values)
    let books = try #require(values.books)
    var read = DeepBook()
    for (number, sides) in [(Int64(100), BookSides([.bids, .asks])), (200, .bids), (300, .asks), (400, .asks)] {
      var update = book(
        number, sides: sides, bids: sides.contains(.bids) ? 7 : 0, asks: sides.contains(.asks) ? 8 : 0)
      sequencer.submit(&update, as: Self.id, publishedNanos: 1)
    }
    let expected: [(UInt64, Int64, Int64)] = [(1, 100, 101), (2, 200, 101), (3, 200, 301), (4, 200, 401)]
    for (sequence, bid, ask) in expected {
      #expect(books.read(Self.id, sequence: sequence, into: &read))
      #expect(read.bidLevels == 7 && read.askLevels == 8 && read.bids[0].price == bid && read.asks[0].price == ask)
    }
    #expect(values[Self.id]?.bidPrice == 200 && values[Self.id]?.askPrice == 401)
  }

  @Test func `a reader that was overtaken gets the newest`() throws {
    let values = values()
    var sequencer = TickSequencer(ring: TickRing(capacity: 16), lastValues: values)
    let books = try #require(values.books)
    for number in 1...20 {
      var update = book(Int64(number))
      sequencer.submit(&update, as: Self.id, publishedNanos: 1)
    }
    var read = DeepBook()
    for sequence in UInt64(1)...20 {
      #expect(books.read(Self.id, sequence: sequence, into: &read))
      #expect(read.sequence == (sequence > 12 ? sequence : 20) && read.bids[0].price == Int64(read.sequence))
    }
  }

  @Test func `readers never see a torn book while the writer goes round`() throws {
    let values = values()
    let books = try #require(values.books)
    let isDone = Atomic<Bool>(false)
    let reads = Atomic<Int>(0)
    let torn = Atomic<Int>(0)
    let updates = 10_000
    let threads = (0..<2).map { _ in
      thread {
        var read = DeepBook()
        while !isDone.load(ordering: .acquiring) {
          guard let tick = values[Self.id], books.read(Self.id, sequence: tick.depthSequence, into: &read) else {
            continue
          }
          reads.add(1, ordering: .relaxed)
          let number = read.receivedTime
          let isWhole =
            read.sequence >= tick.depthSequence && Int64(read.sequence) == number
            && (0..<Int(read.bidLevels)).allSatisfy {
              read.bids[$0].price == number - Int64($0) && read.bids[$0].quantity == UInt32(number)
            }
            && (0..<Int(read.askLevels)).allSatisfy { read.asks[$0].price == number + 1 + Int64($0) }
          if !isWhole { torn.add(1, ordering: .relaxed) }
        }
      }
    }
    var sequencer = TickSequencer(ring: TickRing(capacity: 16), lastValues: values)
    for number in 1...updates {
      var update = book(Int64(number), bids: 1 + number % 20, asks: 1 + number % 17)
      sequencer.submit(&update, as: Self.id, publishedNanos: 1)
    }
    isDone.store(true, ordering: .releasing)
    for id in threads { pthread_join(id, nil) }
    #expect(torn.load(ordering: .relaxed) == 0)
  }
}
