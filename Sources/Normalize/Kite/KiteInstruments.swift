// Kite's instruments.csv: columns, exchange codes, and the common row of each line. Cold path.

import Market

/// Reader of Kite's instrument list.
public enum KiteInstruments {
  /// Reads a whole file. With `today` (days since 1970-01-01, IST) contracts that expired before it are left out.
  public static func parse(_ bytes: [UInt8], today: Int32? = nil) throws(InstrumentListError) -> InstrumentMaster {
    try InstrumentFormat.kite.parse(bytes, today: today)
  }
}

extension KiteColumns {
  func listed(_ row: borrowing CSVRow) throws(SkipReason) -> ListedRow {
    let (exchange, kind) = try place(row)
    let tokenText = row.bytes(token)
    guard let number = NumberText.unsigned(tokenText, max: UInt64(UInt32.max)) else { throw .badToken }
    guard let lot = NumberText.unsigned(row.bytes(lotSize), max: UInt64(Int32.max)) else { throw .badLotSize }
    guard let tick = NumberText.price(row.bytes(tickSize)) else { throw .badTickSize }
    var day: Int32?
    var price: Int64 = 0
    if exchange.isDerivative {
      day = NumberText.day(row.bytes(expiry))
      if kind != .future { price = NumberText.price(row.bytes(strike)) ?? 0 }
    }
    let brokerSymbol = row.text(symbol)
    let symbol: String? =
      switch kind {
      case .index: IndexNames.symbol(for: brokerSymbol, on: exchange)
      case .equity: brokerSymbol
      default: nil
      }
    // The exchange's own token is the upper part of Kite's.
    let exchangeText = exchangeToken.map { row.text($0) } ?? "\(number >> 8)"
    return ListedRow(
      exchange: exchange, kind: kind, symbol: symbol, name: row.text(name), expiryDay: day, strike: price,
      lotSize: Int32(lot), tickSize: tick, brokerSymbol: brokerSymbol, brokerExchange: row.text(self.exchange),
      token: "\(number)::::\(exchangeText)", segment: UInt8(truncatingIfNeeded: number), feedToken: "\(number)")
  }

  /// Common exchange and kind of a row.
  private func place(_ row: borrowing CSVRow) throws(SkipReason) -> (exchange: Exchange, kind: InstrumentKind) {
    let code = row.bytes(exchange)
    if row.bytes(segment).elementsEqual("INDICES".utf8) {
      if let exchange = Self.indexExchange(code) { return (exchange, .index) }
      throw code.elementsEqual("CDS".utf8) || code.elementsEqual("BCD".utf8) ? .currencyIndex : .unknownExchange
    }
    guard let exchange = Self.exchange(code) else { throw .unknownExchange }
    if exchange == .globalIndex { return (exchange, .index) }
    let type = row.bytes(type)
    if exchange.isDerivative {
      for kind in [InstrumentKind.future, .call, .put] where type.elementsEqual(kind.code.utf8) {
        return (exchange, kind)
      }
    } else if type.elementsEqual(InstrumentKind.equity.code.utf8) {
      return (exchange, .equity)
    }
    throw .unknownType
  }
}
