// Where the columns of an instrument list are, and what its exchange codes mean.

import Market

/// Indices of the columns that are read.
struct KiteColumns: ListColumns {
  let token: Int
  let exchangeToken: Int?
  let symbol: Int
  let name: Int
  let expiry: Int
  let strike: Int
  let tickSize: Int
  let lotSize: Int
  let type: Int
  let segment: Int
  let exchange: Int
  /// Fields that a row must have at least.
  let countMin: Int

  init(header: borrowing CSVRow) throws(InstrumentListError) {
    let names = ColumnNames(header)
    exchangeToken = names.optional("exchange_token")
    token = try names.index("instrument_token")
    symbol = try names.index("tradingsymbol")
    name = try names.index("name")
    expiry = try names.index("expiry")
    strike = try names.index("strike")
    tickSize = try names.index("tick_size")
    lotSize = try names.index("lot_size")
    type = try names.index("instrument_type")
    segment = try names.index("segment")
    exchange = try names.index("exchange")
    countMin = 1 + [token, symbol, name, expiry, strike, tickSize, lotSize, type, segment, exchange].reduce(0, max)
  }

  /// Exchange of tradable rows, and of the world indices, which have exchange codes of their own.
  static func exchange(_ code: UnsafeRawBufferPointer) -> Exchange? {
    for entry in tradable where code.elementsEqual(entry.code) { return entry.exchange }
    return nil
  }

  /// Exchange of rows of the segment INDICES.
  static func indexExchange(_ code: UnsafeRawBufferPointer) -> Exchange? {
    for entry in indices where code.elementsEqual(entry.code) { return entry.exchange }
    return nil
  }

  private static let tradable: [(code: [UInt8], exchange: Exchange)] = [
    (Array("NFO".utf8), .nfo), (Array("BFO".utf8), .bfo), (Array("NSE".utf8), .nse), (Array("BSE".utf8), .bse),
    (Array("MCX".utf8), .mcx), (Array("CDS".utf8), .cds), (Array("BCD".utf8), .bcd), (Array("NCO".utf8), .nco),
    (Array("GLOBAL".utf8), .globalIndex), (Array("NSEIX".utf8), .globalIndex),
  ]
  private static let indices: [(code: [UInt8], exchange: Exchange)] = [
    (Array("NSE".utf8), .nseIndex), (Array("BSE".utf8), .bseIndex), (Array("MCX".utf8), .mcxIndex),
    (Array("GLOBAL".utf8), .globalIndex), (Array("NSEIX".utf8), .globalIndex),
  ]
}
