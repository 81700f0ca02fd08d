// The database of instrument masters: what goes in comes out, the swap is all or nothing, old generations stand by.

import Brokerage
import Foundation
import GRDB
import Glibc
import Market
import Normalize
import TestSupport
import Testing

@Suite struct MasterStoreTests {
  private let scratch = Scratch()

  private func store() throws -> MasterStore { try MasterStore(stateDirectory: scratch.path) }

  private func master(_ format: InstrumentFormat, rows: Int = 2000) throws -> InstrumentMaster {
    try format.parse(InstrumentLists.text(format.rawValue, rows: rows))
  }

  private func shares(_ range: Range<Int>) throws -> InstrumentMaster {
    try AngelInstruments.parse(angelList(shares: range))
  }

  @discardableResult
  private func put(
    _ master: InstrumentMaster, in store: MasterStore, broker: String = "angel", at nanos: Int64 = 1, keeping: Int = 3
  ) throws -> MasterGeneration {
    try store.replace(broker, with: master, source: "test", digest: "\(nanos)", at: nanos, keeping: keeping)
  }

  @Test(arguments: InstrumentFormat.allCases)
  func `rows come back as they were`(format: InstrumentFormat) throws {
    let master = try master(format)
    let store = try store()
    try put(master, in: store, broker: format.rawValue)
    let loaded = try #require(try MasterStore(stateDirectory: scratch.path).load(format.rawValue))
    #expect(loaded.master.rows == master.rows && !loaded.isFallback)
    #expect(loaded.generation.rowCount == master.rows.count && loaded.generation.source == "test")
    #expect(try store.census(of: format.rawValue, today: 0)?.rowCount == master.rows.count)
    #expect(try store.load("nobody") == nil && store.census(of: "nobody", today: 0) == nil)
  }

  @Test func `contracts that expired are left out on request`() throws {
    let store = try store()
    try put(AngelInstruments.parse(angelList(shares: 0..<5, futures: 0..<7)), in: store)
    let lastDay = day(2027, 12, 30)
    #expect(try store.load("angel", today: lastDay)?.master.rows.count == 12)
    #expect(try store.load("angel", today: lastDay + 1)?.master.rows.count == 5)
    #expect(try store.census(of: "angel", today: lastDay)?.countByExchange == [.nse: 5, .nfo: 7])
    #expect(try store.census(of: "angel", today: lastDay + 1)?.countByExchange == [.nse: 5])
    #expect(try store.search("SHARE1", today: lastDay + 1, limit: 10).count == 1)
    #expect(try store.search("SHARE1", today: lastDay, limit: 10).count == 2)
  }

  @Test func `so many generations are kept and the newest is in force`() throws {
    let store = try store()
    for round in 1...5 { try put(shares(0..<round * 10), in: store, at: Int64(round)) }
    try put(shares(0..<3), in: store, broker: "dhan", at: 9)
    let kept = try store.generations(of: "angel")
    #expect(kept.map(\.madeAt) == [5, 4, 3] && kept.map(\.rowCount) == [50, 40, 30])
    #expect(try store.load("angel")?.master.rows.count == 50)
    #expect(try store.load("dhan")?.master.rows.count == 3)
    let queue = try DatabaseQueue(path: store.path)
    #expect(try queue.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM instrument") } == 123)
    try put(shares(0..<1), in: store, at: 10, keeping: 1)
    #expect(try store.generations(of: "angel").map(\.madeAt) == [10])
  }

  @Test func `a damaged generation gives way to the one before`() throws {
    let store = try store()
    for round in 1...3 { try put(shares(0..<round * 10), in: store, at: Int64(round)) }
    let newest = try store.generations(of: "angel")[0]
    let queue = try DatabaseQueue(path: store.path)
    try queue.write { try $0.execute(sql: "DELETE FROM instrument WHERE symbol = 'SHARE25'") }
    #expect(try !store.isWhole(newest))
    let loaded = try #require(try store.load("angel"))
    #expect(loaded.isFallback && loaded.generation.madeAt == 2 && loaded.master.rows.count == 20)
    try queue.write { try $0.execute(sql: "UPDATE instrument SET exchange = 'MARS' WHERE symbol = 'SHARE15'") }
    #expect(try store.load("angel")?.generation.madeAt == 1)
    try queue.write { try $0.execute(sql: "DELETE FROM instrument") }
    #expect(try store.load("angel") == nil)
  }

