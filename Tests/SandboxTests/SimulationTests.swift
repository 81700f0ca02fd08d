import Market
import Sandbox
import TestSupport
import Testing

// Method: a seeded stream of orders, cancellations, ticks and feed failures of several users in few instruments, so
// that orders meet positions often. After every step margin and money must add up and no reached order may rest; now
// and then the books are recomputed from the trades alone; at random points the ledger is rebuilt from the records and
// must be the same. A failure prints the seed; TICKGATE_SEED repeats it.

@Suite struct SimulationTests {
  @Test func `Money, margin and resting orders add up after every step`() {
    let seed = SeededGenerator.chosenSeed()
    let simulation = Simulation(seed: seed)
    for step in 0..<12_000 {
      simulation.step()
      if let complaint = simulation.complaint() ?? (step % 100 == 0 ? simulation.auditComplaint() : nil) {
        Issue.record("\(complaint) at step \(step), TICKGATE_SEED=\(seed)")
        return
      }
    }
    let reached = Set(simulation.records.compactMap { $0.order?.status.code })
    #expect(reached == ["open", "complete", "cancelled", "rejected"], "TICKGATE_SEED=\(seed)")
    #expect(simulation.records.count > 3000, "TICKGATE_SEED=\(seed)")
  }

  @Test func `The same commands and ticks give the same records`() {
    let seed = SeededGenerator.chosenSeed()
    let runs = (0..<2).map { _ in
      let simulation = Simulation(seed: seed)
      for _ in 0..<4000 { simulation.step() }
      return simulation
    }
    #expect(runs[0].records == runs[1].records, "TICKGATE_SEED=\(seed)")
    #expect(runs[0].wanted == runs[1].wanted, "TICKGATE_SEED=\(seed)")
    #expect(!runs[0].records.isEmpty)
  }

  @Test func `An engine rebuilt from the records is the live one, and goes on like it`() {
    let seed = SeededGenerator.chosenSeed()
    var generator = SeededGenerator(seed: seed ^ 1)
    let simulation = Simulation(seed: seed)
    for round in 0..<20 {
      for _ in 0..<Int.random(in: 50...300, using: &generator) { simulation.step() }
      var bytes: [UInt8] = []
      for record in simulation.records { JournalCodec.encode(record, into: &bytes) }
      var ledger = Ledger()
      for record in JournalCodec.decode(bytes, count: simulation.records.count) ?? [] { ledger.apply(record) }
      #expect(ledger == simulation.engine.ledger, "round \(round), TICKGATE_SEED=\(seed)")
      simulation.restart(from: ledger)
    }
  }
}

/// One run of the method above.
private final class Simulation {
  private static let symbols = ["SBIN", "ITC", "TCS"]
  private static let users = ["asha", "ravi", "meena"]
  private static let feed: UInt8 = 1

  private let registry = Desk.registry(symbols)
  private(set) var engine: Engine
  private(set) var records: [Record] = []
  /// Sum of the wants per instrument.
  private(set) var wanted: [UInt32: Int] = [:]
  private var generator: SeededGenerator
  private var now = clock(9, 30)
  private var prices = [rupees("100"), rupees("410"), rupees("3000")]
  private var waits: [QuoteWait] = []
  private var isUp = true
  private var lastTick: UInt32?
  private var rules = Rules()

  init(seed: UInt64) {
    generator = SeededGenerator(seed: seed)
    // Little capital, so that orders are refused for want of money now and then.
    rules.startingCapital = money("200000")
    engine = Engine(registry: registry, calendar: .alwaysOpen, rules: rules)
    engine.feedChanged(feed: Self.feed, usableSince: 0)
  }

  func restart(from ledger: Ledger) {
    engine = Engine(registry: registry, calendar: .alwaysOpen, rules: rules, ledger: ledger)
    engine.feedChanged(feed: Self.feed, usableSince: isUp ? now : nil)
    waits = []
    wanted = Dictionary(uniqueKeysWithValues: engine.wants().map { ($0.instrument, 1) })
  }

  func step() {
    var effects = Effects()
    now += Int64.random(in: 1_000_000...60_000_000_000, using: &generator)
    lastTick = nil
    switch Int.random(in: 0..<100, using: &generator) {
    case 0..<45: tick(into: &effects)
    case 45..<80: place(into: &effects)
    case 80..<96: cancel(into: &effects)
    case 96..<98: endWaits(into: &effects)
    default:
      isUp.toggle()
      engine.feedChanged(feed: Self.feed, usableSince: isUp ? now : nil)
    }
    records += effects.records
    for want in effects.wants { wanted[want.instrument, default: 0] += Int(want.delta) }
  }

