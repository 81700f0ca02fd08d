// The publishing side against real subscribers.

import CZMQ
import Fanout
import Glibc
import JSONText
import Market
import Synchronization
import Testing
import TickRing

@Suite struct BusPublishTests {
  private let ltp = Want(BusHarness.infy, .ltp, delta: 1)

  @Test func `each mode has its topic and its data object`() throws {
    let harness = try BusHarness()
    let peer = harness.subscriber("NSE_INFY_")
    #expect(harness.hasTopics(1))
    let tick = exampleTick(BusHarness.infy, .depth)
    harness.submit(tick)
    var encoder = TickEncoder(registry: harness.registry, feedNames: ["zerodha"])
    for (mode, topic) in [(Mode.ltp, "NSE_INFY_LTP"), (.quote, "NSE_INFY_QUOTE"), (.depth, "NSE_INFY_DEPTH")] {
      #expect(peer.receive() == [topic, encoded(&encoder, tick, mode, dataOnly: true).text])
    }
    harness.submit(exampleTick(BusHarness.infy, .ltp))
    #expect(peer.receive().first == "NSE_INFY_LTP")
    #expect(peer.receive(timeoutMillis: 50) == [])
  }

  @Test func `only what matches is rendered and sent`() throws {
    let harness = try BusHarness()
    let peer = harness.subscriber("NSE_INDEX_", "NSE_INFY_QUOTE")
    #expect(harness.hasTopics(2))
    for id in [BusHarness.infy, BusHarness.nifty, BusHarness.tcs] { harness.submit(exampleTick(id, .quote)) }
    #expect(peer.receive().first == "NSE_INFY_QUOTE")
    #expect(peer.receive().first == "NSE_INDEX_NIFTY_LTP")
    #expect(peer.receive().first == "NSE_INDEX_NIFTY_QUOTE")
    #expect(eventually { harness.bus.statistics().ticksRead == 3 })
    #expect(harness.bus.statistics().messagesSent == 3)
    peer.subscribe("NSE_T")
    #expect(harness.hasTopics(3))
    harness.submit(exampleTick(BusHarness.tcs, .ltp))
    #expect(peer.receive().first == "NSE_TCS_LTP")
    peer.unsubscribe("NSE_T")
    #expect(harness.hasTopics(2))
    harness.submit(exampleTick(BusHarness.tcs, .ltp))
    #expect(eventually { harness.bus.statistics().ticksRead == 5 })
    #expect(harness.bus.statistics().messagesSent == 4)
  }

  @Test func `with no subscriber nothing is read, and the first one starts at the newest`() throws {
    let harness = try BusHarness()
    harness.submit(exampleTick(BusHarness.infy, .ltp))
    let peer = harness.subscriber("")
    #expect(harness.hasTopics(1))
    var tick = exampleTick(BusHarness.infy, .ltp)
    tick.ltp = 4_200_000_000
    harness.submit(tick)
    #expect(peer.receive().last?.contains(#""ltp":42.0,"#) == true)
    #expect(eventually { harness.bus.statistics().ticksRead == 1 })
  }

  @Test func `topics of an instrument drive upstream wants, filters do not`() throws {
    let harness = try BusHarness()
    let peer = harness.subscriber("", "NSE_", "NSE_ZZZ_LTP", "NSE_INFY_LTP")
    #expect(harness.hasTopics(4))
    #expect(harness.wants.all == [ltp])
    let second = harness.subscriber("NSE_INFY_LTP", "NSE_TCS_")
    #expect(harness.hasTopics(5))
    #expect(harness.wants.all == [ltp, Want(BusHarness.tcs, .depth, delta: 1)])
    peer.unsubscribe("NSE_INFY_LTP")
    second.unsubscribe("NSE_TCS_")
    #expect(harness.hasTopics(4))
    #expect(harness.wants.all.count == 3 && harness.wants.all[2] == Want(BusHarness.tcs, .depth, delta: -1))
    second.unsubscribe("NSE_INFY_LTP")
    #expect(harness.hasTopics(3))
    #expect(harness.wants.all.last == Want(BusHarness.infy, .ltp, delta: -1) && harness.bus.statistics().wants == 0)
  }

  @Test func `a book beyond five levels has topics of its own`() throws {
    let harness = try BusHarness()
    let peer = harness.subscriber("NSE_TCS:20_DEPTH")
    #expect(harness.hasTopics(1))
    let id = try #require(harness.registry.streamID(exchange: .nse, symbol: "TCS:20"))
    #expect(Int(id) == BusHarness.count && harness.wants.all == [Want(id, .depth, delta: 1)])
    var book = DeepBook()
    book.instrument = BusHarness.tcs
    book.sides = BookSides([.bids, .asks]).rawValue
    book.capacity = 20
    book.bidLevels = 12
    for level in 0..<12 {
      book.bids[level] = DepthLevel(price: Int64(100 - level) * Price.scale, quantity: 1, orders: 1)
    }
    harness.sequencer.submit(&book, as: id, publishedNanos: 1)
    harness.sequencer.flush()
    let message = peer.receive()
    #expect(message.first == "NSE_TCS:20_DEPTH")
    let data = try JSONDocument(message.last ?? "").root
    #expect(data["symbol"]?.string == "TCS:20" && data["depth_level"]?.integer == 20)
    #expect(data["depth"]?["buy"]?.elements[11]["price"]?.double == 89)
    // Ticks that another process publishes are never taken for a book.
    #expect(Topics.parse("NSE_TCS:20_DEPTH", in: harness.registry) == nil)
  }

