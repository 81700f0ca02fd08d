// From a row as a broker lists it to a row in common form: what is the same for every broker (`docs/symbols.md`).
// Cold path: grows with the list, on the thread that reads it.

import Market

/// A row after a broker's own spelling has been dealt with.
struct ListedRow {
  var exchange: Exchange
  var kind: InstrumentKind
  /// Nil: to be composed of name, expiry, strike and kind.
  var symbol: String?
  /// Company, or underlying of a derivative.
  var name: String
  var expiryDay: Int32?
  /// 1e-8 units.
  var strike: Int64 = 0
  var lotSize: Int32
  /// 1e-8 units; 0 where the list has none.
  var tickSize: Int64
  var brokerSymbol: String
  var brokerExchange: String
  var token: String
  var segment: UInt8 = 0
  var feedToken: String
  /// Not the ordinary series of the share: gives way to a row that is.
  var isSecondary = false
  /// 0 where the list has none.
  var freezeQuantity: Int64 = 0
}

/// Collects the rows of a list.
struct MasterBuilder {
  /// Longest common symbol.
  static let symbolBytesMax = 64
  /// Indices come with a tick size of 0, which nobody could divide by.
  private static let defaultTickSize = Price.scale / 100

  private(set) var master = InstrumentMaster()
  private let today: Int32?
  private var places: [InstrumentKey: Int] = [:]
  private var secondary: Set<Int> = []
  /// Expiries repeat some thousand times each.
  private var expiryTexts: [Int32: [UInt8]] = [:]

  init(today: Int32?) {
    self.today = today
    places.reserveCapacity(1 << 16)
  }

  /// Contracts that expired are known before anything else about them is looked at.
  func isExpired(_ day: Int32) -> Bool { today.map { day < $0 } ?? false }

  mutating func add(_ row: ListedRow) throws(SkipReason) {
    let isDerivative = row.kind != .equity && row.kind != .index
    if isDerivative {
      guard let expiry = row.expiryDay else { throw .badExpiry }
      if isExpired(expiry) { throw .expired }
      guard row.kind == .future || row.strike > 0 else { throw .badStrike }
      guard !row.name.isEmpty else { throw .badSymbol }
    }
    let symbol = row.symbol ?? composed(row)
    guard Self.isUsable(symbol) else { throw .badSymbol }
    let key = InstrumentKey(row.exchange, symbol)
    let lot = max(1, row.lotSize)
    let instrument = Instrument(
      key: key, name: row.name.isEmpty ? symbol : row.name, expiryDay: isDerivative ? row.expiryDay : nil,
      strike: row.kind == .call || row.kind == .put ? row.strike : 0,
      lotSize: isDerivative ? ContractSizes.units(perLotOf: row.name, on: row.exchange, listed: lot) : lot,
      tickSize: row.tickSize > 0 ? row.tickSize : Self.defaultTickSize, kind: row.kind, brokerSymbol: row.brokerSymbol)
    let result = MasterRow(
      instrument: instrument, brokerExchange: row.brokerExchange, token: row.token, segment: row.segment,
      feedToken: row.feedToken, brokerLotSize: lot)
    if isDerivative, row.freezeQuantity > 0 {
      master.freezeQuantities[InstrumentKey(row.exchange, row.name)] = row.freezeQuantity
    }
    try keep(result, isSecondary: row.isSecondary)
  }

  private mutating func keep(_ row: MasterRow, isSecondary: Bool) throws(SkipReason) {
    let place = places[row.instrument.key]
    guard let place else {
      places[row.instrument.key] = master.rows.count
      if isSecondary { secondary.insert(master.rows.count) }
      master.rows.append(row)
      return
    }
    if !isSecondary, secondary.remove(place) != nil { master.rows[place] = row }
    throw .duplicate
  }

  /// Counts a row that is left out.
  mutating func skip(_ reason: SkipReason, number: Int) {
    master.skipped[reason, default: 0] += 1
    if reason.isProblem, master.problems.count < InstrumentMaster.problemCountMax {
      master.problems.append(RowProblem(number: number, reason: reason))
    }
  }

  func finish() throws(InstrumentListError) -> InstrumentMaster {
    guard !master.rows.isEmpty else { throw .noUsableRow(skipped: master.readCount) }
    return master
  }

  /// As `SymbolText`, with the text of each expiry made once.
  private mutating func composed(_ row: ListedRow) -> String {
    let expiry = row.expiryDay ?? 0
    if expiryTexts[expiry] == nil { expiryTexts[expiry] = Array(CivilDate(day: expiry).symbolText.utf8) }
    var symbol = Array(row.name.utf8)
    symbol += expiryTexts[expiry, default: []]
    if row.kind != .future { symbol += Price.text(row.strike).utf8 }
    symbol += row.kind.code.utf8
    return String(decoding: symbol, as: UTF8.self)
  }

  /// Symbols go into topics and pre-rendered JSON: visible ASCII without quote and backslash.
  private static func isUsable(_ symbol: String) -> Bool {
    guard !symbol.isEmpty, symbol.utf8.count <= symbolBytesMax else { return false }
    return symbol.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }
  }
}
