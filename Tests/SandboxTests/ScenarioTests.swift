import Foundation
import Market
import Sandbox
import Testing

// Worked scenarios as data: `Tests/Fixtures/sandbox/*.json`. A scenario has a start time, instruments and steps; each
// step does one thing (tick, place, cancel) and lists the complete state that must hold after it: orders by name,
// positions, funds, holdings, trades in order of execution, and the length of the order book.

@Suite struct ScenarioTests {
  @Test func `Every scenario reaches the expected state after every step`() throws {
    let files = try Fixtures.files(in: "sandbox")
    #expect(files.count >= 6)
    for file in files { try run(file) }
  }

  private func run(_ file: URL) throws {
    let root = try #require(JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any])
    let instruments = try #require(root["instruments"] as? [[String: Any]])
    let desk = Desk(instruments.compactMap { $0["symbol"] as? String })
    desk.now = try time(root["start"])
    // Prices are kept only of instruments that are needed, so a scenario's ticks are repeated when one becomes so.
    var ticks: [String: [String: Any]] = [:]
    var references: [String: String] = [:]
    for (index, step) in try #require(root["steps"] as? [[String: Any]]).enumerated() {
      let place = "\(file.lastPathComponent), step \(index)"
      if let at = step["at"] { desk.now = try time(at) }
      let symbol = step["symbol"] as? String ?? ""
      var reply: Reply?
      switch step["do"] as? String {
      case "tick":
        ticks[symbol] = step
        tick(step, symbol, desk)
      case "place":
        let order = try order(step["order"])
        var effects = Effects()
        reply = desk.engine.place(order, user: desk.user, now: desk.now, into: &effects)
        if case .needsQuote(let wait) = reply {
          tick(try #require(ticks[order.symbol]), order.symbol, desk)
          reply = desk.engine.retry(wait, now: desk.now, into: &effects)
        }
        references[step["ref"] as? String ?? ""] = reply?.orderID
      case "cancel":
        reply = desk.cancel(try #require(references[step["ref"] as? String ?? ""]))
      default: Issue.record("unknown step in \(place)")
      }
      try check(desk, against: try #require(step["expect"] as? [String: Any]), references, reply, place)
    }
  }

  private func tick(_ step: [String: Any], _ symbol: String, _ desk: Desk) {
    desk.tick(symbol, text(step["ltp"])!, bid: text(step["bid"]), ask: text(step["ask"]))
  }

  private func order(_ value: Any?) throws -> PlaceOrder {
    let fields = try #require(value as? [String: Any])
    return PlaceOrder(
      exchange: try #require(Exchange(code: fields["exchange"] as? String ?? "")),
      symbol: try #require(fields["symbol"] as? String),
      side: try #require(Side(code: fields["action"] as? String ?? "")),
      quantity: try #require(fields["quantity"] as? Int64),
      priceType: try #require(PriceType(code: fields["pricetype"] as? String ?? "")),
      product: try #require(Product(code: fields["product"] as? String ?? "")),
      price: text(fields["price"]).map(rupees) ?? 0)
  }

  private func check(
    _ desk: Desk, against expected: [String: Any], _ references: [String: String], _ reply: Reply?,
    _ place: String
  ) throws {
    let orders = try #require(expected["orders"] as? [String: [String: Any]])
    for (reference, fields) in orders {
      let found = desk.engine.order(references[reference] ?? "", user: desk.user)
      let row = try #require(found, "\(place) \(reference)")
      #expect(row.status.code == fields["order_status"] as? String, "\(place) \(reference)")
      #expect(row.quantity == fields["quantity"] as? Int64, "\(place) \(reference)")
      #expect(row.filledQuantity == fields["filled_quantity"] as? Int64, "\(place) \(reference)")
      #expect(row.pendingQuantity == fields["pending_quantity"] as? Int64, "\(place) \(reference)")
      #expect(row.price == price(fields["price"]), "\(place) \(reference)")
      #expect(row.triggerPrice == price(fields["trigger_price"]), "\(place) \(reference)")
      #expect(row.averagePrice == price(fields["average_price"]), "\(place) \(reference)")
      #expect(row.priceType.code == fields["pricetype"] as? String, "\(place) \(reference)")
    }
    try checkPositions(desk, try #require(expected["positions"] as? [[String: Any]]), place)
    try checkFunds(desk, try #require(expected["funds"] as? [String: Any]), place)
    #expect((expected["holdings"] as? [Any])?.count == desk.holdings.holdings.count)
    try checkTrades(desk, try #require(expected["trades"] as? [[String: Any]]), references, place)
    #expect(desk.orders.count == expected["orderbook_count"] as? Int, "\(place)")
    if let response = expected["response"] as? [String: Any] {
      #expect((reply?.refusal?.status ?? 200) == response["http"] as? Int, "\(place)")
    }
  }

  private func checkPositions(_ desk: Desk, _ expected: [[String: Any]], _ place: String) throws {
    let rows = desk.positions
    try #require(rows.count == expected.count, "\(place)")
    for (row, fields) in zip(rows, expected) {
      #expect(row.symbol == fields["symbol"] as? String, "\(place)")
      #expect(row.exchange.code == fields["exchange"] as? String, "\(place)")
      #expect(row.product.code == fields["product"] as? String, "\(place)")
      #expect(row.quantity == fields["quantity"] as? Int64, "\(place)")
      #expect(row.averagePrice == price(fields["average_price"]), "\(place)")
      #expect(row.ltp == price(fields["ltp"]), "\(place)")
      #expect(row.pnl == amount(fields["pnl"]), "\(place)")
    }
  }

  private func checkFunds(_ desk: Desk, _ expected: [String: Any], _ place: String) throws {
    let funds = desk.funds
    #expect(funds.availableCash == amount(expected["availablecash"]), "\(place)")
    #expect(funds.utilisedDebits == amount(expected["utiliseddebits"]), "\(place)")
    #expect(funds.m2mRealized == amount(expected["m2mrealized"]), "\(place)")
    #expect(funds.m2mUnrealized == amount(expected["m2munrealized"]), "\(place)")
    #expect(funds.totalRealizedPnl == amount(expected["total_realized_pnl"]), "\(place)")
    #expect(funds.totalPnl == amount(expected["totalpnl"]), "\(place)")
  }

  private func checkTrades(
    _ desk: Desk, _ expected: [[String: Any]], _ references: [String: String], _ place: String
  ) throws {
    let rows = Array(desk.trades.reversed())
    try #require(rows.count == expected.count, "\(place)")
    for (row, fields) in zip(rows, expected) {
      #expect(row.orderID.text == references[fields["order"] as? String ?? ""], "\(place)")
      #expect(row.symbol == fields["symbol"] as? String, "\(place)")
      #expect(row.side.code == fields["action"] as? String, "\(place)")
      #expect(row.quantity == fields["quantity"] as? Int64, "\(place)")
      #expect(row.price == price(fields["average_price"]), "\(place)")
      #expect(row.product.code == fields["product"] as? String, "\(place)")
    }
  }

  private func time(_ value: Any?) throws -> Int64 {
    let text = try #require(value as? String)
    let date = try #require(ISO8601DateFormatter().date(from: text))
    return Int64(date.timeIntervalSince1970) * 1_000_000_000
  }

  /// The shortest decimal text of a JSON number: what was written in the file.
  private func text(_ value: Any?) -> String? { (value as? Double).map { "\($0)" } }
  private func price(_ value: Any?) -> Int64? { text(value).flatMap { Price.parse($0) } }
  private func amount(_ value: Any?) -> Int64? { text(value).map(money) }
}
