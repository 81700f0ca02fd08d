// The tables of instruments in SQLite: schema, migrations and the few statements. Blocking; each function runs inside a
// transaction of the caller. Cold path.
//
// Each list that was taken is a generation: a range of rows that never changes. `current` says which generation of a
// broker is in force, so that the swap is the change of one row, in the transaction that wrote the new ones. The view
// `symtoken` shows what is in force under the column names that OpenAlgo uses.

import GRDB
import Market
import Normalize

/// Statements on the tables.
enum MasterTable {
  static func open(_ path: String) throws -> DatabaseQueue {
    var configuration = Configuration()
    configuration.label = "tickgate.masters"
    configuration.journalMode = .wal
    configuration.busyMode = .timeout(30)
    let database = try DatabaseQueue(path: path, configuration: configuration)
    try migrator.migrate(database)
    return database
  }

  private static var migrator: DatabaseMigrator {
    var migrator = DatabaseMigrator()
    migrator.registerMigration("masters-1") { database in
      try database.execute(sql: schema)
      for (underlying, quantity) in [("NIFTY", 1800), ("BANKNIFTY", 600)] {
        try freeze(InstrumentKey(.nfo, underlying), Int64(quantity), in: database)
      }
    }
    return migrator
  }

  private static let schema = """
    CREATE TABLE generation (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      broker TEXT NOT NULL,
      made_at INTEGER NOT NULL,     -- nanoseconds since the epoch
      checked_at INTEGER NOT NULL,  -- when the same list was seen again
      source TEXT NOT NULL,
      digest TEXT NOT NULL,
      first_row INTEGER NOT NULL,
      row_count INTEGER NOT NULL
    );
    CREATE TABLE current (
      broker TEXT PRIMARY KEY,
      generation INTEGER NOT NULL REFERENCES generation (id)
    );
    CREATE TABLE instrument (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      generation INTEGER NOT NULL,
      symbol TEXT NOT NULL,
      brsymbol TEXT NOT NULL,
      name TEXT NOT NULL,
      exchange TEXT NOT NULL,
      brexchange TEXT NOT NULL,
      token TEXT NOT NULL,
      expiry TEXT NOT NULL,
      expiry_day INTEGER,           -- days since 1970-01-01, India
      strike INTEGER NOT NULL,      -- 1e-8
      lotsize INTEGER NOT NULL,
      broker_lotsize INTEGER NOT NULL,
      instrumenttype TEXT NOT NULL,
      tick_size INTEGER NOT NULL,   -- 1e-8
      contract_value REAL,
      feed_segment INTEGER NOT NULL,
      feed_token TEXT               -- NULL: the same as token
    );
    CREATE INDEX instrument_symbol ON instrument (symbol, exchange);
    CREATE INDEX instrument_brsymbol ON instrument (brsymbol, exchange);
    CREATE INDEX instrument_token ON instrument (token, brexchange);
    CREATE VIEW symtoken AS
      SELECT instrument.id AS id, symbol, brsymbol, name, exchange, brexchange, token, expiry,
        strike / 1e8 AS strike, lotsize, instrumenttype, tick_size / 1e8 AS tick_size, contract_value, broker
      FROM instrument JOIN current ON current.generation = instrument.generation;
    CREATE TABLE qty_freeze (
      exchange TEXT NOT NULL,
      symbol TEXT NOT NULL,
      freeze_qty INTEGER NOT NULL,
      PRIMARY KEY (exchange, symbol)
    ) WITHOUT ROWID;
    """

  // MARK: Generations

  static func generations(of broker: String, in database: Database) throws -> [MasterGeneration] {
    let rows = try Row.fetchAll(
      database,
      sql: """
        SELECT generation.*, current.generation IS NOT NULL AS is_current FROM generation
        LEFT JOIN current ON current.generation = generation.id
        WHERE generation.broker = ? ORDER BY is_current DESC, id DESC
        """, arguments: [broker])
    return rows.map { row in
      MasterGeneration(
        id: row["id"], broker: row["broker"], madeAt: row["made_at"], checkedAt: row["checked_at"],
        source: row["source"], digest: row["digest"], rowCount: row["row_count"], firstRow: row["first_row"])
    }
  }