  @Test func `a subscriber that vanishes gives its wants back`() throws {
    let harness = try BusHarness()
    var peer: Peer? = harness.subscriber("NSE_INFY_LTP", "NSE_INDEX_NIFTY_")
    #expect(peer != nil && harness.hasTopics(2))
    peer = nil
    #expect(harness.hasTopics(0))
    #expect(eventually { harness.wants.all.count == 4 })
    #expect(Self.balance(harness.wants.all).allSatisfy { $0.value == 0 })
  }

  @Test func `a bus that stops gives its wants back`() throws {
    let harness = try BusHarness()
    let peer = harness.subscriber("NSE_INFY_LTP", "NSE_INFY_DEPTH", "")
    #expect(harness.hasTopics(3))
    harness.bus.stop()
    #expect(harness.wants.all.count == 4 && Self.balance(harness.wants.all).allSatisfy { $0.value == 0 })
    try harness.bus.start()
    #expect(harness.bus.statistics().topics == 0)
    withExtendedLifetime(peer) {}
  }

  private static func balance(_ wants: [Want]) -> [Mode: Int] {
    wants.reduce(into: [:]) { $0[$1.mode, default: 0] += Int($1.delta) }
  }

  @Test func `a full subscriber is counted, and neither the ring nor another subscriber suffers`() throws {
    let harness = try BusHarness { $0.sendQueueMax = 500 }
    let stalled = harness.subscriber("NSE_INFY_", queueMax: 1)
    let healthy = harness.subscriber("NSE_TCS_LTP")
    #expect(harness.hasTopics(2))
    fill(harness)
    #expect(harness.bus.statistics().queueOverflows > 0)
    healthy.subscribe("NSE_INFY_DEPTH")
    #expect(harness.hasTopics(3))
    for number in 1...50 {
      harness.submit(exampleTick(BusHarness.infy, .depth))
      #expect(healthy.receive(timeoutMillis: 2000).first == "NSE_INFY_DEPTH", "message \(number)")
      harness.submit(exampleTick(BusHarness.tcs, .ltp))
      #expect(healthy.receive(timeoutMillis: 2000).first == "NSE_TCS_LTP", "message \(number)")
    }
    #expect(eventually { harness.bus.statistics().ticksRead == UInt64(Self.fillTicks + 100) })
    #expect(harness.bus.statistics().laps == 0 && harness.bus.statistics().sendErrors == 0)
    healthy.unsubscribe("NSE_INFY_DEPTH")
    #expect(harness.hasTopics(2))
    // Once it has read what waited it is served again, and when it is full again that is counted again.
    while stalled.receive(timeoutMillis: 200).count == 2 {}
    let overflows = harness.bus.statistics().queueOverflows
    fill(harness)
    #expect(harness.bus.statistics().queueOverflows > overflows)
  }

  /// More than the kernel's buffers of a connection take, so that what does not read is full.
  private static let fillTicks = 20_000

  private func fill(_ harness: BusHarness) {
    let before = harness.bus.statistics().ticksRead
    for number in 1...Self.fillTicks {
      harness.submit(exampleTick(BusHarness.infy, .depth))
      if number % 100 == 0 {
        #expect(eventually { harness.bus.statistics().ticksRead == before + UInt64(number) })
      }
    }
  }

  @Test func `an overtaken bus heals every instrument and never goes back`() throws {
    let harness = try BusHarness(ringCapacity: 16)
    let peer = harness.subscriber("NSE_", queueMax: 0)
    #expect(harness.hasTopics(1))
    let total = 60_000
    let received = Mutex<[String: [Int64]]>([:])
    for number in 1...total {
      for id in [BusHarness.infy, BusHarness.nifty, BusHarness.tcs] {
        var tick = emptyTick(id, number % 3 == 0 ? .depth : .ltp)
        tick.presence = Presence.ltp.rawValue
        tick.ltp = Int64(number) * 100_000_000
        harness.submit(tick)
      }
      if number % 500 == 0 {
        while case let frames = peer.receive(timeoutMillis: 0), frames.count == 2 { Self.note(frames, received) }
      }
    }
    let last = Int64(total)
    let newest = harness.registry.instruments.flatMap { row in Mode.allCases.map { Topics.text(row.key, $0) } }
    while !newest.allSatisfy({ topic in received.withLock { $0[topic]?.last } == last }) {
      let frames = peer.receive()
      guard frames.count == 2 else { break }
      Self.note(frames, received)
    }
    let isAccounted = eventually {
      let statistics = harness.bus.statistics()
      return statistics.ticksRead + statistics.ticksLost == UInt64(3 * total)
    }
    #expect(isAccounted, "\(harness.bus.statistics())")
    #expect(harness.bus.statistics().laps > 0, "the ring never overtook the bus")
    for (topic, values) in received.withLock({ $0 }) {
      #expect(zip(values, values.dropFirst()).allSatisfy { $0 < $1 }, "\(topic) went back")
      #expect(values.last == last, "\(topic) is stale")
    }
  }

  private static func note(_ frames: [String], _ received: borrowing Mutex<[String: [Int64]]>) {
    guard let ltp = try? JSONDocument(frames[1]).root["ltp"]?.double else { return }
    received.withLock { $0[frames[0], default: []].append(Int64(ltp)) }
  }

  @Test func `order updates go out verbatim and in order`() throws {
    let harness = try BusHarness()
    let peer = harness.subscriber("ANALYZE_asha_orders")
    #expect(harness.hasTopics(1))
    for number in 1...20 {
      let json = Array(#"{"type":"order_update","orderid":"\#(number)"}"#.utf8)
      harness.bus.publish(OrderUpdate(userID: "asha", topic: "ANALYZE_asha_orders", json: json))
    }
    for number in 1...20 {
      #expect(peer.receive() == ["ANALYZE_asha_orders", #"{"type":"order_update","orderid":"\#(number)"}"#])
    }
    #expect(eventually { harness.bus.statistics().ordersSent == 20 })
  }
}
