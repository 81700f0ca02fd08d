// What the tests of instrument lists share: rows of each broker's layout, made by hand.

import Market
import Normalize
import TestSupport
import Testing

/// Days since 1970-01-01.
func day(_ year: Int, _ month: Int, _ dayOfMonth: Int) -> Int32 {
  CivilDate(year: year, month: month, dayOfMonth: dayOfMonth)?.day ?? 0
}

extension InstrumentMaster {
  /// `EXCHANGE:SYMBOL` of every row.
  var names: [String] { rows.map { "\($0.instrument.exchange.code):\($0.instrument.symbol)" } }

  /// What the feed calls each row: `segment/token`.
  var feedNames: [String] { rows.map { "\($0.segment)/\($0.feedToken)" } }
}

/// The list read in one piece, byte by byte, and cut in two at every place, must be the same.
func expectSameHoweverCut(_ text: String, _ format: InstrumentFormat) throws {
  let bytes = Array(text.utf8)
  let whole = try format.parse(bytes)
  func read(_ cuts: [Int]) throws -> InstrumentMaster {
    let reader = format.reader()
    var start = 0
    for end in cuts + [bytes.count] {
      try Array(bytes[start..<end]).withUnsafeBytes { try reader.read($0) }
      start = end
    }
    return try reader.finish()
  }
  for cuts in [Array(0..<bytes.count)] + (0...bytes.count).map({ [$0] }) {
    let cut = try read(cuts)
    #expect(cut.rows == whole.rows && cut.skipped == whole.skipped && cut.problems == whole.problems, "\(cuts)")
  }
}

/// A list that ends too early, or that is damaged, has an error or fewer rows, and never a trap.
func expectNoTrap(_ text: String, _ format: InstrumentFormat, rounds: Int = 3000) {
  let bytes = Array(text.utf8)
  let rowCountMax = bytes.count
  for length in 0...bytes.count {
    let master = try? format.parse(Array(bytes[..<length]))
    #expect((master?.rows.count ?? 0) <= rowCountMax)
  }
  var generator = SeededGenerator()
  for round in 0..<rounds {
    var damaged = bytes
    for _ in 0..<Int.random(in: 1...8, using: &generator) {
      damaged[Int.random(in: 0..<damaged.count, using: &generator)] = .random(in: 0...255, using: &generator)
    }
    for row in (try? format.parse(damaged))?.rows ?? [] {
      let instrument = row.instrument
      #expect(
        instrument.lotSize > 0 && instrument.tickSize > 0 && instrument.strike >= 0 && !instrument.symbol.isEmpty,
        "seed \(generator.seed), round \(round)")
    }
  }
}
