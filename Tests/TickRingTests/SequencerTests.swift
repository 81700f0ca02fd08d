import Glibc
import Market
import Synchronization
import Testing
import TickRing

@Suite struct SequencerTests {
  @Test func `sequences count per instrument and mode`() throws {
    let ring = TickRing(capacity: 64)
    var sequencer = TickSequencer(ring: ring, lastValues: LastValueTable(count: 4))
    var reader = TickReader(ring)
    var seen: [[UInt64]] = []
    for (instrument, mode) in [(UInt32(1), Mode.ltp), (1, .quote), (1, .depth), (2, .quote), (1, .ltp), (1, .depth)] {
      var tick = Tick()
      tick.instrument = instrument
      tick.mode = mode.rawValue
      sequencer.submit(&tick, publishedNanos: 9)
    }
    sequencer.flush()
    var out = Tick()
    while reader.read(into: &out) == .tick {
      let mode = try #require(Mode(rawValue: out.mode))
      seen.append([UInt64(out.instrument)] + Mode.allCases.filter { $0 <= mode }.map { out.sequence(of: $0) })
      #expect(out.publishedTime == 9)
    }
    #expect(seen == [[1, 1], [1, 2, 1], [1, 3, 2, 1], [2, 1, 1], [1, 4], [1, 5, 3, 2]])
    #expect(sequencer.count == 6)
  }

  @Test func `a lower mode ends what it does not carry, but no sequence`() throws {
    let values = LastValueTable(count: 2)
    var sequencer = TickSequencer(ring: TickRing(capacity: 16), lastValues: values)
    #expect(values[0] == nil)
    var depth = Tick()
    depth.mode = Mode.depth.rawValue
    depth.presence = Presence([.ltp, .ohlc, .volume, .depth]).rawValue
    depth.ltp = 10
    depth.volume = 7
    depth.bidLevels = 3
    depth.bids[0] = DepthLevel(price: 9, quantity: 1, orders: 1)
    sequencer.submit(&depth, publishedNanos: 1)
    var ltp = Tick()
    ltp.mode = Mode.ltp.rawValue
    ltp.presence = Presence.ltp.rawValue
    ltp.ltp = 11
    sequencer.submit(&ltp, publishedNanos: 2)
    let row = try #require(values[0])
    #expect(row.ltp == 11 && row.mode == Mode.ltp.rawValue && row.presence == Presence.ltp.rawValue)
    #expect(row.sequence == 2 && row.depthSequence == 1)
    sequencer.submit(&depth, publishedNanos: 3)
    let again = try #require(values[0])
    #expect(again.volume == 7 && again.bids[0].price == 9 && again.bidLevels == 3 && again.depthSequence == 2)
    #expect(again.has([.ltp, .ohlc, .volume, .depth]))
    #expect(values[1] == nil)
  }

  @Test func `a field that the newest packet of its mode lacks is absent again`() throws {
    let values = LastValueTable(count: 1)
    var sequencer = TickSequencer(ring: TickRing(capacity: 16), lastValues: values)
    var quote = Tick()
    quote.mode = Mode.quote.rawValue
    quote.presence = Presence([.ltp, .ohlc, .openInterest]).rawValue
    sequencer.submit(&quote, publishedNanos: 1)
    quote.presence = Presence([.ltp, .ohlc]).rawValue
    sequencer.submit(&quote, publishedNanos: 2)
    #expect(try #require(values[0]).has(.ohlc))
    #expect(try !#require(values[0]).has(.openInterest))
  }

  @Test func `rows read during writing are whole`() {
    let values = LastValueTable(count: 1)
    let stop = Atomic<Bool>(false)
    let torn = Atomic<Int>(0)
    let reads = Atomic<Int>(0)
    let reading = thread {
      var out = Tick()
      while !stop.load(ordering: .relaxed) {
        guard values.read(0, into: &out) else { continue }
        reads.add(1, ordering: .relaxed)
        // The sequencer sets its own words; the fields below are written together.
        if out.open != out.ltp || out.openInterestHigh != out.ltp || out.asks[4].price != out.ltp {
          torn.add(1, ordering: .relaxed)
        }
      }
    }
    var sequencer = TickSequencer(ring: TickRing(capacity: 16), lastValues: values)
    var number: Int64 = 0
    while number < 300_000 || reads.load(ordering: .relaxed) < 1000 {
      var tick = Tick()
      tick.mode = Mode.depth.rawValue
      tick.ltp = number
      tick.open = number
      tick.openInterestHigh = number
      tick.asks[4].price = number
      sequencer.submit(&tick, publishedNanos: number)
      number += 1
    }
    stop.store(true, ordering: .relaxed)
    pthread_join(reading, nil)
    #expect(torn.load(ordering: .relaxed) == 0)
  }
}

@Suite struct QueueTests {
  @Test func `a queue keeps order and refuses when full`() {
    let queue = TickQueue(capacity: 4)
    var tick = Tick()
    for number in 0..<4 {
      fill(&tick, UInt64(number), mode: .quote)
      #expect(queue.push(&tick))
    }
    #expect(!queue.push(&tick))
    var out = Tick()
    for number in 0..<4 {
      #expect(queue.pop(into: &out))
      #expect(out.ltp == Int64(number))
    }
    #expect(!queue.pop(into: &out) && queue.isEmpty)
  }

  @Test func `nothing is lost or reordered between two threads`() {
    let queue = TickQueue(capacity: 8)
    let total = 200_000
    let wrong = Atomic<Int>(0)
    let popping = thread {
      var out = Tick()
      var expected: Int64 = 0
      while expected < Int64(total) {
        guard queue.pop(into: &out) else { continue }
        if out.ltp != expected || !isWhole(out) { wrong.add(1, ordering: .relaxed) }
        expected += 1
      }
    }
    var tick = Tick()
    for number in 0..<total {
      fill(&tick, UInt64(number))
      while !queue.push(&tick) {}
    }
    pthread_join(popping, nil)
    #expect(wrong.load(ordering: .relaxed) == 0)
  }

  @Test func `a mailbox hands over everything in order`() {
    let mailbox = Mailbox<Int>(waker: Waker())
    #expect(mailbox.isEmpty)
    for number in 0..<10 { mailbox.send(number) }
    #expect(mailbox.takeAll() == Array(0..<10))
    #expect(mailbox.isEmpty && mailbox.takeAll().isEmpty)
  }
}
