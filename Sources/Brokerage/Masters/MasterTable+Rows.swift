// Rows of instruments, from the table to values: all of a generation, a search, all brokers' rows of one instrument.

import GRDB
import Market
import Normalize

extension MasterTable {
  private static let columns = """
    symbol, brsymbol, name, exchange, brexchange, token, expiry_day, strike, lotsize, broker_lotsize, instrumenttype,
    tick_size, feed_segment, feed_token
    """

  /// Rows of a generation, in the order of the list. Nil when the table does not hold what was written.
  static func rows(
    of generation: MasterGeneration, today: Int32?, in database: Database
  ) throws -> [MasterRow]? {
    let cursor = try Row.fetchCursor(
      database, sql: "SELECT \(columns) FROM instrument WHERE id BETWEEN ? AND ? AND generation = ? ORDER BY id",
      arguments: [generation.firstRow, generation.lastRow, generation.id])
    var rows: [MasterRow] = []
    rows.reserveCapacity(generation.rowCount)
    var count = 0
    while let row = try cursor.next() {
      count += 1
      guard let value = masterRow(row) else { return nil }
      if let expiry = value.instrument.expiryDay, let today, expiry < today { continue }
      rows.append(value)
    }
    return count == generation.rowCount ? rows : nil
  }

  private static func masterRow(_ row: Row) -> MasterRow? {
    let exchangeCode: String = row[3]
    let kindCode: String = row[10]
    guard let exchange = Exchange(code: exchangeCode), let kind = kinds[kindCode] else { return nil }
    let token: String = row[5]
    let instrument = Instrument(
      key: InstrumentKey(exchange, row[0]), name: row[2], expiryDay: row[6], strike: row[7], lotSize: row[8],
      tickSize: row[11], kind: kind, brokerSymbol: row[1])
    return MasterRow(
      instrument: instrument, brokerExchange: row[4], token: token, segment: row[12], feedToken: row[13] ?? token,
      brokerLotSize: row[9])
  }

  private static let kinds: [String: InstrumentKind] = Dictionary(
    uniqueKeysWithValues: [InstrumentKind.equity, .index, .future, .call, .put].map { ($0.code, $0) })

  /// Instruments in force whose symbol, name or broker's symbol has every word in it; exact symbols first, then
  /// beginnings, then the rest.
  static func search(
    _ words: [String], exchange: Exchange?, today: Int32, limit: Int, in database: Database
  ) throws -> [MasterMatch] {
    var conditions = ["(expiry_day IS NULL OR expiry_day >= ?)"]
    var arguments: StatementArguments = [today]
    if let exchange {
      conditions.append("exchange = ?")
      arguments += [exchange.code]
    }
    for word in words {
      conditions.append("(instr(symbol, ?) OR instr(upper(name), ?) OR instr(upper(brsymbol), ?))")
      arguments += [word, word, word]
    }
    let first = words.first ?? ""
    arguments += [first, first, limit]
    // One row per instrument: the brokers' rows of it are looked up afterwards. Cross joins keep to this order of
    // tables, so that rows of earlier generations are not looked at.
    let keys = try Row.fetchAll(
      database,
      sql: """
        SELECT DISTINCT symbol, exchange FROM current CROSS JOIN generation ON generation.id = current.generation
        CROSS JOIN instrument ON instrument.id BETWEEN first_row AND first_row + row_count - 1
        WHERE \(conditions.joined(separator: " AND "))
        ORDER BY symbol = ? DESC, instr(symbol, ?) = 1 DESC, length(symbol), symbol, exchange LIMIT ?
        """, arguments: arguments)
    return try keys.flatMap { row -> [MasterMatch] in
      let code: String = row[1]
      guard let exchange = Exchange(code: code) else { return [] }
      return try matches(InstrumentKey(exchange, row[0]), in: database)
    }
  }

  /// Every broker's row in force of one instrument.
  static func matches(_ key: InstrumentKey, in database: Database) throws -> [MasterMatch] {
    let rows = try Row.fetchCursor(
      database,
      sql: """
        SELECT \(columns), broker FROM instrument JOIN current ON current.generation = instrument.generation
        WHERE symbol = ? AND exchange = ? ORDER BY broker
        """, arguments: [key.symbol, key.exchange.code])
    var matches: [MasterMatch] = []
    while let row = try rows.next() {
      if let value = masterRow(row) { matches.append(MasterMatch(broker: row[14], row: value)) }
    }
    return matches
  }
}
