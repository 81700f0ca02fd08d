import Market

// One execution. Immutable once made; kept for the session that it belongs to.

/// One execution of an order.
public struct Trade: Sendable, Equatable {
  /// Counts all trades of the exchange from 1.
  public let number: UInt32
  public let order: OrderID
  public let key: InstrumentKey
  public let side: Side
  public let product: Product
  public let strategy: String
  public let quantity: Int64
  /// 1e-8 units.
  public let price: Int64
  /// Nanoseconds since the epoch.
  public let time: Int64

  /// `TRADE-20261123-101500-000001a1`: the time in IST, then the trade's number in hexadecimal.
  public var id: String {
    let time = ISTTime(epochNanos: time)
    let stamp = time.text.utf8.filter { $0 >= 0x30 && $0 <= 0x39 }
    let digits = String(decoding: stamp, as: UTF8.self)
    let hex = String(number, radix: 16)
    let padded = String(repeating: "0", count: 8 - hex.utf8.count) + hex
    return "TRADE-\(digits.prefix(8))-\(digits.dropFirst(8))-\(padded)"
  }

  /// 1e-4 rupee.
  public var value: Int64 { Int64(clamping: Money.value(quantity: quantity, price: price)) }
}
