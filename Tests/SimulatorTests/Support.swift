// What several suites need: a fixed day, seeds, and frames decoded by the real decoder.

import Foundation
import Market
import Normalize
import Simulator
import TestSupport

/// Tuesday, 24 November 2026: an expiry day, so that "after today" matters.
let today: Int32 = CivilDate(year: 2026, month: 11, dayOfMonth: 24)?.day ?? 0
let nowSeconds: UInt32 = 1_795_500_000

extension Universe {
  /// Token to index.
  var indexByToken: [UInt32: UInt32] {
    Dictionary(uniqueKeysWithValues: instruments.enumerated().map { ($1.token, UInt32($0)) })
  }

  var tokenMap: TokenMap {
    TokenMap(instruments.enumerated().map { TokenMap.Entry(token: UInt64($1.token), instrument: UInt32($0)) })
  }

  func index(_ exchange: Exchange, _ symbol: String) -> Int? {
    instruments.firstIndex { $0.instrument.key == InstrumentKey(exchange, symbol) }
  }

  func token(_ exchange: Exchange, _ symbol: String) -> UInt32 {
    index(exchange, symbol).map { instruments[$0].token } ?? 0
  }
}

/// Ticks of one frame.
func decode(_ frame: [UInt8], _ tokens: TokenMap) -> [Tick] {
  var decoder = KiteDecoder(tokens: tokens, feed: 0)
  var ticks: [Tick] = []
  frame.withUnsafeBytes { raw in
    decoder.begin(raw, receivedNanos: 0)
    var tick = Tick()
    while decoder.next(into: &tick) == .tick { ticks.append(tick) }
  }
  return ticks
}
