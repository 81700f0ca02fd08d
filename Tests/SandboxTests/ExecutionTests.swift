import Market
import Sandbox
import Testing

// When and at which price orders fill, at placement and on later ticks, and when they are refused at the last moment.

@Suite struct ExecutionTests {
  @Test func `A market order pays the ask and gets the bid`() {
    let desk = Desk()
    desk.place(.buy, 1, at: "1", quote: "100")
    desk.tick("SBIN", "100", bid: "99.95", ask: "100.05")
    desk.place(.buy, 10)
    desk.place(.sell, 4)
    #expect(desk.trades.map(\.price) == [rupees("99.95"), rupees("100.05")])
    #expect(desk.orders.prefix(2).allSatisfy { $0.price == rupees("100") })
  }

  @Test func `A resting limit order fills at its limit`() {
    let desk = Desk()
    desk.place(.buy, 10, at: "808", quote: "812")
    #expect(desk.orders[0].status == .open)
    desk.tick("SBIN", "808.05")
    #expect(desk.trades.isEmpty)
    desk.tick("SBIN", "807.20")
    #expect(desk.trades[0].price == rupees("808"))
    #expect(desk.positions[0].ltp == rupees("807.20"))
  }

  @Test func `A limit order that the market already satisfies fills at the last price`() {
    let desk = Desk()
    desk.place(.buy, 10, at: "815", quote: "812")
    #expect(desk.trades[0].price == rupees("812"))
    desk.place(.sell, 10, at: "805")
    #expect(desk.trades[0].price == rupees("812"))
  }

  @Test func `A price that equals the limit fills`() {
    let desk = Desk()
    desk.place(.buy, 1, at: "812", quote: "812")
    #expect(desk.trades.count == 1)
    desk.place(.sell, 1, at: "813")
    desk.tick("SBIN", "813")
    #expect(desk.trades.count == 2)
  }

  @Test func `One tick fills the orders of both sides in order of placement`() {
    let desk = Desk()
    desk.place(.buy, 1, at: "100", quote: "105")
    desk.place(.buy, 2, at: "99")
    desk.place(.buy, 3, at: "101")
    desk.place(.buy, 4, at: "90")
    desk.tick("SBIN", "95")
    #expect(desk.trades.reversed().map(\.quantity) == [1, 2, 3])
    #expect(desk.trades.reversed().map(\.price) == [rupees("100"), rupees("99"), rupees("101")])
  }

  @Test func `Orders at the same price fill in order of placement`() {
    let desk = Desk()
    for quantity in Int64(1)...5 { desk.place(.sell, quantity, at: "110", quote: "100") }
    desk.cancel(desk.orders[2].orderID.text)
    desk.tick("SBIN", "111")
    #expect(desk.trades.reversed().map(\.quantity) == [1, 2, 4, 5])
  }

  @Test func `A second exit opens a position that is margined at its fill`() {
    let desk = Desk()
    desk.place(.buy, 400, quote: "250")
    desk.place(.sell, 400, at: "255")
    desk.place(.sell, 400, at: "256")
    #expect(desk.funds.utilisedDebits == money("20000"))
    desk.tick("SBIN", "255")
    #expect(desk.funds.utilisedDebits == 0)
    #expect(desk.funds.totalRealizedPnl == money("2000"))
    desk.tick("SBIN", "256")
    #expect(desk.positions[0].quantity == -400)
    #expect(desk.funds.utilisedDebits == money("20480"))
  }

  @Test func `A second exit is refused when the account cannot bear it`() {
    let desk = Desk()
    desk.place(.buy, 400, quote: "250")
    desk.place(.sell, 400, at: "255")
    desk.place(.sell, 400, at: "256")
    desk.tick("SBIN", "255")
    desk.place(.buy, 99_900, at: "100", .cnc)
    #expect(desk.funds.availableCash == money("12000"))
    let before = desk.funds
    desk.tick("SBIN", "256")
    let order = desk.orders.first { $0.price == rupees("256") }
    #expect(order?.status == .rejected)
    #expect(order?.filledQuantity == 0 && order?.pendingQuantity == 0)
    #expect(order?.rejectionReason.hasPrefix("Insufficient funds. Required: ₹20480.00") == true)
    #expect(desk.funds == before)
    #expect(desk.last.updates.map(\.order.status) == [.rejected])
  }

