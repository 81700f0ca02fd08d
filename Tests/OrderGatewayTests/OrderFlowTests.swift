import Foundation
import Market
import OrderGateway
import Sandbox
import Testing

/// Orders from HTTP to the fill on a tick and back.
@Suite struct OrderFlowTests {
  private let limit = #""pricetype":"LIMIT","price":"#

  @Test func `a market order fills at the best price before it is answered`() async throws {
    let desk = try await Desk()
    desk.feed.tick(reliance, 1000)
    let reply = await desk.place("RELIANCE", "BUY", #""10""#)
    #expect(reply.status == 200)
    #expect(reply.object["status"] as? String == "success")
    #expect(reply.object["mode"] as? String == "analyze")
    let id = try #require(reply.object["orderid"] as? String)
    #expect(id.count == 14 && id.hasPrefix("261123"))

    let book = await desk.post("orderbook")
    let order = try #require((book.data["orders"] as? [[String: Any]])?.first)
    #expect(order["orderid"] as? String == id)
    #expect(order["order_status"] as? String == "complete")
    #expect(order["average_price"] as? Double == 1000.5)
    #expect(order["price"] as? Double == 1000)
    #expect(order["quantity"] as? Int == 10)
    #expect(order["timestamp"] as? String == "2026-11-23 10:15:00")
    #expect((book.data["statistics"] as? [String: Int])?["total_completed_orders"] == 1)

    let positions = await desk.post("positionbook")
    #expect(positions.body.contains(#""average_price":1000.50,"ltp":1000.00,"pnl":-5.00"#))
    #expect(positions.object["total_pnl"] as? Double == -5)
    #expect(positions.object["mode"] as? String == "analyze")
    let funds = await desk.post("funds")
    #expect(funds.data["availablecash"] as? Double == 9_998_000)
    #expect(funds.data["utiliseddebits"] as? Double == 2000)
    #expect(funds.data["m2munrealized"] as? Double == -5)
    #expect(funds.object["mode"] as? String == "analyze")

    let trades = await desk.post("tradebook")
    #expect(trades.rows.first?["trade_value"] as? Double == 10_005)
    let status = await desk.post("orderstatus", #""strategy":"t","orderid":"\#(id)""#)
    #expect(status.data["price_type"] as? String == "MARKET" && status.data["pricetype"] as? String == "MARKET")
    let open = await desk.post(
      "openposition", #""strategy":"t","symbol":"RELIANCE","exchange":"NSE","product":"MIS""#)
    #expect(open.body == #"{"status":"success","quantity":10,"mode":"analyze"}"#)
    #expect(await desk.post("holdings").status == 200)

    #expect(await desk.eventually { desk.sink.statuses == ["open", "complete"] })
    #expect(desk.sink.updates.allSatisfy { $0.topic == "ANALYZE_asha_orders" })
    #expect(desk.wants.count(reliance) == 1)
    try await desk.stop()
    #expect(desk.wants.count(reliance) == 0)
  }

  @Test func `a limit order rests and fills at its limit on a later tick`() async throws {
    let desk = try await Desk()
    desk.feed.tick(tcs, 3000)
    let reply = await desk.place("TCS", "BUY", "5", limit + #""2990.50""#)
    #expect(reply.status == 200)
    let resting = await desk.post("orderbook")
    #expect(resting.body.contains(#""order_status":"open""#))
    #expect(await desk.post("funds").data["utiliseddebits"] as? Double == 2990.5)
    desk.feed.tick(tcs, 2991)
    desk.feed.tick(tcs, 2985)
    #expect(await desk.eventually { await desk.post("orderbook").body.contains(#""order_status":"complete""#) })
    let order = try #require(((await desk.post("orderbook")).data["orders"] as? [[String: Any]])?.first)
    #expect(order["average_price"] as? Double == 2990.5)
    #expect(await desk.eventually { desk.sink.statuses == ["open", "complete"] })
    try await desk.stop()
  }

  @Test func `a cancelled order gives its margin back and cannot be cancelled twice`() async throws {
    let desk = try await Desk()
    desk.feed.tick(tcs, 3000)
    let id = try #require(await desk.place("TCS", "BUY", "5", limit + "2000").object["orderid"] as? String)
    #expect(desk.wants.count(tcs) == 1)
    let cancelled = await desk.post("cancelorder", #""strategy":"t","orderid":"\#(id)""#)
    #expect(
      cancelled.body
        == #"{"status":"success","orderid":"\#(id)","message":"Order cancelled successfully","mode":"analyze"}"#)
    #expect(await desk.post("funds").data["availablecash"] as? Double == 10_000_000)
    #expect(await desk.eventually { desk.wants.count(tcs) == 0 })
    let twice = await desk.post("cancelorder", #""strategy":"t","orderid":"\#(id)""#)
    #expect(twice.status == 400)
    #expect(twice.message == "Cannot cancel order in cancelled status")
    let unknown = await desk.post("cancelorder", #""strategy":"t","orderid":"26112300000099""#)
    #expect(unknown.status == 404)
    #expect(unknown.message == "Order 26112300000099 not found")
    let empty = await desk.post("cancelorder", #""strategy":"t","orderid":"""#)
    #expect(empty.body == #"{"status":"error","message":"Order ID is missing"}"#)
    try await desk.stop()
  }

  @Test func `orders that break a rule are refused with its text`() async throws {
    let desk = try await Desk()
    desk.feed.tick(reliance, 1000)
    desk.feed.tick(tcs, 3000)
    func refusal(_ symbol: String, _ action: String, _ quantity: String, _ more: String = "") async -> HTTPReply {
      let reply = await desk.place(symbol, action, quantity, more)
      #expect(reply.status == 400)
      #expect(reply.object["status"] as? String == "error")
      #expect(reply.object["mode"] as? String == "analyze")
      return reply
    }
    #expect(await refusal("", "BUY", "1").message == "Missing required field: symbol")
    #expect(
      await refusal("TCS", "BUY", "1", #""product":"NRML""#).message
        == "NRML product not allowed for NSE equity segment. Use CNC for delivery or MIS for intraday.")
    #expect(await refusal("TCS", "BUY", "1", #""pricetype":"LIMIT""#).message == "LIMIT orders require price")
    #expect(await refusal("TCS", "BUY", "1", #""pricetype":"SL-M""#).message == "SL-M orders require trigger_price")
    #expect(await refusal("NOPE", "BUY", "1").message == "Symbol NOPE not found on NSE")
    #expect(
      await refusal("TCS", "BUY", "100000").message
        == "Insufficient funds. Required: ₹60000000.00, Available: ₹10000000.00, Shortage: ₹50000000.00")
    let shares = await refusal("TCS", "SELL", "1", #""product":"CNC""#)
    #expect(shares.message.hasPrefix("Cannot sell TCS in CNC. No positions or holdings available."))
    #expect((shares.object["orderid"] as? String)?.count == 14)
    #expect(await desk.post("orderbook").body.contains(#""order_status":"rejected""#))
    #expect(await refusal("TCS", "BUY", "1e30").message.contains("must not exceed"))
    #expect(await refusal("TCS", "BUY", "1", limit + #""1e30""#).status == 400)
    let index = await desk.post(
      "placeorder", #""strategy":"t","symbol":"NIFTY","exchange":"NSE_INDEX","action":"BUY","quantity":1"#)
    #expect(index.status == 400)
    let derivative = await desk.post(
      "placeorder",
      #""strategy":"t","symbol":"X","exchange":"NFO","action":"BUY","quantity":1,"product":"CNC""#)
    #expect(
      derivative.message
        == "CNC product not allowed for NFO derivatives segment. Use NRML for carryforward or MIS for intraday.")
    try await desk.stop()
  }

  @Test func `new intraday orders are refused after the square-off time`() async throws {
    var options = Desk.Options()
    options.calendar = .india
    let desk = try await Desk(options)
    desk.clock.advance(nanos: 5 * 3600 * 1_000_000_000)
    desk.feed.tick(tcs, 3000)
    let reply = await desk.place("TCS", "BUY", "1")
    #expect(reply.status == 400)
    #expect(
      reply.message
        == "MIS orders cannot be placed after square-off time (15:15 IST). Trading resumes at 09:00 AM IST.")
    try await desk.stop()
  }

  @Test func `a market order on an instrument that nobody watches waits for its first tick`() async throws {
    var options = Desk.Options()
    options.firstPrice = 800
    let desk = try await Desk(options)
    let reply = await desk.place("SBIN", "BUY", "1")
    #expect(reply.status == 200)
    #expect(await desk.post("orderbook").body.contains(#""average_price":800.50"#))
    #expect(desk.wants.count(sbin) == 1)
    try await desk.stop()
  }

  @Test func `a market order without a price is refused, a limit order rests`() async throws {
    let desk = try await Desk()
    let market = await desk.place("SBIN", "BUY", "1")
    #expect(market.status == 400)
    #expect(
      market.message
        == "Cannot place MARKET order for SBIN - unable to fetch current price. "
        + "Please try again later or use LIMIT order with a specific price.")
    #expect(desk.wants.count(sbin) == 0)
    #expect(await desk.place("SBIN", "BUY", "1", limit + "790").status == 200)
    #expect(desk.wants.count(sbin) == 1)
    desk.feed.tick(sbin, 789)
    #expect(await desk.eventually { await desk.post("orderbook").body.contains(#""average_price":790.00"#) })
    try await desk.stop()
  }

  @Test func `nothing fills on prices from before the feed came up again`() async throws {
    let desk = try await Desk()
    desk.feed.tick(reliance, 1000)
    #expect(await desk.place("RELIANCE", "BUY", "1", limit + "990").status == 200)
    desk.feed.board.set(.reconnecting, of: 0, now: morning)
    desk.feed.tick(reliance, 980)
    #expect(await desk.place("RELIANCE", "BUY", "1").status == 400)
    desk.clock.advance(nanos: 1_000_000_000)
    desk.feed.board.set(.live, of: 0, now: desk.clock.nowNanos())
    desk.feed.tick(reliance, 985, receivedNanos: morning)
    #expect(await desk.place("RELIANCE", "BUY", "1").status == 400)
    #expect(await desk.post("positionbook").rows.isEmpty)
    desk.feed.tick(reliance, 985)
    #expect(await desk.eventually { await desk.post("positionbook").rows.count == 1 })
    try await desk.stop()
  }

  @Test func `a price that was overtaken on the ring still fills while it stands`() async throws {
    var options = Desk.Options()
    options.ringCapacity = 16
    let desk = try await Desk(options)
    desk.feed.tick(reliance, 1000)
    #expect(await desk.place("RELIANCE", "BUY", "1", limit + "990").status == 200)
    // Batches of 32 on a ring of 16: the crossing tick is gone before anyone can read it.
    desk.feed.ticks([(reliance, 980)] + (0..<63).map { _ in (tcs, 3000) })
    #expect(await desk.eventually { await desk.post("positionbook").rows.count == 1 })
    #expect(desk.service.missedTicks.laps > 0)
    try await desk.stop()
  }

  @Test func `users do not see one another`() async throws {
    let desk = try await Desk()
    desk.feed.tick(reliance, 1000)
    let id = try #require(await desk.place("RELIANCE", "BUY", "1", limit + "990").object["orderid"] as? String)
    let other = try desk.keys.add(name: "ravi")
    let cancel = await desk.client.post("cancelorder", #"{"apikey":"\#(other)","strategy":"t","orderid":"\#(id)"}"#)
    #expect(cancel.status == 404)
    let book = await desk.client.post("orderbook", #"{"apikey":"\#(other)"}"#)
    #expect((book.data["orders"] as? [Any])?.isEmpty == true)
    try await desk.stop()
  }

  @Test func `parallel market orders lose no fill`() async throws {
    let desk = try await Desk()
    desk.feed.tick(reliance, 1000)
    await withTaskGroup(of: Int.self) { group in
      for _ in 0..<24 { group.addTask { await desk.place("RELIANCE", "BUY", "2").status } }
      for await status in group { #expect(status == 200) }
    }
    #expect(await desk.post("positionbook").rows.first?["quantity"] as? Int == 48)
    try await desk.stop()
  }
}
