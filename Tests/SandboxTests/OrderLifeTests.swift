import Market
import Sandbox
import Testing

// Identity, cancellation, events and reports of orders.

@Suite struct OrderLifeTests {
  @Test func `Order ids begin with the day and count up, also when the clock goes back`() {
    let desk = Desk()
    desk.place(.buy, 1, at: "10")
    desk.place(.buy, 1, at: "10")
    desk.now = clock(10, 0, day: 18)
    desk.place(.buy, 1, at: "10")
    desk.now = clock(23, 0, day: 17)
    desk.now -= 16 * 3_600_000_000_000 - 3_600_000_000_000 * 3
    desk.place(.buy, 1, at: "10")
    let ids = desk.log.updates.map(\.order.id.text)
    #expect(ids == ["26081700000001", "26081700000002", "26081800000001", "26081800000002"])
  }

  @Test func `Texts that are no order id are not taken for one`() {
    #expect(OrderID(text: "26081700000001")?.text == "26081700000001")
    for text in ["", "1", "2608170000000", "260817000000011", "+6081700000001", "2608170000000a", "२6081700000001"] {
      #expect(OrderID(text: text) == nil)
    }
    #expect(OrderID(text: "01010100000001")?.text == "01010100000001")
  }

  @Test func `Trade ids carry the time in IST and a number that never repeats`() {
    let desk = Desk()
    desk.place(.buy, 1, quote: "100")
    desk.place(.sell, 1)
    #expect(
      desk.trades.map(\.tradeID) == ["TRADE-20260817-100000-00000002", "TRADE-20260817-100000-00000001"])
    #expect(desk.trades[0].value == money("100"))
  }

  @Test func `Cancelling releases exactly what the order holds`() {
    let desk = Desk()
    let id = desk.place(.buy, 10, at: "100", quote: "105").orderID!
    #expect(desk.cancel(id).orderID == id)
    #expect(desk.funds.availableCash == money("10000000") && desk.funds.utilisedDebits == 0)
    #expect(desk.orders[0].status == .cancelled)
    #expect(desk.orders[0].pendingQuantity == 10)
    #expect(desk.cancel(id).refusal == Refusal("Cannot cancel order in cancelled status"))
    desk.tick("SBIN", "99")
    #expect(desk.trades.isEmpty)
  }

  @Test func `Cancelling an exit that holds nothing releases nothing`() {
    let desk = Desk(["ITC"])
    desk.place(.sell, 100, "ITC", quote: "410")
    #expect(desk.funds.utilisedDebits == money("8200"))
    let id = desk.place(.buy, 100, "ITC", at: "400").orderID!
    desk.cancel(id)
    #expect(desk.funds.utilisedDebits == money("8200"))
    desk.tick("ITC", "407")
    desk.place(.buy, 100, "ITC")
    #expect(desk.funds.availableCash == money("10000300"))
  }

  @Test func `Orders that do not exist, or belong to another user, are not found`() {
    let desk = Desk()
    let id = desk.place(.buy, 1, at: "10").orderID!
    #expect(desk.cancel("26081799999999").refusal == Refusal(status: 404, "Order 26081799999999 not found"))
    #expect(desk.cancel("x").refusal == Refusal(status: 404, "Order x not found"))
    desk.user = "ravi"
    #expect(desk.cancel(id).refusal?.status == 404)
    #expect(desk.order(id, user: "ravi") == nil)
    #expect(desk.cancel(String(repeating: "9", count: 10_000)).refusal?.message.utf8.count ?? 0 < 100)
  }

  @Test func `A complete order cannot be cancelled`() {
    let desk = Desk()
    let id = desk.place(.buy, 1, quote: "10").orderID!
    #expect(desk.cancel(id).refusal == Refusal("Cannot cancel order in complete status"))
  }

  @Test func `Every change of an order is told once, in order, with a record of the same`() {
    let desk = Desk()
    desk.place(.buy, 10, quote: "100")
    let id = desk.place(.sell, 10, at: "120").orderID!
    desk.cancel(id)
    #expect(desk.log.updates.map(\.order.status) == [.open, .complete, .open, .cancelled])
    #expect(desk.log.records.compactMap(\.order) == desk.log.updates.map(\.order))
    #expect(desk.log.records.map { $0.trade != nil } == [false, true, false, false])
  }

  @Test func `An order event is rendered with its eighteen keys in order`() {
    let desk = Desk()
    desk.place(.buy, 30, quote: "812.4")
    let update = OrderUpdateJSON.render(desk.log.updates[1])
    #expect(update.topic == "ANALYZE_asha_orders")
    #expect(update.userID == "asha")
    #expect(
      String(decoding: update.json, as: UTF8.self)
        == #"{"type":"order_update","user_id":"asha","mode":"analyze","broker":"sandbox","#
        + #""orderid":"26081700000001","symbol":"SBIN","exchange":"NSE","action":"BUY","quantity":30,"#
        + #""price":812.4,"trigger_price":0.0,"pricetype":"MARKET","product":"MIS","order_status":"complete","#
        + #""filled_quantity":30,"pending_quantity":0,"average_price":812.4,"rejection_reason":""}"#)
  }

  @Test func `Texts in an order event are escaped`() throws {
    let desk = Desk(["A\"B\\\n₹"])
    desk.user = "u\u{1}"
    desk.place(.buy, 1, "A\"B\\\n₹", at: "100")
    let text = String(decoding: OrderUpdateJSON.render(desk.log.updates[0]).json, as: UTF8.self)
    #expect(text.contains(#""symbol":"A\"B\\\u000a₹""#))
    #expect(text.contains(#""user_id":"u\u0001""#))
    #expect(text.contains(#""price":100.0,"#))
  }

  @Test func `Books show the session that began at three in the morning`() {
    let desk = Desk()
    desk.place(.buy, 10, quote: "100")
    desk.place(.sell, 4)
    desk.tick("SBIN", "110")
    desk.place(.sell, 3)
    desk.now = clock(2, 59, day: 18)
    #expect(desk.orders.count == 3 && desk.trades.count == 3)
    #expect(desk.positions[0].todayRealizedPnl == money("30"))
    desk.now = clock(3, 0, day: 18)
    #expect(desk.orders.isEmpty && desk.trades.isEmpty)
    #expect(desk.positions[0].todayRealizedPnl == 0)
    #expect(desk.funds.m2mRealized == 0 && desk.funds.totalRealizedPnl == money("30"))
    desk.now = clock(10, 0, day: 18)
    desk.tick("SBIN", "120")
    desk.place(.sell, 3)
    #expect(desk.funds.m2mRealized == money("60") && desk.funds.totalRealizedPnl == money("90"))
    #expect(desk.positions[0].pnl == money("60"))
  }

  @Test func `Reports count, total and round`() {
    let desk = Desk(["SBIN", "ITC"], ledger: .holding(10, "ITC", at: "400"))
    desk.place(.buy, 3, quote: "100")
    desk.place(.sell, 10, at: "120")
    desk.place(.sell, 99, at: "100", .cnc)
    desk.tick("SBIN", "101.005")
    desk.tick("ITC", "410.50")
    let book = desk.engine.orderbook(user: "asha", now: desk.now)
    #expect(book.orders.map(\.status) == [.rejected, .open, .complete])
    var counts = OrderStatistics()
    (counts.buyOrders, counts.sellOrders) = (1, 2)
    (counts.completedOrders, counts.openOrders, counts.rejectedOrders) = (1, 1, 1)
    #expect(book.statistics == counts)
    let row = desk.positions[0]
    #expect(row.ltp == rupees("101.01"))
    #expect(row.pnl == money("3.02") && row.unrealizedPnl == money("3.02"))
    #expect(row.pnlPercent == money("1.01"))
    #expect(row.contractMultiplier == 1)
    let holdings = desk.holdings
    #expect(holdings.holdings[0].pnl == money("105") && holdings.holdings[0].pnlPercent == money("2.63"))
    #expect(holdings.totalValue == money("4105") && holdings.totalInvestment == money("4000"))
    #expect(holdings.totalPnl == money("105") && holdings.totalPnlPercent == money("2.63"))
    #expect(desk.openQuantity("SBIN", .mis) == 3)
  }

  @Test func `A position closed at exactly nothing is hidden`() {
    let desk = Desk()
    desk.place(.buy, 3, quote: "100")
    desk.place(.sell, 3)
    #expect(desk.positions.isEmpty)
  }

  @Test func `A user without an account sees an empty book and a new account's funds`() {
    let desk = Desk()
    #expect(desk.orders.isEmpty && desk.positions.isEmpty && desk.trades.isEmpty)
    #expect(desk.holdings.holdings.isEmpty)
    #expect(desk.funds.availableCash == money("10000000"))
    #expect(desk.engine.ledger.accounts.isEmpty)
  }

  @Test func `Losses round away from zero like gains`() {
    let desk = Desk()
    desk.place(.sell, 3, quote: "100")
    desk.tick("SBIN", "101.005")
    #expect(desk.positions[0].pnl == money("-3.02"))
    #expect(desk.positions[0].pnlPercent == money("-1.01"))
  }

  @Test func `A checkpoint forgets finished orders of earlier sessions and nothing else`() {
    let desk = Desk()
    desk.place(.buy, 3, quote: "100")
    let resting = desk.place(.buy, 3, at: "50").orderID!
    desk.now = clock(10, 0, day: 18)
    desk.tick("SBIN", "105")
    desk.place(.buy, 1, at: "60")
    let ledger = desk.engine.checkpoint(now: desk.now)
    #expect(ledger == desk.engine.ledger)
    #expect(ledger.account("asha")?.orders.map(\.id.text) == [resting, "26081800000001"])
    #expect(ledger.account("asha")?.trades.isEmpty == true)
    #expect(ledger.account("asha")?.positions[0].ltp == rupees("105"))
    #expect(desk.cancel(resting).orderID == resting)
  }
}
