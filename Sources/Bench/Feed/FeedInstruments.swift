// The instruments that the bench's own feed ticks: plain shares whose place follows from name and token alone.

import Market

enum FeedInstruments {
  /// Tokens of the exchange begin here; the low byte of a feed token is the segment.
  private static let exchangeTokenFirst = 1001
  private static let segment: UInt32 = 1
  private static let prefix = "BENCH"
  private static let digits = 5
  static let countMax = 50_000

  static func key(_ index: Int) -> InstrumentKey {
    let number = String(index)
    return InstrumentKey(.nse, prefix + String(repeating: "0", count: digits - number.count) + number)
  }

  static func token(_ index: Int) -> UInt32 { UInt32(exchangeTokenFirst + index) << 8 | segment }

  @inline(__always) static func index(ofToken token: UInt32) -> Int { Int(token >> 8) &- exchangeTokenFirst }

  /// Nil for a symbol that is not ours.
  static func index(of key: InstrumentKey) -> Int? {
    guard key.symbol.hasPrefix(prefix) else { return nil }
    return Int(key.symbol.dropFirst(prefix.count))
  }

  /// In the format of Kite's instruments.csv.
  static func csv(_ count: Int) -> [UInt8] {
    var text =
      "instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,lot_size,"
      + "instrument_type,segment,exchange\n"
    for index in 0..<count {
      let symbol = key(index).symbol
      text += "\(token(index)),\(exchangeTokenFirst + index),\(symbol),\"\(symbol)\",0,,0,0.01,1,EQ,NSE,NSE\n"
    }
    return Array(text.utf8)
  }
}

/// Packets of the bench's feed. Only token and price, which carries the tick's number, are written per tick.
enum FeedPacket: String, CaseIterable {
  case ltp
  case quote
  case full

  var bytes: Int {
    switch self {
    case .ltp: 8
    case .quote: 44
    case .full: 184
    }
  }

  /// A packet of a share, length first, with everything but token and price filled in.
  func template(nowSeconds: UInt32) -> [UInt8] {
    var words = [UInt32](repeating: 0, count: bytes / 4)
    func set(_ offset: Int, _ values: UInt32...) {
      for (place, value) in values.enumerated() where offset / 4 + place < words.count {
        words[offset / 4 + place] = value.bigEndian
      }
    }
    let price = UInt32(TickNumber.basePaise)
    // Last quantity, average, volume, buy, sell, open, high, low, close.
    set(8, 25, price, 1_234_567, 345_678, 456_789, price, UInt32(Int32.max), price - 100_00, price - 50_00)
    set(44, nowSeconds, 0, 0, 0, nowSeconds)
    for level in 0..<10 {
      let distance = UInt32(level % 5 + 1) * 5
      set(64 + level * 12, 100 + distance, level < 5 ? price - distance : price + distance, 7 << 16)
    }
    let length = UInt16(bytes)
    return [UInt8(length >> 8), UInt8(truncatingIfNeeded: length)] + words.withUnsafeBytes { Array($0) }
  }
}
