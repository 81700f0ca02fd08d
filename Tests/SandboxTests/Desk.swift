import Market
import Sandbox

// The engine with what surrounds it in production replaced by plain calls: one user, one feed, a clock that is set.

/// Parses a price or an amount written as in the specification.
func rupees(_ text: String) -> Int64 { Price.parse(text)! }
func money(_ text: String) -> Int64 { Price.parse(text)! / (Price.scale / Money.scale) }

/// 2026-08-17, a Monday, in IST.
func clock(_ hour: Int, _ minute: Int, day: Int = 17) -> Int64 {
  ISTTime.epochNanos(
    day: CivilDate(year: 2026, month: 8, dayOfMonth: day)!.day, minuteOfDay: hour * 60 + minute)
}

/// Places orders and ticks, and collects what the engine says.
final class Desk {
  static let feed: UInt8 = 3

  let registry: InstrumentRegistry
  var engine: Engine
  var now = clock(10, 0)
  var user = "asha"
  /// Everything since the start.
  var log = Effects()
  /// What the last call brought.
  var last = Effects()

  init(
    _ symbols: [String] = ["SBIN"], calendar: SessionCalendar = .india, rules: Rules = Rules(),
    ledger: Ledger = Ledger()
  ) {
    registry = Self.registry(symbols)
    engine = Engine(registry: registry, calendar: calendar, rules: rules, ledger: ledger)
    engine.feedChanged(feed: Self.feed, usableSince: 0)
  }

  static func registry(_ symbols: [String]) -> InstrumentRegistry {
    InstrumentRegistry(
      symbols.map {
        Instrument(key: InstrumentKey(.nse, $0), name: $0, tickSize: rupees("0.05"), kind: .equity)
      } + [
        Instrument(
          key: InstrumentKey(.nseIndex, "NIFTY"), name: "NIFTY", tickSize: rupees("0.05"), kind: .index),
        Instrument(key: InstrumentKey(.bse, "SBIN"), name: "SBIN", tickSize: rupees("0.05"), kind: .equity),
      ])
  }

  private func keep(_ effects: Effects) {
    last = effects
    log.records += effects.records
    log.updates += effects.updates
    log.wants += effects.wants
  }

  func tick(
    _ symbol: String = "SBIN", _ ltp: String, bid: String? = nil, ask: String? = nil, range: (String, String)? = nil,
    receivedTime: Int64? = nil, feed: UInt8 = Desk.feed, sequence: UInt64 = 0
  ) {
    var tick = Tick()
    tick.instrument = registry.id(exchange: .nse, symbol: symbol)!
    tick.feed = feed
    tick.mode = Mode.quote.rawValue
    tick.receivedTime = receivedTime ?? now
    tick.ltp = rupees(ltp)
    tick.sequence = sequence
    var presence: Presence = [.ltp]
    if let bid { (tick.bidPrice, presence) = (rupees(bid), presence.union(.bestBid)) }
    if let ask { (tick.askPrice, presence) = (rupees(ask), presence.union(.bestAsk)) }
    if let range {
      (tick.low, tick.high) = (rupees(range.0), rupees(range.1))
      presence.insert(.ohlc)
    }
    tick.presence = presence.rawValue
    var effects = Effects()
    withUnsafePointer(to: tick) { engine.onTick($0, into: &effects) }
    keep(effects)
  }

  /// Places an order; when the engine asks for a price, gives it the tick `quote`, or none.
  @discardableResult
  func place(_ order: PlaceOrder, quote: String? = nil) -> Reply {
    var effects = Effects()
    var reply = engine.place(order, user: user, now: now, into: &effects)
    if case .needsQuote(let wait) = reply {
      if let quote { tick(order.symbol, quote) }
      reply =
        quote == nil
        ? engine.placeWithoutQuote(wait, now: now, into: &effects) : engine.retry(wait, now: now, into: &effects)
    }
    keep(effects)
    return reply
  }

  @discardableResult
  func place(
    _ side: Side, _ quantity: Int64, _ symbol: String = "SBIN", at price: String? = nil, _ product: Product = .mis,
    quote: String? = nil
  ) -> Reply {
    place(
      PlaceOrder(
        strategy: "test", exchange: .nse, symbol: symbol, side: side, quantity: quantity,
        priceType: price == nil ? .market : .limit, product: product, price: price.map(rupees) ?? 0),
      quote: quote)
  }

  @discardableResult
  func cancel(_ orderID: String) -> Reply {
    var effects = Effects()
    let reply = engine.cancel(orderID: orderID, user: user, now: now, into: &effects)
    keep(effects)
    return reply
  }

  @discardableResult
  func retry(_ wait: QuoteWait) -> Reply {
    var effects = Effects()
    let reply = engine.retry(wait, now: now, into: &effects)
    keep(effects)
    return reply
  }

  // The engine cannot be copied, so expectations ask through these.

  func hasQuote(_ instrument: UInt32) -> Bool { engine.hasQuote(instrument) }
  func order(_ id: String, user: String) -> OrderRow? { engine.order(id, user: user) }
  func openQuantity(_ symbol: String, _ product: Product) -> Int64 {
    engine.openQuantity(user: user, instrument: InstrumentKey(.nse, symbol), product: product)
  }
  var wants: [Want] { engine.wants() }
  var holdings: Holdings { engine.holdings(user: user) }
  var funds: FundsRow { engine.funds(user: user, now: now) }
  var positions: [PositionRow] { engine.positionbook(user: user, now: now).positions }
  var orders: [OrderRow] { engine.orderbook(user: user, now: now).orders }
  var trades: [TradeRow] { engine.tradebook(user: user, now: now) }
}

extension Reply {
  var orderID: String? { if case .accepted(let id) = self { id.text } else { nil } }
  var refusal: Refusal? { if case .refused(let refusal) = self { refusal } else { nil } }
}

extension Ledger {
  /// An account with settled shares, bought out of its capital.
  static func holding(_ quantity: Int64, _ symbol: String, at price: String, user: String = "asha") -> Ledger {
    var funds = Funds(startingCapital: Rules().startingCapital, now: clock(9, 0))
    var holding = Holding(key: InstrumentKey(.nse, symbol))
    holding.quantity = quantity
    holding.cost = money(price) * quantity
    holding.ltp = rupees(price)
    funds.available -= holding.cost
    var record = Record(user: user, time: clock(9, 0))
    record.funds = funds
    record.holding = holding
    var ledger = Ledger()
    ledger.apply(record)
    return ledger
  }
}