  @Test func `Two delivery sales cannot sell the same shares twice`() {
    let desk = Desk(["ITC"], ledger: .holding(100, "ITC", at: "400"))
    desk.tick("ITC", "400")
    desk.place(.sell, 80, "ITC", at: "410", .cnc)
    desk.place(.sell, 80, "ITC", at: "411", .cnc)
    desk.tick("ITC", "412")
    #expect(desk.orders.map(\.status) == [.rejected, .complete])
    #expect(
      desk.orders[0].rejectionReason
        == "Cannot sell 80 shares of ITC in CNC. Only 20 shares available (Position: -80, Holdings: 100)")
    #expect(desk.positions[0].quantity == -80)
  }

  @Test func `A delivery sale without shares is refused and recorded`() {
    let desk = Desk(["TCS"])
    let refusal = desk.place(.sell, 5, "TCS", at: "3000", .cnc).refusal
    #expect(refusal?.status == 400)
    #expect(refusal?.message.hasPrefix("Cannot sell TCS in CNC. No positions or holdings available.") == true)
    #expect(refusal?.orderID == desk.orders[0].orderID)
    #expect(desk.orders[0].status == .rejected)
    #expect(desk.orders[0].pendingQuantity == 0 && desk.orders[0].filledQuantity == 0)
    #expect(desk.log.updates.map(\.order.status) == [.rejected])
    #expect(desk.funds.availableCash == money("10000000"))
    #expect(desk.log.wants.isEmpty)
  }

  @Test func `A delivery sale without shares and without a price is refused for the price`() {
    let desk = Desk(["TCS"])
    let refusal = desk.place(.sell, 5, "TCS", .cnc).refusal
    #expect(refusal?.message.hasPrefix("Cannot place MARKET order for TCS") == true)
    #expect(refusal?.orderID == nil)
    #expect(desk.orders.isEmpty)
  }

  @Test func `Shares of today and of the holding count together`() {
    let desk = Desk(["TCS"], ledger: .holding(3, "TCS", at: "3000"))
    desk.place(.buy, 2, "TCS", .cnc, quote: "3000")
    #expect(
      desk.place(.sell, 6, "TCS", .cnc).refusal?.message
        == "Cannot sell 6 shares of TCS in CNC. Only 5 shares available (Position: 2, Holdings: 3)")
    #expect(desk.place(.sell, 5, "TCS", .cnc).orderID != nil)
    #expect(desk.positions[0].quantity == -3)
    #expect(desk.funds.utilisedDebits == 0)
  }

  @Test func `Selling settled shares needs no margin, and buying them back realises the difference`() {
    let desk = Desk(["ITC"], ledger: .holding(500, "ITC", at: "410"))
    desk.tick("ITC", "418")
    desk.place(.sell, 200, "ITC", .cnc)
    #expect(desk.positions[0].quantity == -200)
    #expect(desk.funds.availableCash == money("9795000") && desk.funds.utilisedDebits == 0)
    #expect(desk.holdings.holdings[0].quantity == 500)
    desk.tick("ITC", "415")
    desk.place(.buy, 200, "ITC", .cnc)
    #expect(desk.funds.totalRealizedPnl == money("600"))
    #expect(desk.funds.availableCash == money("9795600"))
  }

  @Test func `A trade beyond the range of the ledger is refused`() {
    var rules = Rules()
    rules.limits.valueMax = money("1000")
    let desk = Desk(rules: rules)
    desk.place(.buy, 11, at: "100", quote: "100")
    #expect(desk.orders[0].status == .rejected)
    #expect(desk.orders[0].rejectionReason == "Value out of range of the sandbox.")
    #expect(desk.funds.utilisedDebits == 0)
  }
}
