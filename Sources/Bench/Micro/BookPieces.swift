import Fanout
import Market
import Simulator
import TickRing

/// What a book beyond five levels costs behind its decoder.
enum BookPieces {
  private static let instrumentCount = 100

  static func run(_ measure: inout Measure) {
    for levels in [20, 200] {
      let offer = DeepOffer(levels: levels, exchanges: [.nse])
      let universe = Universe(count: instrumentCount, seed: 1, todayDay: 20_780)
      let registry = InstrumentRegistry(universe.instruments.map(\.instrument), offers: [offer])
      guard let row = registry.instruments.first(where: { $0.exchange == .nse }),
        let id = registry.streamID(exchange: .nse, symbol: "\(row.symbol):\(levels)"), let base = registry.id(row.key)
      else { continue }
      let lastValues = LastValueTable(registry)
      var sequencer = TickSequencer(ring: TickRing(capacity: 1 << 12), lastValues: lastValues)
      let book = UnsafeMutablePointer<DeepBook>.allocate(capacity: 1)
      book.initialize(to: filled(levels, of: base))
      sequencer.submit(book, as: id, publishedNanos: 0)
      measure.piece("sequence and write book of \(levels)") { index in
        sequencer.submit(book, as: id, publishedNanos: Int64(index))
      }
      let tick = UnsafeMutablePointer<Tick>.allocate(capacity: 1)
      tick.initialize(to: lastValues[id] ?? Tick())
      var encoder = TickEncoder(registry: registry, feedNames: ["sim"], books: lastValues.books)
      let out = UnsafeMutableRawPointer.allocate(byteCount: encoder.bytesMax(.depth), alignment: 16)
      measure.piece("encode book of \(levels) json") { _ in
        let count = encoder.encode(tick, .depth, into: out)
        _ = TickEncoder.writeTail(into: out + count)
      }
    }
  }

  private static func filled(_ levels: Int, of instrument: UInt32) -> DeepBook {
    var book = DeepBook()
    book.instrument = instrument
    book.sides = BookSides([.bids, .asks]).rawValue
    book.capacity = UInt16(levels)
    book.bidLevels = UInt16(levels)
    book.askLevels = UInt16(levels)
    for level in 0..<levels {
      let step = Int64(level) * 5_000_000
      let quantity = UInt32(100 + level)
      book.bids[level] = DepthLevel(price: 3_456_55_000_000 - step, quantity: quantity, orders: 7)
      book.asks[level] = DepthLevel(price: 3_456_60_000_000 + step, quantity: quantity, orders: 9)
    }
    return book
  }
}
