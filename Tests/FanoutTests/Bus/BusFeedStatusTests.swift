// The states of the feeds on the bus, against real subscribers. The clock of the harness stands.

import Fanout
import Glibc
import JSONText
import Market
import Testing

@Suite struct BusFeedStatusTests {
  private static let nowNanos: Int64 = 1_795_399_041_000_000_000

  /// `topic state reason` of a message, empty when none came.
  private func summary(_ frames: [String]) throws -> String {
    guard let topic = frames.first, let payload = frames.last, frames.count == 2 else { return "" }
    let root = try JSONDocument(payload).root
    let parts = try ["state", "reason"].map { try #require(root[$0]?.string) }
    return ([topic] + parts).joined(separator: " ")
  }

  @Test func `a change is published under the feed's topic as the WebSocket message has it`() throws {
    let harness = try BusHarness()
    let peer = harness.subscriber("STATUS_zerodha_FEED")
    #expect(harness.hasTopics(1))
    harness.board.touch(0, now: Self.nowNanos - 1_500_000_000)
    harness.board.set(.stale, reason: .stall, of: 0, now: Self.nowNanos)
    let expected = FeedStatusText.encode(harness.board.status(of: 0), wallNanos: Self.nowNanos)
    #expect(peer.receive() == ["STATUS_zerodha_FEED", String(decoding: expected, as: UTF8.self)])
    #expect(String(decoding: expected, as: UTF8.self).contains(#""age_ms":1500,"#))
    #expect(harness.wants.all.isEmpty)
  }

  @Test func `every subscriber gets what its prefix selects, and nothing is sent for nobody`() throws {
    let harness = try BusHarness()
    let all = harness.subscriber("STATUS_")
    let other = harness.subscriber("STATUS_bus_FEED")
    #expect(harness.hasTopics(2))
    harness.board.set(.live, of: 0, now: 1)
    #expect(try summary(all.receive()) == "STATUS_zerodha_FEED live ")
    harness.board.set(.live, of: 1, now: 1)
    #expect(try summary(all.receive()) == "STATUS_bus_FEED live ")
    #expect(try summary(other.receive()) == "STATUS_bus_FEED live ")
    #expect(eventually { harness.bus.statistics().statusesSent == 2 })
    all.unsubscribe("STATUS_")
    #expect(harness.hasTopics(1))
    harness.board.set(.reconnecting, reason: .network, of: 0, now: 2)
    harness.board.set(.reconnecting, reason: .network, of: 1, now: 2)
    #expect(try summary(other.receive()) == "STATUS_bus_FEED reconnecting network")
    #expect(eventually { harness.bus.statistics().statusesSent >= 3 })
    #expect(harness.bus.statistics().statusesSent == 3)
  }

  @Test func `without any change the heartbeat comes for every feed`() throws {
    let harness = try BusHarness { $0.feedStatusNanos = 20_000_000 }
    let peer = harness.subscriber("STATUS_")
    for _ in 0..<3 {
      #expect(try summary(peer.receive()) == "STATUS_zerodha_FEED closed ")
      #expect(try summary(peer.receive()) == "STATUS_bus_FEED connecting ")
    }
  }

  @Test func `ticks and states reach a subscriber to everything`() throws {
    let harness = try BusHarness()
    let peer = harness.subscriber("")
    #expect(harness.hasTopics(1))
    harness.submit(exampleTick(BusHarness.infy, .ltp))
    #expect(peer.receive().first == "NSE_INFY_LTP")
    harness.board.set(.live, of: 0, now: 1)
    #expect(try summary(peer.receive()) == "STATUS_zerodha_FEED live ")
    harness.submit(exampleTick(BusHarness.infy, .ltp))
    #expect(peer.receive().first == "NSE_INFY_LTP")
  }
}
