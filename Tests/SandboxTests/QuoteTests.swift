import Market
import Sandbox
import Testing

// Which ticks count: feeds that are down, quotes that contradict themselves, orders that wait for a first price, and
// the instruments that the engine asks for.

@Suite struct QuoteTests {
  @Test func `A market order without a price asks for one and watches the instrument`() {
    let desk = Desk()
    var effects = Effects()
    let order = PlaceOrder(exchange: .nse, symbol: "SBIN", side: .buy, quantity: 1)
    guard case .needsQuote(let wait) = desk.engine.place(order, user: "asha", now: desk.now, into: &effects) else {
      Issue.record("the order did not wait")
      return
    }
    #expect(effects.wants == [Want(wait.instrument, .depth, delta: 1)])
    #expect(effects.records.isEmpty)
    #expect(!desk.hasQuote(wait.instrument))
    #expect(desk.retry(wait) == .needsQuote(wait))
    desk.tick("SBIN", "100")
    #expect(desk.hasQuote(wait.instrument))
    #expect(desk.retry(wait).orderID != nil)
    #expect(desk.positions[0].quantity == 1)
    // The position took over what the wait began.
    #expect(desk.log.wants.isEmpty)
    #expect(desk.wants == effects.wants)
  }

  @Test func `A market order whose price does not come is refused, and nothing is watched any more`() {
    let desk = Desk()
    #expect(
      desk.place(.buy, 1).refusal
        == Refusal(
          "Cannot place MARKET order for SBIN - unable to fetch current price. "
            + "Please try again later or use LIMIT order with a specific price."))
    #expect(desk.log.wants.map(\.delta) == [1, -1])
    #expect(desk.orders.isEmpty && desk.wants.isEmpty)
  }

  @Test func `A limit order without a price waits for one too, and rests when none comes`() {
    let desk = Desk()
    desk.place(.buy, 1, at: "110", quote: "100")
    #expect(desk.trades[0].price == rupees("100"))
    let other = Desk()
    other.place(.buy, 1, at: "110")
    #expect(other.orders[0].status == .open)
    other.tick("SBIN", "100")
    #expect(other.trades[0].price == rupees("110"))
  }

  @Test func `An order that can only be refused does not wait`() {
    let desk = Desk()
    #expect(desk.place(.buy, 1_000_000, at: "100").refusal != nil)
    #expect(desk.place(.sell, 1, at: "100", .cnc).refusal != nil)
    #expect(desk.log.wants.isEmpty)
  }

  @Test func `A market order rests on the price that an open position remembers`() {
    let desk = Desk()
    desk.place(.buy, 10, quote: "100")
    desk.engine.feedChanged(feed: Desk.feed, usableSince: nil)
    #expect(desk.place(.buy, 10).orderID != nil)
    #expect(desk.orders[0].status == .open)
    #expect(desk.funds.utilisedDebits == money("400"))
    desk.engine.feedChanged(feed: Desk.feed, usableSince: clock(10, 5))
    desk.tick("SBIN", "104", bid: "103", ask: "105", receivedTime: clock(10, 6))
    #expect(desk.orders[0].status == .complete)
    #expect(desk.trades[0].price == rupees("105"))
  }

  @Test func `Nothing fills on a tick from before the feed came back`() {
    let desk = Desk()
    desk.place(.buy, 10, at: "100", quote: "105")
    desk.engine.feedChanged(feed: Desk.feed, usableSince: nil)
    desk.tick("SBIN", "99")
    desk.engine.feedChanged(feed: Desk.feed, usableSince: clock(10, 5))
    desk.tick("SBIN", "99", receivedTime: clock(10, 5) - 1)
    #expect(desk.trades.isEmpty)
    desk.tick("SBIN", "99", receivedTime: clock(10, 5))
    #expect(desk.trades.count == 1)
  }

  @Test func `A late tick of an earlier connection does not replace the quote`() {
    let desk = Desk()
    desk.place(.buy, 1, at: "1", quote: "100")
    desk.engine.feedChanged(feed: Desk.feed, usableSince: clock(10, 5))
    desk.tick("SBIN", "101", receivedTime: clock(10, 6))
    desk.tick("SBIN", "95", receivedTime: clock(10, 4))
    #expect(desk.hasQuote(0))
    desk.place(.buy, 1)
    #expect(desk.trades[0].price == rupees("101"))
  }

  @Test func `A tick that was overtaken does not replace the quote`() {
    let desk = Desk()
    desk.place(.buy, 1, at: "1", quote: "100")
    desk.tick("SBIN", "101", sequence: 8)
    desk.tick("SBIN", "95", sequence: 7)
    desk.place(.buy, 1)
    #expect(desk.trades[0].price == rupees("101"))
    desk.tick("SBIN", "102", sequence: 9)
    desk.place(.buy, 1)
    #expect(desk.trades[0].price == rupees("102"))
  }

  @Test func `A feed that was never said to be up fills nothing`() {
    let desk = Desk()
    desk.place(.buy, 10, at: "100", quote: "105")
    desk.tick("SBIN", "99", feed: 7)
    #expect(desk.trades.isEmpty)
  }

  @Test func `A quote from before the feed came back serves no market order`() {
    let desk = Desk()
    desk.place(.buy, 1, at: "1", quote: "100")
    desk.engine.feedChanged(feed: Desk.feed, usableSince: desk.now + 1)
    #expect(desk.place(.buy, 1).refusal != nil)
  }

  @Test func `The quote ends with the last need for it`() {
    let desk = Desk()
    let id = desk.place(.buy, 1, at: "1", quote: "100").orderID!
    #expect(desk.hasQuote(0))
    desk.cancel(id)
    #expect(!desk.hasQuote(0))
    desk.tick("SBIN", "100")
    #expect(!desk.hasQuote(0))
  }

  @Test func `A last price outside its own day's range fills nothing`() {
    let desk = Desk()
    desk.place(.buy, 1, at: "100", quote: "105")
    desk.tick("SBIN", "99", range: ("101", "106"))
    desk.place(.buy, 2)
    #expect(desk.orders.map(\.status) == [.open, .open])
    // Margin still used the price that was there.
    #expect(desk.orders[0].price == rupees("99"))
    desk.tick("SBIN", "99.50", range: ("99.50", "106"))
    #expect(desk.orders.map(\.status) == [.complete, .complete])
    #expect(desk.trades.reversed().map(\.price) == [rupees("100"), rupees("99.50")])
  }

  @Test func `A range from an earlier tick does not make a later price suspect`() {
    let desk = Desk()
    desk.place(.sell, 1, at: "110", quote: "105")
    desk.tick("SBIN", "105", range: ("101", "106"))
    desk.tick("SBIN", "110")
    #expect(desk.trades.count == 1)
  }

  @Test func `Best prices are those of the last tick only`() {
    let desk = Desk()
    desk.place(.buy, 1, at: "1", quote: "100")
    desk.tick("SBIN", "100", bid: "99", ask: "101")
    desk.tick("SBIN", "102")
    desk.place(.buy, 1)
    #expect(desk.trades[0].price == rupees("102"))
    desk.place(.sell, 1)
    #expect(desk.trades[0].price == rupees("102"))
  }

  @Test func `An instrument is wanted once, from its first need to its last`() {
    let desk = Desk(["SBIN", "ITC"])
    let first = desk.place(.buy, 1, at: "90", quote: "100").orderID!
    let second = desk.place(.buy, 1, at: "91").orderID!
    desk.place(.buy, 1, "ITC", at: "90", quote: "100")
    desk.cancel(first)
    desk.cancel(second)
    #expect(desk.log.wants.map { [Int($0.instrument), Int($0.delta)] } == [[0, 1], [1, 1], [0, -1]])
    desk.tick("ITC", "90")
    desk.tick("ITC", "95")
    desk.place(.sell, 1, "ITC")
    #expect(desk.log.wants.count == 4)
    #expect(desk.wants.isEmpty)
  }

  @Test func `After a restart orders rest and instruments are wanted as before`() {
    let desk = Desk(["SBIN", "ITC"], ledger: .holding(10, "ITC", at: "400"))
    desk.place(.buy, 1, at: "90", quote: "100")
    let again = Desk(["OTHER", "ITC", "SBIN"], ledger: desk.engine.ledger)
    #expect(Set(again.wants.map(\.instrument)) == [1, 2])
    again.tick("SBIN", "89")
    #expect(again.trades[0].price == rupees("90"))
  }

  @Test func `An order whose instrument is gone after a restart can be cancelled`() {
    let desk = Desk(["SBIN"])
    let id = desk.place(.buy, 1, at: "90", quote: "100").orderID!
    let again = Desk(["OTHER"], ledger: desk.engine.ledger)
    #expect(again.orders[0].status == .open)
    #expect(again.cancel(id).orderID == id)
    #expect(again.funds.utilisedDebits == 0)
  }

  @Test func `Ticks that make no sense are ignored`() {
    let desk = Desk()
    desk.place(.buy, 1, at: "90", quote: "100")
    var tick = Tick()
    tick.feed = Desk.feed
    tick.receivedTime = desk.now
    tick.ltp = rupees("80")
    var effects = Effects()
    withUnsafePointer(to: tick) { desk.engine.onTick($0, into: &effects) }
    tick.presence = Presence.ltp.rawValue
    tick.instrument = .max
    withUnsafePointer(to: tick) { desk.engine.onTick($0, into: &effects) }
    tick.instrument = 0
    for ltp: Int64 in [0, -1, .min, .max] {
      tick.ltp = ltp
      withUnsafePointer(to: tick) { desk.engine.onTick($0, into: &effects) }
    }
    #expect(effects.isEmpty)
  }
}
