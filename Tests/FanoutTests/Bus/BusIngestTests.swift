// The taking side against real publishers.

import CZMQ
import Fanout
import Market
import Testing
import TickRing

@Suite struct BusIngestTests {
  /// A publisher whose link is up: what is sent before that is lost.
  private func connected(_ harness: BusHarness) -> Peer {
    let peer = harness.publisher()
    let isUp = eventually {
      peer.send("probe_positions", "{}")
      return (harness.bus.statistics().ingestDrops[.accountEvent] ?? 0) > 0
    }
    #expect(isUp)
    return peer
  }

  @Test func `market data reaches the sequencer's queue and brings the feed up`() throws {
    let harness = try BusHarness()
    #expect(harness.board.state(of: 1) == .connecting)
    let peer = connected(harness)
    peer.send("NSE_INFY_LTP", #"{"symbol":"INFY","exchange":"NSE","ltp":1511.4}"#)
    peer.send("NSE_INDEX_NIFTY_QUOTE", #"{"symbol":"NIFTY","exchange":"NSE_INDEX","ltp":24510.35,"volume":0}"#)
    #expect(eventually { harness.bus.statistics().ticksIngested == 2 })
    var tick = Tick()
    #expect(harness.ingestTicks.pop(into: &tick))
    #expect(tick.instrument == BusHarness.infy && tick.ltp == 151_140_000_000 && tick.feed == 1 && tick.mode == 1)
    #expect(harness.ingestTicks.pop(into: &tick))
    #expect(tick.instrument == BusHarness.nifty && tick.mode == 2 && tick.has(.volume))
    #expect(harness.board.state(of: 1) == .live)
    harness.bus.stop()
    #expect(harness.board.state(of: 1) == .closed)
  }

  @Test func `hostile messages are skipped and counted, and the next good one passes`() throws {
    let harness = try BusHarness()
    let peer = connected(harness)
    let good = #"{"symbol":"INFY","exchange":"NSE","ltp":1}"#
    peer.send("NSE_INFY_LTP")
    peer.send("NSE_INFY_LTP", good, good)
    peer.send(Array(repeating: Array("x".utf8), count: 500))
    peer.send([[0xFF, 0xFE], Array("{}".utf8)])
    peer.send("NSE_INFY_LTP", "{")
    peer.send("NSE_INFY_LTP", #"{"ltp":"1511.4"}"#)
    peer.send([Array("NSE_INFY_LTP".utf8), [UInt8](repeating: 0x20, count: IngestDecoder.payloadBytesMax + 1)])
    peer.send("WHATEVER", good)
    peer.send("NSE_ZZZ_LTP", #"{"symbol":"ZZZ","exchange":"NSE","ltp":1}"#)
    peer.send("NSE_INFY_LTP", good)
    #expect(eventually { harness.bus.statistics().ticksIngested == 1 })
    var drops = harness.bus.statistics().ingestDrops
    drops[.accountEvent] = nil
    #expect(
      drops == [
        .frameCount: 3, .topicNotUTF8: 1, .notJSONObject: 1, .missingField: 1, .oversized: 1, .unknownTopic: 1,
        .unknownInstrument: 1,
      ])
  }

  @Test func `a sequencer that does not keep up loses the newest, counted`() throws {
    let harness = try BusHarness()
    let peer = connected(harness)
    for number in 1...80 { peer.send("NSE_INFY_LTP", #"{"ltp":\#(number)}"#) }
    #expect(eventually { harness.bus.statistics().ingestDrops[.queueFull] == 16 })
    #expect(eventually { harness.bus.statistics().ticksIngested == 64 })
  }

  @Test func `orders and invalidations reach their owners and do not return to the bus`() throws {
    let harness = try BusHarness()
    let listener = harness.subscriber("")
    #expect(harness.hasTopics(1))
    let peer = connected(harness)
    peer.send("ZERODHA_asha_orders", #"{"user_id":"asha","orderid":"1"}"#)
    peer.send("CACHE_INVALIDATE_ALL_asha", #"{"action":"invalidate","user_id":"asha","cache_type":"ALL"}"#)
    peer.send("CACHE_INVALIDATE_ALL_asha", #"{"action":"invalidate"}"#)
    #expect(eventually { harness.bus.statistics().invalidations == 1 })
    #expect(harness.invalidations.all == ["asha ALL"])
    #expect(harness.orders.all.map(\.userID) == ["asha"])
    #expect(harness.orders.all.first?.json == Array(#"{"user_id":"asha","orderid":"1"}"#.utf8))
    #expect(listener.receive(timeoutMillis: 50) == [] && harness.bus.statistics().ordersIngested == 1)
  }

  @Test func `without an ingest endpoint nothing is bound for it`() throws {
    let harness = try BusHarness { $0.ingest = nil }
    #expect(harness.bus.endpoints.count == 1 && harness.board.state(of: 1) == .closed)
  }
}
