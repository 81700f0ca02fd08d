// What the encoders need to know of an instrument beside its price: its name at the broker and the scale of its
// prices. One flat record each in memory that is made at start; owned by the loop thread.

import Market

/// An instrument as one broker's packets name it.
struct WireName: BitwiseCopyable {
  /// Angel's token or Upstox's key as text, without a terminator; Kite and Dhan use the number.
  var text: UnsafePointer<UInt8>
  var textBytes: Int
  var number: UInt32
  var segment: UInt8
  var isIndex: Bool
  var isDerivative: Bool
  var isOption: Bool
  /// Wire units of `PriceState` per rupee.
  var divisor: Double
  /// Packets since the start, as Angel counts them.
  var sequence: Int64 = 0

  /// A price in rupees: the double that is nearest to the decimal.
  @inline(__always) func rupees(_ price: Int32) -> Double { Double(price) / divisor }
}

/// The names of all instruments at one broker.
struct WireNames: ~Copyable {
  let names: UnsafeMutablePointer<WireName>
  private let texts: UnsafeMutablePointer<UInt8>
  private let count: Int

  init(universe: Universe, broker: SimulatedBroker) {
    let tokens = universe.instruments.map { $0.token(for: broker) }
    count = universe.count
    names = .allocate(capacity: count)
    texts = .allocate(capacity: tokens.reduce(0) { $0 + $1.token.utf8.count })
    var end = texts
    for (index, entry) in universe.instruments.enumerated() {
      let token = tokens[index]
      let kind = entry.instrument.kind
      (names + index).initialize(
        to: WireName(
          text: UnsafePointer(end), textBytes: token.token.utf8.count, number: UInt32(token.token) ?? 0,
          segment: token.segment, isIndex: entry.isIndex, isDerivative: entry.instrument.exchange.isDerivative,
          isOption: kind == .call || kind == .put, divisor: Double(Price.scale / entry.wireUnit)))
      for byte in token.token.utf8 {
        end.initialize(to: byte)
        end += 1
      }
    }
  }

  deinit {
    names.deallocate()
    texts.deallocate()
  }
}
