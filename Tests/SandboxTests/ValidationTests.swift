import Market
import Sandbox
import Testing

// Refusals before money is looked at: their texts, their order, and the intraday window.

@Suite struct ValidationTests {
  private func refusal(
    _ change: (inout PlaceOrder) -> Void, now: Int64 = clock(10, 0), calendar: SessionCalendar = .india
  ) -> Refusal? {
    let desk = Desk(calendar: calendar)
    desk.now = now
    var order = PlaceOrder(
      exchange: .nse, symbol: "SBIN", side: .buy, quantity: 1, priceType: .limit, price: rupees("10"))
    change(&order)
    let refusal = desk.place(order).refusal
    if refusal != nil { #expect(desk.log.records.isEmpty && desk.log.updates.isEmpty) }
    return refusal
  }

  @Test func `Fields out of range are refused`() {
    #expect(refusal { $0.symbol = "" }?.message == "Missing required field: symbol")
    #expect(refusal { $0.quantity = 0 }?.message == "Quantity must be a positive number.")
    #expect(refusal { $0.quantity = -5 }?.message == "Quantity must be a positive number.")
    #expect(refusal { $0.quantity = .max }?.message == "Quantity must not exceed 1000000000.")
    #expect(refusal { $0.price = -1 }?.message == "Price must be a non-negative number.")
    #expect(refusal { $0.price = .max }?.message == "Price must not exceed 100000000.")
    #expect(refusal { $0.triggerPrice = -1 }?.message == "Trigger price must be a non-negative number.")
    #expect(refusal { $0.strategy = String(repeating: "s", count: 257) } != nil)
    #expect(refusal { $0.strategy = String(repeating: "s", count: 256) } == nil)
  }

  @Test func `Products that an exchange does not have are refused`() {
    #expect(
      refusal { $0.product = .nrml }?.message
        == "NRML product not allowed for NSE equity segment. Use CNC for delivery or MIS for intraday.")
    #expect(
      refusal { ($0.product, $0.exchange) = (.cnc, .nfo) }?.message
        == "CNC product not allowed for NFO derivatives segment. Use NRML for carryforward or MIS for intraday.")
  }

  @Test func `What is not open for trading is refused by name`() {
    #expect(
      refusal { $0.exchange = .bse }?.message == "Exchange BSE is not available in the sandbox. Available: NSE.")
    #expect(
      refusal { $0.exchange = .nseIndex }?.message
        == "Orders are not allowed on NSE_INDEX: an index cannot be traded.")
    #expect(
      refusal { ($0.priceType, $0.triggerPrice) = (.stopMarket, 1) }?.message
        == "SL-M orders are not available in the sandbox. Use MARKET or LIMIT.")
  }

  @Test func `Another exchange is opened by the rules alone`() {
    var rules = Rules()
    rules.exchanges.insert(.bse)
    let desk = Desk(rules: rules)
    let order = PlaceOrder(
      exchange: .bse, symbol: "SBIN", side: .buy, quantity: 10, priceType: .limit, price: rupees("100"))
    #expect(desk.place(order).orderID != nil)
    #expect(desk.funds.utilisedDebits == money("200"))
  }

  @Test func `Prices that a type needs must be there`() {
    #expect(refusal { $0.price = 0 }?.message == "LIMIT orders require price")
    #expect(refusal { ($0.priceType, $0.price) = (.stopLimit, 0) }?.message == "SL orders require price")
    #expect(refusal { $0.priceType = .stopMarket }?.message == "SL-M orders require trigger_price")
  }

  @Test func `An unknown symbol is refused`() {
    #expect(refusal { $0.symbol = "NOPE" }?.message == "Symbol NOPE not found on NSE")
    #expect(refusal { $0.symbol = "sbin" }?.message == "Symbol sbin not found on NSE")
  }

  @Test func `Intraday orders are refused outside their window`() {
    let text = "MIS orders cannot be placed after square-off time (15:15 IST). Trading resumes at 09:00 AM IST."
    #expect(refusal({ _ in }, now: clock(15, 15))?.message == text)
    #expect(refusal({ _ in }, now: clock(8, 59))?.message == text)
    #expect(refusal({ _ in }, now: clock(15, 14)) == nil)
    #expect(refusal({ _ in }, now: clock(9, 0)) == nil)
    #expect(refusal({ $0.product = .cnc }, now: clock(15, 15)) == nil)
    #expect(refusal({ _ in }, now: clock(3, 0), calendar: .alwaysOpen) == nil)
  }

  @Test func `After square-off an order may reduce a position but not reverse it`() {
    let desk = Desk()
    desk.place(.buy, 10, quote: "100")
    desk.now = clock(15, 20)
    desk.tick("SBIN", "100")
    #expect(desk.place(.sell, 11).refusal != nil)
    #expect(desk.place(.buy, 1).refusal != nil)
    #expect(desk.place(.sell, 10).orderID != nil)
    #expect(desk.place(.sell, 1).refusal != nil)
  }

  @Test func `A client cannot make the engine hold more than its bounds`() {
    var rules = Rules()
    rules.limits.accountsMax = 1
    rules.limits.restingOrdersPerAccountMax = 2
    rules.limits.ordersPerSessionMax = 3
    let desk = Desk(rules: rules)
    let first = desk.place(.buy, 1, at: "10")
    #expect(desk.place(.buy, 1, at: "10").orderID != nil)
    #expect(desk.place(.buy, 1, at: "10").refusal?.status == 429)
    desk.cancel(first.orderID!)
    #expect(desk.place(.buy, 1, at: "10").orderID != nil)
    desk.cancel(desk.orders[0].orderID.text)
    #expect(desk.place(.buy, 1, at: "10").refusal?.status == 429)
    desk.now = clock(9, 30, day: 18)
    #expect(desk.place(.buy, 1, at: "10").orderID != nil)
    desk.user = "ravi"
    #expect(desk.place(.buy, 1, at: "10").refusal?.status == 503)
  }
}
