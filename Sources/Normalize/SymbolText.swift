// The common spelling of a derivative (`docs/symbols.md`): composed, and taken apart from the right, because an
// underlying may end in digits. Pure; cold path. A program that has the instrument's row need not take names apart.

import Market

/// What the symbol of a future or an option says.
public struct SymbolText: Sendable, Hashable {
  public var underlying: String
  /// Days since 1970-01-01 of the expiry date in IST; the text has two digits of the year, 2000 to 2099.
  public var expiryDay: Int32
  /// 1e-8 units; 0 for a future.
  public var strike: Int64
  /// `.future`, `.call` or `.put`.
  public var kind: InstrumentKind

  public init(underlying: String, expiryDay: Int32, strike: Int64 = 0, kind: InstrumentKind) {
    self.underlying = underlying
    self.expiryDay = expiryDay
    self.strike = strike
    self.kind = kind
  }

  /// Takes a symbol apart; nil for anything that is no dated derivative: shares, indices, perpetuals.
  public init?(_ symbol: some StringProtocol) {
    let bytes = Array(symbol.utf8)
    guard let kind = Self.kind(bytes) else { return nil }
    let end = bytes.count - kind.code.utf8.count
    guard let date = Self.lastDate(bytes[..<end], isFuture: kind == .future) else { return nil }
    var strike: Int64 = 0
    if kind != .future {
      let digits = String(decoding: bytes[(date.start + Self.dateBytes)..<end], as: UTF8.self)
      guard let price = Price.parse(digits), price > 0 else { return nil }
      strike = price
    }
    self.init(
      underlying: String(decoding: bytes[..<date.start], as: UTF8.self), expiryDay: date.day, strike: strike, kind: kind
    )
  }

  /// `RELIANCE30DEC25FUT`, `VEDL25APR24292.5CE`.
  public var text: String {
    underlying + CivilDate(day: expiryDay).symbolText + (kind == .future ? "" : Price.text(strike)) + kind.code
  }

  /// `DDMMMYY`.
  private static let dateBytes = 7

  private static func kind(_ bytes: [UInt8]) -> InstrumentKind? {
    [InstrumentKind.future, .call, .put].first { kind in
      let code = kind.code.utf8
      return bytes.suffix(code.count).elementsEqual(code)
    }
  }

  /// The last date with an underlying before it and nothing but a strike (or, for a future, nothing) behind it.
  private static func lastDate(_ bytes: ArraySlice<UInt8>, isFuture: Bool) -> (start: Int, day: Int32)? {
    var start = bytes.count - dateBytes
    while start > 0 {
      if let day = day(bytes[start..<start + dateBytes]) { return (start, day) }
      // The byte that would now stand behind a date further left.
      let behind = bytes[start + dateBytes - 1]
      let isStrike = behind == UInt8(ascii: ".") || behind &- UInt8(ascii: "0") < 10
      guard isStrike, !isFuture else { return nil }
      start -= 1
    }
    return nil
  }

  /// Day of a `DDMMMYY` that exists.
  private static func day(_ bytes: ArraySlice<UInt8>) -> Int32? {
    func number(_ start: Int) -> Int? {
      let (tens, ones) = (bytes[start] &- UInt8(ascii: "0"), bytes[start + 1] &- UInt8(ascii: "0"))
      return tens < 10 && ones < 10 ? Int(tens) * 10 + Int(ones) : nil
    }
    let start = bytes.startIndex
    guard let dayOfMonth = number(start), let year = number(start + 5),
      let month = ISTTime.months.firstIndex(where: { $0.utf8.elementsEqual(bytes[start + 2..<start + 5]) })
    else { return nil }
    return CivilDate(year: 2000 + year, month: month + 1, dayOfMonth: dayOfMonth)?.day
  }
}
