// Books beyond five levels, end to end: the simulated exchange of each broker that has them, the feed, the ring.

import Feeds
import Market
import Normalize
import Simulator
import Testing
import TickRing

@Suite(.serialized) struct DeepBookFeedTests {
  /// A broker's books of one size.
  struct Offer: CustomTestStringConvertible {
    var broker: SimulatedBroker
    var levels: Int
    /// The exchange's word for them.
    var mode: String
    var testDescription: String { "\(broker.name) \(levels)" }
  }

  static let offers = [
    Offer(broker: .angel, levels: 20, mode: "depth"), Offer(broker: .upstox, levels: 30, mode: "full_d30"),
    Offer(broker: .dhan, levels: 20, mode: "depth20"), Offer(broker: .dhan, levels: 200, mode: "depth200"),
  ]

  private func rig(_ broker: SimulatedBroker, _ adjust: (inout BrokerRig.Options) -> Void = { _ in }) throws
    -> BrokerRig
  {
    var options = BrokerRig.Options()
    options.hasBooks = true
    options.capability = { $0.timeouts.idleNanos = oneSecond }
    adjust(&options)
    return try BrokerRig(broker, options)
  }

  private func names(_ rig: BrokerRig, _ count: Int) -> [String] {
    let shares = rig.exchange.universe.instruments.lazy.map(\.instrument).filter {
      $0.exchange == .nse && $0.kind == .equity
    }
    return shares.filter { rig.registry.id($0.key) != nil }.prefix(count).map(\.symbol)
  }

  private func newest(_ rig: BrokerRig, _ id: UInt32) -> DeepBook? {
    guard let tick = rig.last[id] else { return nil }
    var book = DeepBook()
    return rig.lastValues.books?.read(id, sequence: tick.depthSequence, into: &book) == true ? book : nil
  }

  /// Whether the exchange has this many subscriptions to books, and nothing else but those to the prices beside them.
  private func has(_ rig: BrokerRig, books: Int, mode: String) -> Bool {
    let all = rig.exchange.subscriptions()
    return all.count { $0.mode == mode } == books && all.count == 2 * books
  }

