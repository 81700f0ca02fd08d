import Market
import Sandbox
import Testing

// What an order reserves, and the averages and splits that follow from fills: the worked examples of the rules.

@Suite struct MarginTests {
  @Test func `Intraday shares reserve a fifth of their value at the last price`() {
    let desk = Desk()
    desk.place(.buy, 150, quote: "812.40")
    #expect(desk.funds.utilisedDebits == money("24372"))
  }

  @Test func `Delivery shares reserve their whole value at the limit`() {
    let desk = Desk(["ITC"])
    desk.place(.buy, 500, "ITC", at: "410", .cnc)
    #expect(desk.funds.utilisedDebits == money("205000"))
    #expect(desk.funds.availableCash == money("9795000"))
  }

  @Test func `Only the units beyond the open position are margined`() {
    let desk = Desk()
    desk.place(.buy, 50, quote: "100")
    let before = desk.funds.utilisedDebits
    desk.place(.sell, 80, at: "120")
    #expect(desk.funds.utilisedDebits - before == money("720"))
    #expect(desk.orders[0].status == .open)
  }

  @Test func `Margin is rounded half up to the paisa`() {
    let desk = Desk()
    // 3 x 100.05 / 5 = 60.03; 1 x 100.125 / 5 = 20.025, which rounds to 20.03.
    desk.place(.buy, 3, at: "100.05")
    #expect(desk.funds.utilisedDebits == money("60.03"))
    desk.place(.buy, 1, at: "100.125")
    #expect(desk.funds.utilisedDebits == money("80.06"))
  }

  @Test func `An order beyond the available cash is refused and leaves no trace`() {
    let desk = Desk()
    let reply = desk.place(.buy, 1_000_000, at: "100")
    #expect(
      reply.refusal
        == Refusal(
          "Insufficient funds. Required: ₹20000000.00, Available: ₹10000000.00, Shortage: ₹10000000.00"))
    #expect(desk.orders.isEmpty && desk.log.records.isEmpty && desk.log.wants.isEmpty)
  }

  @Test func `The last rupee can be spent, and not one paisa more`() {
    let desk = Desk()
    #expect(desk.place(.buy, 100_000, at: "100", .cnc).orderID != nil)
    #expect(desk.funds.availableCash == 0)
    #expect(desk.place(.buy, 1, at: "0.05").refusal != nil)
  }

  @Test func `An exit is accepted when no cash is left`() {
    let desk = Desk()
    desk.place(.buy, 100, quote: "100")
    desk.place(.buy, 99_980, at: "99.95", .cnc)
    desk.place(.buy, 50, at: "99.95", .cnc)
    #expect(desk.funds.availableCash == money("1.50"))
    #expect(desk.place(.sell, 100).orderID != nil)
    #expect(desk.positions.isEmpty)
  }

  @Test func `The average is not rounded between fills`() {
    let desk = Desk()
    desk.place(.buy, 20, quote: "250")
    desk.tick("SBIN", "250.10")
    desk.place(.buy, 10)
    #expect(desk.positions[0].averagePrice == rupees("250.03"))
    desk.tick("SBIN", "252")
    desk.place(.sell, 30)
    #expect(desk.funds.totalRealizedPnl == money("59"))
  }

  @Test func `A position closed in parts gives back all of its margin and cost`() {
    let desk = Desk()
    desk.place(.buy, 7, quote: "100.05")
    for price in ["100.10", "99.95", "100.20"] {
      desk.tick("SBIN", price)
      desk.place(.sell, price == "100.20" ? 3 : 2)
    }
    // Proceeds 200.20 + 199.90 + 300.60, cost 700.35.
    #expect(desk.funds.totalRealizedPnl == money("0.35"))
    #expect(desk.funds.utilisedDebits == 0)
    #expect(desk.funds.availableCash == money("10000000.35"))
  }

  @Test func `A reversal is margined with exactly what the excess needs`() {
    let desk = Desk()
    desk.place(.buy, 60, quote: "1500")
    desk.tick("SBIN", "1510")
    desk.place(.sell, 100)
    #expect(desk.positions[0].quantity == -40)
    #expect(desk.positions[0].averagePrice == rupees("1510"))
    #expect(desk.funds.utilisedDebits == money("12080"))
    #expect(desk.funds.totalRealizedPnl == money("600"))
  }

  @Test func `Margin that a fill turns out not to need goes back to cash`() {
    let desk = Desk()
    desk.tick("SBIN", "100")
    desk.place(.sell, 10, at: "110")
    #expect(desk.funds.utilisedDebits == money("220"))
    desk.place(.buy, 10, quote: "100")
    #expect(desk.funds.utilisedDebits == money("420"))
    desk.tick("SBIN", "110")
    #expect(desk.positions[0].quantity == 0)
    #expect(desk.funds.utilisedDebits == 0)
    #expect(desk.funds.availableCash == money("10000100"))
  }

  @Test func `What a market order pays for is settled by its reservation, not by its fill`() {
    let desk = Desk()
    desk.place(.buy, 10, quote: "100")
    desk.engine.feedChanged(feed: Desk.feed, usableSince: nil)
    desk.place(.sell, 14, at: "90")
    desk.place(.buy, 10)
    desk.engine.feedChanged(feed: Desk.feed, usableSince: 0)
    desk.tick("SBIN", "120", bid: "119", ask: "121")
    // The sale left 4 short; of the 10 units that 200 were reserved for, 4 close that and 6 open.
    #expect(desk.positions[0].quantity == 6)
    #expect(desk.funds.utilisedDebits == money("120"))
    #expect(desk.funds.totalRealizedPnl == money("-224"))
  }

  @Test func `An entry that partly closes keeps only the margin of what it opens`() {
    let desk = Desk()
    desk.place(.sell, 10, at: "110", quote: "100")
    desk.place(.buy, 4)
    desk.tick("SBIN", "110")
    // Opened 6 of 10 units that 220 were reserved for.
    #expect(desk.positions[0].quantity == -6)
    #expect(desk.funds.utilisedDebits == money("132"))
    #expect(desk.funds.totalRealizedPnl == money("40"))
  }
}
