// Dhan's scrip master in CSV, compact or detailed: tick sizes in paise, the underlying of a derivative in the displayed
// name or in a column of its own. Cold path.

import Market

/// Reader of Dhan's instrument list.
public enum DhanInstruments {
  /// Reads a whole file. With `today` (days since 1970-01-01, IST) contracts that expired before it are left out.
  public static func parse(_ bytes: [UInt8], today: Int32? = nil) throws(InstrumentListError) -> InstrumentMaster {
    try InstrumentFormat.dhan.parse(bytes, today: today)
  }
}

extension DhanColumns {
  func listed(_ row: borrowing CSVRow) throws(SkipReason) -> ListedRow {
    let type = row.bytes(instrument)
    let isIndex = type.elementsEqual("INDEX".utf8)
    let place =
      isIndex
      ? Self.index(exchange: row.bytes(exchange))
      : Self.segment(exchange: row.bytes(exchange), segment: row.bytes(segment))
    guard let place else { throw .unknownExchange }
    let kind = try isIndex ? .index : kind(row, type, isDerivative: place.exchange.isDerivative)
    guard NumberText.unsigned(row.bytes(id), max: UInt64(UInt32.max)) != nil else { throw .badToken }
    let lotText = row.bytes(lotSize)
    guard let lot = lotText.isEmpty && isIndex ? 1 : NumberText.whole(lotText, max: Int64(Int32.max)) else {
      throw .badLotSize
    }
    let tickText = row.bytes(tickSize)
    // The second scale: the unit on currencies is not documented.
    let tick = tickText.isEmpty && isIndex ? 0 : TickSizes.tick(tickText, on: place.exchange, places: [6, 8])
    guard let tick else { throw .badTickSize }
    let token = row.text(id)
    var listed = ListedRow(
      exchange: place.exchange, kind: kind, name: name.map { row.text($0) } ?? "", lotSize: Int32(lot), tickSize: tick,
      brokerSymbol: row.text(symbol), brokerExchange: place.name, token: token, segment: place.code, feedToken: token)
    switch kind {
    case .index: listed.symbol = IndexNames.symbol(for: ticker(row), on: place.exchange)
    case .equity:
      listed.symbol = ticker(row)
      if underlying != nil { listed.brokerSymbol = listed.symbol ?? "" }
      if place.exchange == .nse, let series {
        listed.isSecondary = !row.bytes(series).isEmpty && !row.bytes(series).elementsEqual("EQ".utf8)
      }
    default:
      listed.name = underlyingName(row)
      listed.expiryDay = day(row.bytes(expiry))
      if kind != .future {
        listed.strike = NumberText.decimal(row.bytes(strike), places: Price.decimals) ?? 0
      }
    }
    return listed
  }

  private func kind(
    _ row: borrowing CSVRow, _ type: UnsafeRawBufferPointer, isDerivative: Bool
  ) throws(SkipReason) -> InstrumentKind {
    guard isDerivative else {
      if type.elementsEqual("EQUITY".utf8) { return .equity }
      throw .unknownType
    }
    if type.starts(with: "FUT".utf8) { return .future }
    if type.starts(with: "OPT".utf8) {
      let option = row.bytes(optionType)
      if option.elementsEqual("CE".utf8) { return .call }
      if option.elementsEqual("PE".utf8) { return .put }
    }
    throw .unknownType
  }

  /// Symbol of a share or index: the detailed list has it beside the name.
  private func ticker(_ row: borrowing CSVRow) -> String {
    if let underlying, !row.bytes(underlying).isEmpty { return row.text(underlying) }
    return row.text(symbol)
  }

  /// `2024-12-26`, with or without a time of day.
  private func day(_ text: UnsafeRawBufferPointer) -> Int32? {
    guard text.count == 10 || text.count > 10 && text[10] == UInt8(ascii: " ") else { return nil }
    return NumberText.day(UnsafeRawBufferPointer(rebasing: text[..<10]))
  }

  /// The detailed list says it. Else it is the first word of the displayed name, or what stands before the month in
  /// `NIFTY-Dec2024-24000-CE`.
  private func underlyingName(_ row: borrowing CSVRow) -> String {
    if let underlying, !row.bytes(underlying).isEmpty { return row.text(underlying) }
    let first = row.bytes(display).prefix { $0 != UInt8(ascii: " ") }
    if !first.isEmpty { return String(decoding: first, as: UTF8.self) }
    let parts = row.text(symbol).split(separator: "-", omittingEmptySubsequences: false)
    let isFuture = row.bytes(instrument).starts(with: "FUT".utf8)
    return parts.dropLast(isFuture ? 2 : 3).joined(separator: "-")
  }
}