  static func census(
    of generation: MasterGeneration, today: Int32, in database: Database
  ) throws -> MasterCensus {
    var counts: [Exchange: Int] = [:]
    let rows = try Row.fetchCursor(
      database,
      sql: """
        SELECT exchange, count(*) FROM instrument WHERE id BETWEEN ? AND ? AND (expiry_day IS NULL OR expiry_day >= ?)
        GROUP BY exchange
        """, arguments: [generation.firstRow, generation.lastRow, today])
    while let row = try rows.next() {
      let code: String = row[0]
      if let exchange = Exchange(code: code) { counts[exchange] = row[1] }
    }
    return MasterCensus(rowCount: counts.values.reduce(0, +), countByExchange: counts)
  }

  /// Whether all rows of a generation are there.
  static func isWhole(_ generation: MasterGeneration, in database: Database) throws -> Bool {
    let count = try Int.fetchOne(
      database, sql: "SELECT count(*) FROM instrument WHERE id BETWEEN ? AND ?",
      arguments: [generation.firstRow, generation.lastRow])
    return count == generation.rowCount
  }

  static func markChecked(_ generation: Int64, at nanos: Int64, in database: Database) throws {
    try database.execute(sql: "UPDATE generation SET checked_at = ? WHERE id = ?", arguments: [nanos, generation])
  }

  /// Writes the rows of a new generation and puts it in force.
  static func insert(
    _ rows: some Sequence<MasterRow>, broker: String, source: String, digest: String, at nanos: Int64,
    in database: Database
  ) throws -> Int64 {
    try database.execute(
      sql: """
        INSERT INTO generation (broker, made_at, checked_at, source, digest, first_row, row_count)
        VALUES (?, ?, ?, ?, ?, 0, 0)
        """, arguments: [broker, nanos, nanos, source, digest])
    let generation = database.lastInsertedRowID
    let statement = try database.cachedStatement(sql: insertSQL)
    var first: Int64?
    var count = 0
    for row in rows {
      try statement.execute(arguments: arguments(row, generation))
      first = first ?? database.lastInsertedRowID
      count += 1
    }
    try database.execute(
      sql: "UPDATE generation SET first_row = ?, row_count = ? WHERE id = ?",
      arguments: [first ?? 0, count, generation])
    try database.execute(
      sql: "INSERT OR REPLACE INTO current (broker, generation) VALUES (?, ?)", arguments: [broker, generation])
    return generation
  }

  private static let insertSQL = """
    INSERT INTO instrument (generation, symbol, brsymbol, name, exchange, brexchange, token, expiry, expiry_day, strike,
      lotsize, broker_lotsize, instrumenttype, tick_size, feed_segment, feed_token)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    """

  private static func arguments(_ row: MasterRow, _ generation: Int64) -> StatementArguments {
    let instrument = row.instrument
    return [
      generation, instrument.symbol, instrument.brokerSymbol, instrument.name, instrument.exchange.code,
      row.brokerExchange, row.token, instrument.expiryDay.map { CivilDate(day: $0).tableText } ?? "",
      instrument.expiryDay, instrument.strike, instrument.lotSize, row.brokerLotSize, instrument.kind.code,
      instrument.tickSize, row.segment, row.feedToken == row.token ? nil : row.feedToken,
    ]
  }

  /// Leaves the newest generations of a broker, the one in force among them.
  static func prune(_ broker: String, keeping count: Int, in database: Database) throws {
    for generation in try generations(of: broker, in: database).dropFirst(max(count, 1)) {
      try database.execute(
        sql: "DELETE FROM instrument WHERE id BETWEEN ? AND ?", arguments: [generation.firstRow, generation.lastRow])
      try database.execute(sql: "DELETE FROM generation WHERE id = ?", arguments: [generation.id])
    }
  }

  // MARK: Freeze quantities

  static func freeze(_ key: InstrumentKey, _ quantity: Int64, in database: Database) throws {
    try database.execute(
      sql: "INSERT OR REPLACE INTO qty_freeze (exchange, symbol, freeze_qty) VALUES (?, ?, ?)",
      arguments: [key.exchange.code, key.symbol, quantity])
  }

  static func freezeQuantity(_ key: InstrumentKey, in database: Database) throws -> Int64? {
    try Int64.fetchOne(
      database, sql: "SELECT freeze_qty FROM qty_freeze WHERE exchange = ? AND symbol = ?",
      arguments: [key.exchange.code, key.symbol])
  }
}