  /// The files as they are at this moment, as a killed process would leave them.
  private func copyFiles(of store: MasterStore, to directory: String) throws {
    for suffix in ["", "-wal", "-shm"] where access(store.path + suffix, F_OK) == 0 {
      try FileManager.default.copyItem(atPath: store.path + suffix, toPath: "\(directory)/masters.sqlite\(suffix)")
    }
  }

  /// Long enough that the database writes pages before the end of the transaction.
  private static let long = Result { try AngelInstruments.parse(InstrumentLists.text("angel", rows: 15_000)) }

  @Test(arguments: [0, 1, 50, 100])
  func `a process killed while it swaps leaves the old list in force`(percent: Int) throws {
    let store = try store()
    let old = try shares(0..<20)
    try put(old, in: store)
    let new = try Self.long.get()
    let row = (new.rows.count - 1) * percent / 100
    let copy = Scratch()
    let rows = new.rows.lazy.enumerated().map { index, value in
      if index == row { try? self.copyFiles(of: store, to: copy.path) }
      return value
    }
    try store.replace("angel", rows: rows, source: "test", digest: "2", at: 2, keeping: 1)
    #expect(try store.load("angel")?.master.rows == new.rows)
    let survivor = try MasterStore(stateDirectory: copy.path)
    #expect(try survivor.load("angel")?.master.rows == old.rows)
    #expect(try survivor.generations(of: "angel").count == 1)
    // And it goes on from there.
    try put(shares(0..<30), in: survivor, at: 3)
    #expect(try survivor.load("angel")?.master.rows.count == 30)
  }

  @Test func `a reader sees the old list until the swap and the new one after it`() throws {
    let store = try store()
    try put(shares(0..<20), in: store)
    let reader = try MasterStore(stateDirectory: scratch.path)
    let new = try Self.long.get()
    var seen: [Int] = []
    let rows = new.rows.lazy.enumerated().map { index, value in
      if index % 5000 == 0 { seen.append((try? reader.load("angel")?.master.rows.count) ?? -1) }
      return value
    }
    try store.replace("angel", rows: rows, source: "test", digest: "2", at: 2, keeping: 3)
    #expect(!seen.isEmpty && seen.allSatisfy { $0 == 20 })
    #expect(try reader.load("angel")?.master.rows.count == new.rows.count)
  }

