import FoundationEssentials
import GRDB
import Market

// The table of API keys in SQLite: schema, migrations and the few statements. Blocking; each function runs inside a
// transaction of the caller.

/// Statements on the table `apiKey`.
enum KeyTable {
  /// Opens the database. A key that was handed out or revoked is durable before the caller is told, hence FULL.
  static func open(_ path: String) throws(KeyError) -> DatabaseQueue {
    var configuration = Configuration()
    configuration.label = "tickgate.keys"
    configuration.journalMode = .wal
    configuration.busyMode = .timeout(5)
    do {
      let database = try DatabaseQueue(path: path, configuration: configuration)
      // After the journal mode, which sets a weaker level of its own.
      try database.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = FULL") }
      try migrator.migrate(database)
      return database
    } catch {
      throw .database(path: path, reason: "\(error)")
    }
  }

  private static var migrator: DatabaseMigrator {
    var migrator = DatabaseMigrator()
    migrator.registerMigration("keys-1") { database in
      try database.create(table: "apiKey") { table in
        table.autoIncrementedPrimaryKey("id")
        table.column("name", .text).notNull()
        table.column("userID", .text).notNull()
        table.column("digest", .blob).notNull().unique()
        table.column("createdAt", .integer).notNull()
        table.column("revokedAt", .integer)
      }
      try database.create(
        index: "apiKeyName", on: "apiKey", columns: ["name"], options: .unique, condition: Column("revokedAt") == nil)
    }
    return migrator
  }

  /// Digests of the valid keys and whom they belong to.
  static func principals(_ database: Database) throws -> [[UInt8]: Principal] {
    var principals: [[UInt8]: Principal] = [:]
    let rows = try Row.fetchCursor(database, sql: "SELECT id, userID, digest FROM apiKey WHERE revokedAt IS NULL")
    while let row = try rows.next() {
      let digest: Data = row["digest"]
      principals[Array(digest)] = Principal(userID: row["userID"], keyID: row["id"])
    }
    return principals
  }

  static func rows(_ database: Database) throws -> [KeyRow] {
    try Row.fetchAll(database, sql: "SELECT id, name, userID, createdAt, revokedAt FROM apiKey ORDER BY id").map {
      row in
      KeyRow(
        id: row["id"], name: row["name"], userID: row["userID"], createdAt: row["createdAt"],
        revokedAt: row["revokedAt"])
    }
  }

  /// Id of the new row; nil when a valid key has the name.
  static func insert(
    name: String, userID: String, digest: [UInt8], createdAt: Int64, into database: Database
  ) throws -> Int64? {
    let isTaken = try Bool.fetchOne(
      database, sql: "SELECT EXISTS (SELECT 1 FROM apiKey WHERE name = ? AND revokedAt IS NULL)", arguments: [name])
    if isTaken == true { return nil }
    try database.execute(
      sql: "INSERT INTO apiKey (name, userID, digest, createdAt) VALUES (?, ?, ?, ?)",
      arguments: [name, userID, Data(digest), createdAt])
    return database.lastInsertedRowID
  }

  static func revoke(_ id: Int64, at time: Int64, in database: Database) throws {
    try database.execute(sql: "UPDATE apiKey SET revokedAt = ? WHERE id = ?", arguments: [time, id])
  }
}