  private func tick(into effects: inout Effects) {
    let index = Int.random(in: 0..<prices.count, using: &generator)
    let move = Int64.random(in: -40...40, using: &generator) * rupees("0.05")
    prices[index] = max(rupees("1"), prices[index] + move * (prices[index] > rupees("1000") ? 20 : 1))
    var tick = Tick()
    tick.instrument = UInt32(index)
    tick.feed = Self.feed
    tick.receivedTime = now
    tick.ltp = prices[index]
    tick.bidPrice = prices[index] - rupees("0.05")
    tick.askPrice = prices[index] + rupees("0.05")
    var presence: Presence = [.ltp]
    if Bool.random(using: &generator) { presence.formUnion([.bestBid, .bestAsk]) }
    if Int.random(in: 0..<20, using: &generator) == 0 {
      (tick.low, tick.high) = (tick.ltp + 1, tick.ltp + 2)
      presence.insert(.ohlc)
    } else if isUp {
      lastTick = tick.instrument
    }
    tick.presence = presence.rawValue
    withUnsafePointer(to: tick) { engine.onTick($0, into: &effects) }
  }

  private func place(into effects: inout Effects) {
    let index = Int.random(in: 0..<prices.count, using: &generator)
    let isLimit = Int.random(in: 0..<3, using: &generator) > 0
    let offset = Int64.random(in: -60...60, using: &generator) * rupees("0.05")
    let order = PlaceOrder(
      exchange: .nse, symbol: Self.symbols[index], side: Bool.random(using: &generator) ? .buy : .sell,
      quantity: Int64.random(in: 1...120, using: &generator), priceType: isLimit ? .limit : .market,
      product: Int.random(in: 0..<3, using: &generator) > 0 ? .mis : .cnc,
      price: isLimit ? max(rupees("0.05"), prices[index] + offset) : 0)
    let user = Self.users.randomElement(using: &generator)!
    if case .needsQuote(let wait) = engine.place(order, user: user, now: now, into: &effects) { waits.append(wait) }
  }

  private func endWaits(into effects: inout Effects) {
    for wait in waits {
      if case .needsQuote = engine.retry(wait, now: now, into: &effects) {
        _ = engine.placeWithoutQuote(wait, now: now, into: &effects)
      }
    }
    waits = []
  }

  private func cancel(into effects: inout Effects) {
    let accounts = engine.ledger.accounts
    guard let account = accounts.randomElement(using: &generator),
      let id = account.pendingOrders.randomElement(using: &generator)
    else { return }
    _ = engine.cancel(orderID: id.text, user: account.user, now: now, into: &effects)
  }

  /// What is wrong with the engine's state, if anything.
  func complaint() -> String? {
    for account in engine.ledger.accounts {
      if let complaint = complaint(of: account) { return "\(account.user): \(complaint)" }
    }
    let needed = Set(engine.wants().map(\.instrument))
    if Set(wanted.filter { $0.value == 1 }.keys) != needed || wanted.values.contains(where: { $0 != 0 && $0 != 1 }) {
      return "the wants \(wanted) do not add up to \(needed)"
    }
    return nil
  }

  private func complaint(of account: Account) -> String? {
    let funds = account.funds
    let pending = account.pendingOrders.compactMap { account.order($0) }
    let reserved = pending.reduce(0) { $0 + $1.margin } + account.positions.reduce(0) { $0 + $1.margin }
    if funds.used != reserved { return "used margin is \(funds.used), reserved are \(reserved)" }
    if funds.available + funds.used != funds.totalCapital + funds.realized { return "money was made or lost" }
    return complaint(aboutResting: pending)
  }

  /// What the books say, recomputed from all orders and trades.
  func auditComplaint() -> String? {
    for account in engine.ledger.accounts {
      if account.orders.filter({ $0.status == .open }).map(\.id) != account.pendingOrders {
        return "the list of pending orders is wrong"
      }
      if let order = account.orders.first(where: { !$0.status.isPending && $0.margin != 0 }) {
        return "finished order \(order.id.text) holds margin"
      }
      if let complaint = tradesComplaint(account) { return "\(account.user): \(complaint)" }
    }
    return nil
  }

  /// Quantities are sums of trades; profit is what came in minus what went out, and what that still holds.
  private func tradesComplaint(_ account: Account) -> String? {
    var quantities: [PositionKey: Int64] = [:]
    var paid: Int64 = 0
    for trade in account.trades {
      quantities[PositionKey(trade.key, trade.product), default: 0] += trade.quantity * trade.side.sign
      paid += trade.value * trade.side.sign
    }
    var held: Int64 = 0
    for position in account.positions {
      if quantities[position.key] != position.quantity { return "\(position.key) is not the sum of its trades" }
      if position.quantity == 0, position.margin != 0 || position.cost != 0 { return "a flat position holds money" }
      if position.key.product == .cnc, position.quantity < 0 { return "delivery shares were sold short" }
      held += position.quantity < 0 ? -position.cost : position.cost
    }
    return account.funds.realized == held - paid
      ? nil : "realised \(account.funds.realized), the trades say \(held - paid)"
  }

  /// After a tick that counts, no order that it reaches may still rest.
  private func complaint(aboutResting pending: [Order]) -> String? {
    guard let lastTick, wanted[lastTick] == 1 else { return nil }
    let ltp = prices[Int(lastTick)]
    for order in pending where order.key.symbol == Self.symbols[Int(lastTick)] {
      let isReached = order.priceType == .market || (order.price - ltp) * order.side.sign >= 0
      if isReached { return "order \(order.id.text) rests although \(ltp) reaches it" }
    }
    return nil
  }
}
