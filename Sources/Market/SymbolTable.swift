// The symbols of a registry as one run of UTF-8 per exchange, so that a search reads memory front to back instead of
// following a reference per instrument. Built with the registry, immutable, any thread.

struct SymbolTable: Sendable {
  /// Symbols without separators, exchange by exchange, within one in the order of the ids.
  let text: [UInt8]
  /// Where each symbol begins in `text`, and at the end where the last one ends.
  let starts: [Int]
  /// The instrument of each symbol.
  let ids: [UInt32]
  /// First row of each exchange by raw value, and at the end the number of rows.
  private let firstRows: [Int]

  init(_ instruments: [Instrument]) {
    var byExchange: [[UInt32]] = Array(repeating: [], count: Exchange.allCases.count)
    for (id, instrument) in instruments.enumerated() {
      byExchange[Int(instrument.exchange.rawValue)].append(UInt32(id))
    }
    var text: [UInt8] = []
    var starts: [Int] = [0]
    var firstRows: [Int] = [0]
    starts.reserveCapacity(instruments.count + 1)
    for group in byExchange {
      for id in group {
        text.append(contentsOf: instruments[Int(id)].symbol.utf8)
        starts.append(text.count)
      }
      firstRows.append(starts.count - 1)
    }
    self.text = text
    self.starts = starts
    self.firstRows = firstRows
    ids = Array(byExchange.joined())
  }

  /// Rows of an exchange.
  func rows(_ exchange: Exchange) -> Range<Int> {
    firstRows[Int(exchange.rawValue)]..<firstRows[Int(exchange.rawValue) + 1]
  }
}
