import Testing
import WebSocket

@Suite struct KeepaliveTests {
  func describe(_ action: Keepalive.Action) -> String {
    switch action {
    case .none: "none"
    case .sendPing(let payload): "ping \(payload)"
    case .timedOut: "timed out"
    }
  }

  @Test func `pings at each interval while the peer answers`() {
    var keepalive = Keepalive(pingIntervalNanos: 20, pongTimeoutNanos: 20, nowNanos: 100)
    #expect(describe(keepalive.onSweep(nowNanos: 119)) == "none")
    #expect(describe(keepalive.onSweep(nowNanos: 120)) == "ping 1")
    keepalive.onReceive()
    #expect(describe(keepalive.onSweep(nowNanos: 139)) == "none")
    #expect(describe(keepalive.onSweep(nowNanos: 140)) == "ping 2")
  }

  @Test func `gives up when nothing follows a ping`() {
    var keepalive = Keepalive(pingIntervalNanos: 20, pongTimeoutNanos: 15, nowNanos: 0)
    #expect(describe(keepalive.onSweep(nowNanos: 20)) == "ping 1")
    #expect(describe(keepalive.onSweep(nowNanos: 34)) == "none")
    #expect(describe(keepalive.onSweep(nowNanos: 35)) == "timed out")
    #expect(describe(keepalive.onSweep(nowNanos: 36)) == "timed out")
  }

  @Test func `counts the time-out from the oldest unanswered ping`() {
    var keepalive = Keepalive(pingIntervalNanos: 10, pongTimeoutNanos: 25, nowNanos: 0)
    #expect(describe(keepalive.onSweep(nowNanos: 10)) == "ping 1")
    #expect(describe(keepalive.onSweep(nowNanos: 20)) == "ping 2")
    #expect(describe(keepalive.onSweep(nowNanos: 34)) == "ping 3")
    #expect(describe(keepalive.onSweep(nowNanos: 35)) == "timed out")
  }

  @Test func `sends one ping after a stall, not one per interval missed`() {
    var keepalive = Keepalive(pingIntervalNanos: 10, pongTimeoutNanos: 25, nowNanos: 0)
    #expect(describe(keepalive.onSweep(nowNanos: 1000)) == "ping 1")
    #expect(describe(keepalive.onSweep(nowNanos: 1001)) == "none")
  }

  @Test func `can be off`() {
    var keepalive = Keepalive(pingIntervalNanos: 0, pongTimeoutNanos: 1, nowNanos: 0)
    #expect(describe(keepalive.onSweep(nowNanos: 1 << 60)) == "none")
  }
}
