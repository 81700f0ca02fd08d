// Reads Kite's instruments.csv into common symbols. Cold path, any thread, one pass over the bytes: some 150,000
// rows at every start. Columns are found by name, so their order and additional ones do not matter.

import Market

/// Reader of Kite's instrument list.
public struct KiteInstruments: ~Copyable {
  /// The real list has about 12 MB.
  public static let fileBytesMax = 256 << 20
  /// Longer lines are skipped as malformed.
  public static let lineBytesMax = 4096
  /// Longest common symbol.
  public static let symbolBytesMax = 64

  private let columns: KiteColumns
  private let today: Int32?
  private var row: CSVRow
  private var master = KiteMaster()
  private var seen: Set<InstrumentKey> = []
  /// Expiries repeat some thousand times each.
  private var expiryTexts: [Int32: [UInt8]] = [:]

  /// Reads a whole file. With `today` (days since 1970-01-01, IST) contracts that expired before it are left out.
  public static func parse(
    _ bytes: UnsafeRawBufferPointer, today: Int32? = nil
  ) throws(KiteInstrumentsError) -> KiteMaster {
    guard bytes.count <= fileBytesMax else { throw .tooLarge(bytes: bytes.count) }
    var lines = Lines(bytes)
    guard let header = lines.next(), !header.isEmpty else { throw .empty }
    var row = CSVRow()
    guard row.split(header) else { throw .malformedHeader }
    let columns = try KiteColumns(header: row)
    var reader = KiteInstruments(columns: columns, today: today, row: row)
    while let line = lines.next() {
      if !line.isEmpty { reader.read(line, number: lines.number) }
    }
    let master = reader.master
    guard !master.instruments.isEmpty else { throw .noUsableRow(skipped: master.skipped.values.reduce(0, +)) }
    return master
  }

  /// Reads a whole file.
  public static func parse(_ bytes: [UInt8], today: Int32? = nil) throws(KiteInstrumentsError) -> KiteMaster {
    // A result, because this closure cannot throw a typed error.
    try bytes.withUnsafeBytes { raw in
      Result { () throws(KiteInstrumentsError) in try parse(raw, today: today) }
    }.get()
  }

  private init(columns: KiteColumns, today: Int32?, row: consuming CSVRow) {
    self.columns = columns
    self.today = today
    self.row = row
  }

  private mutating func read(_ line: UnsafeRawBufferPointer, number: Int) {
    if let reason = skipReason(line) {
      master.skipped[reason, default: 0] += 1
      if reason.isProblem, master.problems.count < KiteMaster.problemCountMax {
        master.problems.append(KiteRowProblem(line: number, reason: reason))
      }
    }
  }

  /// Adds the row to the master, or says why not.
  private mutating func skipReason(_ line: UnsafeRawBufferPointer) -> KiteSkipReason? {
    guard line.count <= Self.lineBytesMax, row.split(line), row.count >= columns.countMin else { return .malformedRow }
    let exchange: Exchange
    let kind: InstrumentKind
    switch place() {
    case .success(let place): (exchange, kind) = (place.exchange, place.kind)
    case .failure(let rejection): return rejection.reason
    }
    guard let token = NumberText.unsigned(row.bytes(columns.token), max: UInt64(UInt32.max)) else { return .badToken }
    guard let lot = NumberText.unsigned(row.bytes(columns.lotSize), max: UInt64(Int32.max)) else {
      return .badLotSize
    }
    guard let tickSize = NumberText.price(row.bytes(columns.tickSize)) else { return .badTickSize }

    var expiry: Int32?
    var strike: Int64 = 0
    if exchange.isDerivative {
      guard let day = NumberText.day(row.bytes(columns.expiry)) else { return .badExpiry }
      if let today, day < today { return .expired }
      expiry = day
      if kind != .future {
        guard let price = NumberText.price(row.bytes(columns.strike)), price > 0 else { return .badStrike }
        strike = price
      }
    }
    let brokerSymbol = row.text(columns.symbol)
    let name = row.text(columns.name)
    let symbol: String
    if let expiry {
      symbol = derivativeSymbol(name: name, expiry: expiry, strike: strike, kind: kind)
      if name.isEmpty { return .badSymbol }
    } else {
      symbol = kind == .index ? IndexNames.symbol(for: brokerSymbol, on: exchange) : brokerSymbol
    }
    guard Self.isUsable(symbol) else { return .badSymbol }
    let key = InstrumentKey(exchange, symbol)
    guard seen.insert(key).inserted else { return .duplicate }
    master.instruments.append(
      Instrument(
        key: key, name: name.isEmpty ? symbol : name, expiryDay: expiry, strike: strike,
        lotSize: max(1, Int32(lot)), tickSize: tickSize > 0 ? tickSize : Self.defaultTickSize, kind: kind,
        brokerSymbol: brokerSymbol))
    master.tokens.append(UInt32(token))
    return nil
  }