  @Test func `the view symtoken has the columns of the common table and what is in force`() throws {
    let store = try store()
    try put(shares(0..<5), in: store, at: 1)
    try put(
      UpstoxInstruments.parse(InstrumentLists.text("upstox", rows: 500)), in: store, broker: "upstox", at: 2)
    try put(shares(0..<2), in: store, at: 3)
    let queue = try DatabaseQueue(path: store.path)
    let rows = try queue.read { try Row.fetchAll($0, sql: "SELECT * FROM symtoken WHERE broker = 'angel'") }
    #expect(
      rows[0].columnNames.map { $0 } == [
        "id", "symbol", "brsymbol", "name", "exchange", "brexchange", "token", "expiry", "strike", "lotsize",
        "instrumenttype", "tick_size", "contract_value", "broker",
      ])
    #expect(rows.count == 2)
    let names = ["symbol", "brsymbol", "token", "expiry"]
    #expect(names.map { name -> String in rows[0][name] } == ["SHARE0", "SHARE0-EQ", "0", ""])
    #expect(["strike", "tick_size"].map { name -> Double in rows[0][name] } == [0, 0.05])
    let option = try queue.read {
      try Row.fetchOne(
        $0, sql: "SELECT * FROM symtoken WHERE broker = 'upstox' AND instrumenttype = 'CE' AND strike > 0 LIMIT 1")
    }
    let expiry: String = try #require(option)["expiry"]
    #expect(expiry.hasSuffix("-DEC-35"))
  }

  @Test func `a search finds by every word, exact names first, and shows all brokers`() throws {
    let store = try store()
    let list = """
      [{"token":"1","symbol":"TATA-EQ","name":"TATA","lotsize":"1","exch_seg":"NSE","tick_size":"5"},
       {"token":"2","symbol":"TATAMOTORS-EQ","name":"TATAMOTORS","lotsize":"1","exch_seg":"NSE","tick_size":"5"},
       {"token":"3","symbol":"XTATA-EQ","name":"X","lotsize":"1","exch_seg":"NSE","tick_size":"5"},
       {"token":"4","symbol":"TATA","name":"TATA","lotsize":"1","exch_seg":"BSE","tick_size":"5"},
       {"token":"5","symbol":"TATA30DEC27100CE","name":"TATA","expiry":"30DEC2027","strike":"10000","lotsize":"1",
        "instrumenttype":"OPTSTK","exch_seg":"NFO","tick_size":"5"}]
      """
    let master = try AngelInstruments.parse(Array(list.utf8))
    try put(master, in: store)
    try put(master, in: store, broker: "other")
    func found(_ text: String, _ exchange: Exchange? = nil, limit: Int = 10) throws -> [String] {
      try store.search(text, exchange: exchange, today: 0, limit: limit).map {
        "\($0.broker) \($0.row.instrument.exchange.code):\($0.row.instrument.symbol)"
      }
    }
    #expect(
      try found("tata") == [
        "angel BSE:TATA", "other BSE:TATA", "angel NSE:TATA", "other NSE:TATA", "angel NSE:TATAMOTORS",
        "other NSE:TATAMOTORS", "angel NFO:TATA30DEC27100CE", "other NFO:TATA30DEC27100CE", "angel NSE:XTATA",
        "other NSE:XTATA",
      ])
    #expect(try found("tata", .nse, limit: 1) == ["angel NSE:TATA", "other NSE:TATA"])
    #expect(try found("tata 100 ce") == ["angel NFO:TATA30DEC27100CE", "other NFO:TATA30DEC27100CE"])
    for nothing in ["", "  ", "%", "_", "'", "tata zz"] { #expect(try found(nothing).isEmpty) }
    #expect(try found("tata", limit: 0).isEmpty)
    #expect(try store.matches(InstrumentKey(.nse, "TATA")).map(\.row.token) == ["1", "1"])
    #expect(try store.matches(InstrumentKey(.nse, "tata")).isEmpty)
  }

  @Test func `freeze quantities come from the list, and some are known before`() throws {
    let store = try store()
    #expect(try store.freezeQuantity(exchange: .nfo, underlying: "BANKNIFTY") == 600)
    #expect(try store.freezeQuantity(exchange: .nfo, underlying: "NAME1") == 1)
    try put(master(.upstox), in: store, broker: "upstox")
    #expect(try store.freezeQuantity(exchange: .nfo, underlying: "NAME0") == 1800)
  }

  @Test func `a file that is no database has an error that names it`() throws {
    let path = try scratch.write(Array("this is not a database, whatever its name says it is".utf8), "masters.sqlite")
    #expect { try store() } throws: { error in
      guard case .database(let named, _)? = error as? MasterError else { return false }
      return named.hasSuffix("/masters.sqlite") && path.hasSuffix("/masters.sqlite")
    }
  }

  @Test func `storing and loading a long list is measured on request`() throws {
    guard let rows = getenv("TICKGATE_ROWS").flatMap({ Int(String(cString: $0)) }) else { return }
    let store = try store()
    let clock = ContinuousClock()
    for format in InstrumentFormat.allCases {
      let master = try master(format, rows: rows)
      var start = clock.now
      for round in 1...4 {
        start = clock.now
        try put(master, in: store, broker: format.rawValue, at: Int64(round))
      }
      let stored = clock.now - start
      start = clock.now
      let count = try store.load(format.rawValue)?.master.rows.count ?? 0
      print("\(format): \(count) rows stored in \(stored), loaded in \(clock.now - start)")
    }
    let start = clock.now
    let found = try store.search("name1 CE", today: 0, limit: 20)
    print("searched in \(clock.now - start): \(found.count)")
  }
}
