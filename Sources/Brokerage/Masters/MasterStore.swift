// The instrument masters of all brokers, durable: some generations of each, one of them in force. Any thread; every
// call waits for the disk. Kill the process at any moment: the generation that was in force stays so.

import GRDB
import Glibc
import Market
import Normalize

/// A list that was taken.
public struct MasterGeneration: Sendable, Equatable {
  public let id: Int64
  public let broker: String
  /// Nanoseconds since the epoch.
  public let madeAt: Int64
  /// When the broker's list was last seen to be this one; nanoseconds since the epoch.
  public let checkedAt: Int64
  /// File or address it came from.
  public let source: String
  /// SHA-256 of the list.
  public let digest: String
  public let rowCount: Int
  let firstRow: Int64
  var lastRow: Int64 { firstRow + Int64(rowCount) - 1 }
}

/// A broker's row of an instrument.
public struct MasterMatch: Sendable, Equatable {
  public let broker: String
  public let row: MasterRow
}

/// What `load` found.
public struct StoredMaster: Sendable {
  public let master: InstrumentMaster
  public let generation: MasterGeneration
  /// The generation in force was damaged; this is an earlier one.
  public let isFallback: Bool
}

/// The database of instrument masters.
public final class MasterStore: Sendable {
  /// Words of a search that count.
  private static let searchWordsMax = 8
  public static let searchLimitMax = 1000

  /// Where the rows are.
  public let path: String
  private let database: DatabaseQueue

  /// Opens `masters.sqlite` in the state directory; creates what is missing.
  public init(stateDirectory: String) throws(MasterError) {
    let path = "\(stateDirectory)/masters.sqlite"
    self.path = path
    if mkdir(stateDirectory, 0o700) != 0, errno != EEXIST {
      throw .file(path: stateDirectory, reason: String(cString: strerror(errno)))
    }
    database = try Self.translate(path) { try MasterTable.open(path) }
  }

  // MARK: Reading

  /// The last good list of a broker; nil when there never was one.
  /// - Parameter today: contracts that expired before it are left out; nil keeps all.
  public func load(_ broker: String, today: Int32? = nil) throws(MasterError) -> StoredMaster? {
    try read { database in
      for (place, generation) in try MasterTable.generations(of: broker, in: database).enumerated() {
        // A damaged page shows as an error or as rows that are not there; an earlier generation may be whole.
        guard let rows = try? MasterTable.rows(of: generation, today: today, in: database), !rows.isEmpty else {
          continue
        }
        return StoredMaster(master: InstrumentMaster(rows: rows), generation: generation, isFallback: place > 0)
      }
      return nil
    }
  }

  /// Generations of a broker, the one in force first, then from the newest to the oldest.
  public func generations(of broker: String) throws(MasterError) -> [MasterGeneration] {
    try read { try MasterTable.generations(of: broker, in: $0) }
  }

  /// Whether all rows of a generation are still there.
  public func isWhole(_ generation: MasterGeneration) throws(MasterError) -> Bool {
    try read { try MasterTable.isWhole(generation, in: $0) }
  }

  /// What the list in force holds that has not expired; nil when there is none.
  public func census(of broker: String, today: Int32) throws(MasterError) -> MasterCensus? {
    try read { database in
      try MasterTable.generations(of: broker, in: database).first.map {
        try MasterTable.census(of: $0, today: today, in: database)
      }
    }
  }

  /// Instruments whose symbol, name or broker's symbol has every word of the text in it, in capitals or not. One match
  /// per instrument and broker, those of one instrument together.
  /// - Parameter limit: most instruments, up to `searchLimitMax`.
  public func search(
    _ text: String, exchange: Exchange? = nil, today: Int32, limit: Int
  ) throws(MasterError) -> [MasterMatch] {
    let words = text.uppercased().split(separator: " ").prefix(Self.searchWordsMax).map(String.init)
    guard !words.isEmpty, limit > 0 else { return [] }
    return try read {
      try MasterTable.search(
        words, exchange: exchange, today: today, limit: min(limit, Self.searchLimitMax), in: $0)
    }
  }

  /// Every broker's row of one instrument.
  public func matches(_ key: InstrumentKey) throws(MasterError) -> [MasterMatch] {
    try read { try MasterTable.matches(key, in: $0) }
  }

  /// Largest quantity of one order in contracts on this underlying; 1 when unknown.
  public func freezeQuantity(exchange: Exchange, underlying: String) throws(MasterError) -> Int64 {
    try read { try MasterTable.freezeQuantity(InstrumentKey(exchange, underlying), in: $0) } ?? 1
  }

  // MARK: Writing

  /// Puts a new list of a broker in force and keeps the `keeping` newest. All or nothing.
  @discardableResult
  public func replace(
    _ broker: String, with master: InstrumentMaster, source: String, digest: String, at nanos: Int64, keeping: Int
  ) throws(MasterError) -> MasterGeneration {
    try replace(
      broker, rows: master.rows, freezeQuantities: master.freezeQuantities, source: source, digest: digest, at: nanos,
      keeping: keeping)
  }

  /// The same with the rows one by one, which are asked for inside the transaction.
  @discardableResult
  public func replace(
    _ broker: String, rows: some Sequence<MasterRow>, freezeQuantities: [InstrumentKey: Int64] = [:], source: String,
    digest: String, at nanos: Int64, keeping: Int
  ) throws(MasterError) -> MasterGeneration {
    let made: MasterGeneration? = try write { database in
      let id = try MasterTable.insert(
        rows, broker: broker, source: source, digest: digest, at: nanos, in: database)
      for (key, quantity) in freezeQuantities { try MasterTable.freeze(key, quantity, in: database) }
      try MasterTable.prune(broker, keeping: keeping, in: database)
      return try MasterTable.generations(of: broker, in: database).first { $0.id == id }
    }
    guard let made else { throw .database(path: path, reason: "the list was not written") }
    return made
  }

  /// Notes that the broker's list is still the one in force.
  public func markChecked(_ generation: MasterGeneration, at nanos: Int64) throws(MasterError) {
    try write { try MasterTable.markChecked(generation.id, at: nanos, in: $0) }
  }

  // MARK: Helpers

  private func read<T>(_ body: (Database) throws -> T) throws(MasterError) -> T {
    try Self.translate(path) { try database.read(body) }
  }

  private func write<T>(_ body: (Database) throws -> T) throws(MasterError) -> T {
    try Self.translate(path) { try database.write(body) }
  }

  private static func translate<T>(_ path: String, _ body: () throws -> T) throws(MasterError) -> T {
    do { return try body() } catch { throw .database(path: path, reason: "\(error)") }
  }
}