  /// Indices come with a tick size of 0, which nobody could divide by.
  private static let defaultTickSize = Price.scale / 100

  private struct Rejection: Error { var reason: KiteSkipReason }

  /// Common exchange and kind of the current row.
  private func place() -> Result<(exchange: Exchange, kind: InstrumentKind), Rejection> {
    let code = row.bytes(columns.exchange)
    if row.bytes(columns.segment).elementsEqual("INDICES".utf8) {
      if let exchange = KiteColumns.indexExchange(code) { return .success((exchange, .index)) }
      let isCurrency = code.elementsEqual("CDS".utf8) || code.elementsEqual("BCD".utf8)
      return .failure(Rejection(reason: isCurrency ? .currencyIndex : .unknownExchange))
    }
    guard let exchange = KiteColumns.exchange(code) else { return .failure(Rejection(reason: .unknownExchange)) }
    if exchange == .globalIndex { return .success((exchange, .index)) }
    let type = row.bytes(columns.type)
    if exchange.isDerivative {
      for kind in [InstrumentKind.future, .call, .put] where type.elementsEqual(kind.code.utf8) {
        return .success((exchange, kind))
      }
    } else if type.elementsEqual(InstrumentKind.equity.code.utf8) {
      return .success((exchange, .equity))
    }
    return .failure(Rejection(reason: .unknownType))
  }

  /// `RELIANCE30DEC25FUT`, `VEDL25APR24292.5CE`.
  private mutating func derivativeSymbol(
    name: String, expiry: Int32, strike: Int64, kind: InstrumentKind
  ) -> String {
    if expiryTexts[expiry] == nil { expiryTexts[expiry] = Array(CivilDate(day: expiry).symbolText.utf8) }
    var symbol = Array(name.utf8)
    symbol += expiryTexts[expiry, default: []]
    if kind != .future { symbol += Price.text(strike).utf8 }
    symbol += kind.code.utf8
    return String(decoding: symbol, as: UTF8.self)
  }

  /// Symbols go into topics and pre-rendered JSON: visible ASCII without quote and backslash.
  private static func isUsable(_ symbol: String) -> Bool {
    guard !symbol.isEmpty, symbol.utf8.count <= symbolBytesMax else { return false }
    return symbol.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }
  }
}

/// Lines of a text, without their LF or CRLF and without a byte order mark at the start.
struct Lines {
  private var rest: Slice<UnsafeRawBufferPointer>
  /// Of the line handed out last, from 1.
  private(set) var number = 0

  init(_ bytes: UnsafeRawBufferPointer) {
    let hasMark = bytes.starts(with: [0xEF, 0xBB, 0xBF])
    rest = bytes[(hasMark ? 3 : 0)...]
  }

  mutating func next() -> UnsafeRawBufferPointer? {
    guard !rest.isEmpty else { return nil }
    number += 1
    let end = rest.firstIndex(of: UInt8(ascii: "\n")) ?? rest.endIndex
    var line = UnsafeRawBufferPointer(rebasing: rest[..<end])
    rest = rest[min(end + 1, rest.endIndex)...]
    if line.last == UInt8(ascii: "\r") { line = UnsafeRawBufferPointer(rebasing: line.dropLast()) }
    return line
  }
}
