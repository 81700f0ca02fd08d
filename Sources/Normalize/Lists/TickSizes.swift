// Tick sizes as lists write them: in rupees, paise or 1e-7, sometimes several in one list. Pure. Cold path.

import Market

/// What tick sizes there are, to tell the scale of a listed one.
enum TickSizes {
  /// The tick in 1e-8 units: the first scale that gives a tick of that exchange; else the first scale's answer.
  /// - Parameter places: powers of ten by which a listed number is turned into 1e-8 units; 6 is paise, 8 rupees.
  /// - Returns: nil for a text that is no number.
  static func tick(_ text: UnsafeRawBufferPointer, on exchange: Exchange, places: [Int]) -> Int64? {
    var first: Int64?
    for places in places {
      guard let tick = NumberText.decimal(text, places: places), tick >= 0 else { continue }
      if tick == 0 || isUsual(tick, on: exchange) { return tick }
      first = first ?? tick
    }
    return first
  }

  /// 1, 2, 2.5 or 5 times a power of ten, within what the exchange has.
  static func isUsual(_ tick: Int64, on exchange: Exchange) -> Bool {
    switch exchange {
    case .cds, .bcd: usual.contains(tick)
    default: usual.contains(tick) && tick >= cent
    }
  }

  private static let cent = Price.scale / 100

  /// From 0.0025 to 100 rupees.
  private static let usual: Set<Int64> = {
    var ticks: Set<Int64> = []
    for unit in [cent / 10, cent, 10 * cent, 100 * cent, 1000 * cent] {
      for factor in [10, 20, 25, 50] as [Int64] { ticks.insert(unit * factor / 10) }
    }
    return ticks.filter { $0 >= cent / 4 }.union([10_000 * cent])
  }()
}