  @Test(arguments: offers)
  func `a book comes while somebody wants it, with the prices of its instrument`(offer: Offer) async throws {
    let rig = try rig(offer.broker)
    let market = rig.exchange
    #expect(await rig.run { rig.status.state.isUsable })
    #expect(await rig.run(5) { market.statistics.connections == 1 })
    let name = try #require(names(rig, 1).first)
    let id = try #require(rig.registry.streamID(exchange: .nse, symbol: "\(name):\(offer.levels)"))
    let base = try #require(rig.registry.id(exchange: .nse, symbol: name))
    #expect(Int(id) >= rig.registry.count)
    #expect(rig.feeds.upstream[id] == .none)
    rig.want([id: .depth])
    let isThere = await rig.run(60) {
      guard let tick = rig.last[id], tick.has([.ltp, .depth]), let book = newest(rig, id) else { return false }
      return book.bidLevels > 5 && book.askLevels > 5 && rig.last[base] != nil && market.statistics.connections == 2
    }
    #expect(isThere, "\(rig)")
    let tick = try #require(rig.last[id])
    let book = try #require(newest(rig, id))
    #expect(Int(book.capacity) == offer.levels && Int(book.bidLevels) <= offer.levels)
    #expect(tick.feed == 0 && book.feed == 0 && book.instrument == base && tick.mode == Mode.depth.rawValue)
    #expect(tick.bids[0] == book.bids[0] && tick.asks[4] == book.asks[4] && tick.bidLevels == 5)
    // Best first, a tick apart, on both sides of the last price.
    for level in 1..<Int(book.bidLevels) { #expect(book.bids[level].price < book.bids[level - 1].price) }
    for level in 1..<Int(book.askLevels) { #expect(book.asks[level].price > book.asks[level - 1].price) }
    #expect(book.bids[0].price < book.asks[0].price)
    #expect(await rig.run(5) { rig.feeds.upstream[id] == .active })
    #expect(has(rig, books: 1, mode: offer.mode))
    rig.want([:])
    #expect(await rig.run { market.subscriptions().isEmpty && market.statistics.connections == 1 }, "\(rig)")
    #expect(rig.feeds.upstream[id] == .none)
    #expect(rig.wrong.isEmpty)
  }

  @Test(arguments: offers)
  func `books come back after their connection was cut, and are whole`(offer: Offer) async throws {
    let rig = try rig(offer.broker)
    let count = offer.levels == 200 ? 2 : 5
    let ids = names(rig, count).compactMap {
      rig.registry.streamID(exchange: .nse, symbol: "\($0):\(offer.levels)")
    }
    #expect(ids.count == count)
    rig.want(Dictionary(uniqueKeysWithValues: ids.map { ($0, Mode.depth) }))
    func areThere() -> Bool {
      ids.allSatisfy { rig.last[$0] != nil } && has(rig, books: count, mode: offer.mode)
    }
    #expect(await rig.run(60) { areThere() }, "\(rig)")
    rig.exchange.dropConnections()
    #expect(await rig.run { rig.exchange.subscriptions().isEmpty })
    rig.forget()
    #expect(await rig.run(60) { areThere() }, "\(rig)")
    for id in ids {
      let book = try #require(newest(rig, id))
      #expect(book.bidLevels > 5 && book.askLevels > 5)
    }
    #expect(rig.wrong.isEmpty)
  }

  @Test func `more books than the broker allows are rejected, and come when there is room`() async throws {
    let rig = try rig(.dhan)
    let ids = names(rig, 4).compactMap { rig.registry.streamID(exchange: .nse, symbol: "\($0):200") }
    rig.want(Dictionary(uniqueKeysWithValues: ids.map { ($0, Mode.depth) }))
    #expect(await rig.run(60) { ids.count { rig.feeds.upstream[$0] == .active } == 3 })
    let left = try #require(ids.first { rig.feeds.upstream[$0] != .active })
    #expect(await rig.run { rig.feeds.upstream[left] == .rejected })
    rig.want([left: .depth])
    #expect(await rig.run(60) { rig.last[left] != nil && rig.feeds.upstream[left] == .active }, "\(rig)")
  }

  @Test func `the market feed and the books share the connections of the account`() async throws {
    // Angel allows three; a socket carries ten here.
    let rig = try rig(.angel) {
      $0.capability = {
        $0.timeouts.idleNanos = oneSecond
        $0.limits = SocketLimits(total: 10)
      }
    }
    let shares = names(rig, 30)
    let listed = shares.compactMap { rig.registry.id(exchange: .nse, symbol: $0) }
    let deep = try #require(rig.registry.streamID(exchange: .nse, symbol: "\(shares[0]):20"))
    rig.want(Dictionary(uniqueKeysWithValues: listed.prefix(25).map { ($0, Mode.ltp) }))
    #expect(await rig.run(60) { rig.exchange.statistics.connections == 3 })
    rig.want(Dictionary(uniqueKeysWithValues: listed.prefix(25).map { ($0, Mode.ltp) } + [(deep, .depth)]))
    #expect(await rig.run { rig.feeds.upstream[deep] == .rejected }, "\(rig)")
    #expect(rig.exchange.statistics.connections == 3)
    // What is left would fit on one socket: another is given up for the book.
    rig.want(Dictionary(uniqueKeysWithValues: listed.prefix(9).map { ($0, Mode.ltp) } + [(deep, .depth)]))
    #expect(await rig.run(60) { rig.feeds.upstream[deep] == .active && rig.last[deep] != nil }, "\(rig)")
    #expect(await rig.run { listed.prefix(9).allSatisfy { rig.feeds.upstream[$0] == .active } }, "\(rig)")
    rig.want(Dictionary(uniqueKeysWithValues: listed.map { ($0, Mode.ltp) } + [(deep, .depth)]))
    #expect(await rig.run { listed.count { rig.feeds.upstream[$0] == .rejected } == 10 }, "\(rig)")
    #expect(rig.feeds.upstream[deep] == .active && rig.exchange.statistics.connections == 3)
  }

  @Test func `a refused book feed leaves the market feed and its token alone`() async throws {
    let rig = try rig(.dhan)
    #expect(await rig.run { rig.status.state.isUsable })
    let name = try #require(names(rig, 1).first)
    let id = try #require(rig.registry.streamID(exchange: .nse, symbol: "\(name):20"))
    rig.inject(.refuse)
    rig.want([id: .depth])
    #expect(await rig.run { rig.board.state(of: 1) == .authFailed }, "\(rig)")
    #expect(rig.status.state.isUsable && rig.board.reconnects(of: 0) == 0)
    // Nobody wants it any more: it waits for nothing.
    rig.want([:])
    #expect(await rig.run { rig.board.state(of: 1) == .closed }, "\(rig)")
  }

  @Test func `whoever comes back while a book lingers finds it up to date`() async throws {
    let rig = try rig(.dhan) { $0.lingerNanos = 60 * oneSecond }
    let name = try #require(names(rig, 1).first)
    let id = try #require(rig.registry.streamID(exchange: .nse, symbol: "\(name):20"))
    rig.want([id: .depth])
    #expect(await rig.run(60) { rig.last[id]?.has(.ltp) == true }, "\(rig)")
    rig.want([:])
    let before = try #require(rig.last[id]).depthSequence
    #expect(await rig.run { rig.last[id]!.depthSequence > before + 3 })
    rig.want([id: .depth])
    rig.forget()
    #expect(await rig.run { rig.last[id] != nil && rig.feeds.upstream[id] == .active })
    #expect(rig.exchange.subscriptions().count == 2)
  }

  @Test func `a book feed lists only what it has books of`() throws {
    let rig = try rig(.angel)
    let listings = try BrokerRig.listings(rig.exchange).1
    let market = SimulatedBroker.angel.definition(
      rig.exchange, listings, instruments: rig.registry.count, SimulatedBroker.angel.capability)
    let books = SimulatedBroker.angel.books(of: market, rig.exchange, rig.registry) { _ in }
    let exchanges = Set(books.flatMap(\.listings).map { rig.registry[$0.instrument].exchange })
    #expect(exchanges == [.nse] && Set(listings.map { rig.registry[$0.instrument].exchange }).count > 3)
  }
}

@Suite struct BookPairsTests {
  private func side(_ instrument: UInt32, _ sides: BookSides, levels: Int) -> DeepBook {
    var book = DeepBook()
    book.instrument = instrument
    book.sides = sides.rawValue
    book.capacity = 20
    for level in 0..<levels {
      let entry = DepthLevel(price: Int64(100 + level), quantity: 1, orders: 1)
      if sides.contains(.bids) { book.bids[level] = entry } else { book.asks[level] = entry }
    }
    if sides.contains(.bids) { book.bidLevels = UInt16(levels) } else { book.askLevels = UInt16(levels) }
    return book
  }

  /// What comes out of a message with these sides, as `instrument:bids/asks`, `-` for a side that is not brought.
  private func updates(_ pairs: inout BookPairs, _ message: [DeepBook]) -> [String] {
    var found: [String] = []
    func note(_ book: UnsafeMutablePointer<DeepBook>) {
      let sides = BookSides(rawValue: book.pointee.sides)
      let bids = sides.contains(.bids) ? "\(book.pointee.bidLevels)" : "-"
      let asks = sides.contains(.asks) ? "\(book.pointee.askLevels)" : "-"
      found.append("\(book.pointee.instrument):\(bids)/\(asks)")
    }
    for var side in message {
      if pairs.isDone(before: &side), let whole = pairs.take() { note(whole) }
      pairs.put(&side)
    }
    if let whole = pairs.take() { note(whole) }
    #expect(pairs.take() == nil)
    return found
  }

  @Test func `the sides of one moment are one update, each without the other one too`() {
    var pairs = BookPairs(count: 4)
    let whole = [side(1, .bids, levels: 3), side(1, .asks, levels: 2), side(2, .bids, levels: 1)]
    #expect(updates(&pairs, whole) == ["1:3/2", "2:1/0"])
    #expect(updates(&pairs, [side(1, .asks, levels: 4)]) == ["1:-/4"])
    #expect(updates(&pairs, [side(2, .asks, levels: 4), side(2, .asks, levels: 5)]) == ["2:-/4", "2:-/5"])
    #expect(updates(&pairs, []) == [])
  }

  @Test func `the first update of a subscription is a whole book`() {
    var pairs = BookPairs(count: 4)
    #expect(updates(&pairs, [side(3, .asks, levels: 4)]) == ["3:0/4"])
    #expect(updates(&pairs, [side(3, .bids, levels: 4)]) == ["3:4/-"])
    pairs.forget(3)
    #expect(updates(&pairs, [side(3, .bids, levels: 2)]) == ["3:2/0"])
    pairs.forgetAll()
    #expect(updates(&pairs, [side(3, .bids, levels: 2)]) == ["3:2/0"])
  }
}
