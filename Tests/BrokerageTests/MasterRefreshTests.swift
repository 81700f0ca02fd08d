// A refresh from end to end: files, packed files, a server, and everything that must leave the last good list in force.

import Brokerage
import Foundation
import GRDB
import Logging
import Market
import Normalize
import TestSupport
import Testing

@Suite struct MasterRefreshTests {
  private let scratch = Scratch()
  private let store: MasterStore
  private let clock = ManualClock(nanos: india(2026, 11, 23, 8))

  init() throws { store = try MasterStore(stateDirectory: scratch.path) }

  private func refresh(
    _ source: MasterSource, isForced: Bool = false, seconds: Int = 100, limits: MasterLimits = MasterLimits()
  ) async throws -> MasterReport {
    clock.advance(nanos: 1)
    let refresh = MasterRefresh(store: store, limits: limits, clock: clock)
    return try await refresh.refresh(angel, from: source, isForced: isForced, seconds: seconds)
  }

  @discardableResult
  private func refresh(_ list: [UInt8], isForced: Bool = false, limits: MasterLimits = MasterLimits()) async throws
    -> MasterReport
  {
    try await refresh(.file(scratch.write(list, "list")), isForced: isForced, limits: limits)
  }

  /// The error of a refresh; nil when there is none.
  private func error(_ body: () async throws -> MasterReport) async -> MasterError? {
    do {
      _ = try await body()
      return nil
    } catch { return error as? MasterError }
  }

  private func rowsInForce() throws -> Int { try store.load("angel")?.master.rows.count ?? 0 }

  // MARK: Files

  @Test func `a file is taken, packed or not, and the same list is not stored twice`() async throws {
    let list = angelList(shares: 0..<100)
    let first = try await refresh(list)
    #expect(first.generation.rowCount == 100 && !first.isUnchanged && first.master.rows.count == 100)
    let checked = clock.nowNanos()
    for same in [list, gzip(list), gzip(Array(list[..<50])) + gzip(Array(list[50...]))] {
      let again = try await refresh(same)
      #expect(again.isUnchanged && again.generation.id == first.generation.id && again.master.rows.count == 100)
    }
    let generations = try store.generations(of: "angel")
    #expect(generations.count == 1 && generations[0].checkedAt > checked)
    #expect(first.summary.hasPrefix("angel: 100 instruments from "))
    let more = try await refresh(angelList(shares: 0..<101, broken: 1))
    #expect(!more.isUnchanged && more.summary.hasSuffix("rows left out: 1 badToken"))
    #expect(try store.generations(of: "angel").map(\.rowCount) == [101, 100])
  }

  @Test func `a list whose rows were lost in the database is stored again`() async throws {
    let list = angelList(shares: 0..<100)
    try await refresh(list)
    try await DatabaseQueue(path: store.path).write {
      try $0.execute(sql: "DELETE FROM instrument WHERE symbol = 'SHARE7'")
    }
    #expect(try await refresh(list).isUnchanged == false)
    #expect(try rowsInForce() == 100)
  }

  @Test func `files that are no list have an error that names them and change nothing`() async throws {
    try await refresh(angelList(shares: 0..<100))
    let list = angelList(shares: 0..<100)
    let packed = gzip(list)
    var damaged = packed
    damaged[packed.count - 6] ^= 0xFF
    let place = scratch.path + "/list"
    let cases: [([UInt8], MasterError)] = [
      ([], .list(place: place, .empty)), ([0x1F], .list(place: place, .malformedList(offset: 0))),
      (Array("<html>".utf8), .list(place: place, .malformedList(offset: 0))),
      (Array(list.dropLast()), .list(place: place, .truncated)), (Array(packed.dropLast()), .gzip(place: place)),
      (Array(packed[..<20]), .gzip(place: place)), (damaged, .gzip(place: place)),
      (packed + [1, 2, 3], .gzip(place: place)),
      (gzip(Array("[]".utf8)), .list(place: place, .noUsableRow(skipped: 0))),
    ]
    for (bytes, expected) in cases {
      let error = await error { try await refresh(bytes) }
      #expect(error == expected)
      #expect(error?.description.contains(place) == true)
    }
    let missing = await error { try await refresh(.file("/nowhere/list")) }
    #expect(missing == .file(path: "/nowhere/list", reason: "No such file or directory"))
    #expect(try rowsInForce() == 100 && store.generations(of: "angel").count == 1)
  }

  // MARK: Refusals

  @Test func `a list with a third of the rows missing is refused and the old one stays`() async throws {
    try await refresh(angelList(shares: 0..<300))
    let third = angelList(shares: 100..<300)
    let error = await error { try await refresh(third) }
    #expect(
      error
        == .refused(
          broker: "angel", place: scratch.path + "/list",
          reasons: [.rowsLost(now: 200, before: 300, percentMax: 25)]))
    #expect(
      error?.description
        == "the instrument list of angel from \(scratch.path)/list is refused, the last good one stays: only 200 "
        + "instruments where the last list has 300, more than 25 % are missing")
    #expect(try rowsInForce() == 300)
    #expect(try await refresh(angelList(shares: 0..<225)).generation.rowCount == 225, "a quarter is not too much")
    #expect(
      try await refresh(angelList(shares: 0..<150), limits: MasterLimits(rowsLostPercentMax: 40)).isUnchanged == false)
    #expect(try await refresh(angelList(shares: 0..<1), isForced: true).generation.rowCount == 1)
  }

  @Test func `contracts that expired since are not missed`() async throws {
    try await refresh(angelList(shares: 0..<100, futures: 0..<200))
    clock.set(nanos: india(2027, 12, 30, 8))
    let early = await error { try await refresh(angelList(shares: 0..<101)) }
    #expect(early != nil)
    clock.set(nanos: india(2027, 12, 31, 8))
    #expect(
      try await refresh(angelList(shares: 0..<101, futures: 0..<1, expiry: "27JAN2028")).generation.rowCount == 102)
  }

  @Test func `a list without an exchange that was there is refused`() async throws {
    try await refresh(angelList(shares: 0..<100, futures: 0..<10))
    let error = await error { try await refresh(angelList(shares: 0..<110)) }
    guard case .refused(_, _, [.exchangeMissing(.nfo)])? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(try rowsInForce() == 110)
  }

  @Test func `a list with too many broken rows is refused`() async throws {
    let few = await error { try await refresh(angelList(shares: 0..<95, broken: 5)) }
    #expect(few == nil)
    let many = await error { try await refresh(angelList(shares: 0..<95, broken: 6)) }
    guard case .refused(_, _, [.rowsBroken(broken: 6, of: 101, percentMax: 5)])? = many else {
      Issue.record("\(String(describing: many))")
      return
    }
  }

  @Test func `the broker's own list must have every exchange of the broker, even the first time`() async throws {
    let server = try OneAnswerServer([OneAnswerServer.answer(angelList(shares: 0..<100))])
    let error = await error { try await refresh(.url(server.url, isBrokers: true)) }
    guard case .refused(_, _, let reasons)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(reasons == [.bse, .nfo, .bfo, .mcx, .nseIndex].map(MasterRefusal.exchangeMissing))
    #expect(try store.generations(of: "angel").isEmpty)
  }

  // MARK: Server

  @Test func `a list comes from a server, packed or not, in any pieces`() async throws {
    let list = angelList(shares: 0..<2000)
    let packed = gzip(list)
    var chunked: [[UInt8]] = [Array("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".utf8)]
    for piece in list.chunks(of: 70_000) {
      let size = String(piece.count, radix: 16)
      chunked.append(Array("\(size)\r\n".utf8) + piece + Array("\r\n".utf8))
    }
    chunked.append(Array("0\r\n\r\n".utf8))
    let answers: [[[UInt8]]] = [
      [OneAnswerServer.answer(list)], [OneAnswerServer.answer(packed)],
      [OneAnswerServer.answer(packed, headers: "Content-Encoding: gzip\r\n")],
      OneAnswerServer.answer(list).chunks(of: 50_000), OneAnswerServer.answer(packed).chunks(of: 3001), chunked,
    ]
    for (index, parts) in answers.enumerated() {
      let server = try OneAnswerServer(parts, waitMillis: 2)
      let source = MasterSource.url(server.url, headers: [.init(name: "Authorization", value: "token a:b")])
      let report = try await refresh(source)
      #expect(report.master.rows.count == 2000 && report.isUnchanged == (index > 0), "answer \(index)")
      #expect(report.place == "http://127.0.0.1:\(server.port)/list", "no query")
      #expect(server.requests.first?.lowercased().contains("authorization: token a:b\r\n") == true)
    }
  }

  @Test func `a server that fails has an error without secrets and changes nothing`() async throws {
    try await refresh(angelList(shares: 0..<100))
    let list = angelList(shares: 0..<100)
    let half = Array(OneAnswerServer.answer(list).dropLast(list.count / 2))
    func check(_ parts: [[UInt8]], _ isExpected: (MasterError, String) -> Bool) async throws {
      let server = try OneAnswerServer(parts)
      let place = "http://127.0.0.1:\(server.port)/list"
      let error = await error { try await refresh(.url(server.url)) }
      #expect(error.map { isExpected($0, place) } == true, "\(String(describing: error))")
      #expect(error?.description.contains("secret") == false)
    }
    func isNetwork(_ error: MasterError, _ place: String) -> Bool {
      if case .network(place, _) = error { true } else { false }
    }
    for code in [401, 403] {
      try await check([OneAnswerServer.answer([], status: "\(code) No")]) {
        $0 == .loginNeeded(address: $1, code: code)
      }
    }
    for code in [404, 500] {
      try await check([OneAnswerServer.answer([], status: "\(code) No")]) { $0 == .status(address: $1, code: code) }
    }
    try await check([half], isNetwork)
    try await check([[]], isNetwork)
    try await check([Array("nonsense\r\n\r\n".utf8)], isNetwork)
    try await check([OneAnswerServer.answer(Array("<html>".utf8))]) {
      $0 == .list(place: $1, .malformedList(offset: 0))
    }
    #expect(try rowsInForce() == 100 && store.generations(of: "angel").count == 1)
  }

  @Test func `a server that is mute or drips is given up`() async throws {
    let list = OneAnswerServer.answer(angelList(shares: 0..<100))
    for parts in [[[], list], list.chunks(of: 1)] {
      let server = try OneAnswerServer(parts, waitMillis: parts.count == 2 ? 4000 : 20)
      let error = await error { try await refresh(.url(server.url), seconds: 1) }
      #expect(error == .tookTooLong(place: "http://127.0.0.1:\(server.port)/list", seconds: 1))
    }
  }

  @Test func `a server that is not there is an answer at once`() async throws {
    let url = try OneAnswerServer([]).url
    let error = await error { try await refresh(.url(url), seconds: 50) }
    guard case .network? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test func `nothing is asked of an address that is not encrypted, but for this host`() async throws {
    for address in ["http://example.org/list", "ftp://127.0.0.1/list", "http://127.0.0.1.example.org/x", "list"] {
      #expect(await error { try await refresh(.url(address)) } == .badAddress(address))
    }
    #expect(
      await error { try await refresh(.url("http://user:secret@example.org/x?a=secret#b")) }
        == .badAddress("http://example.org/x"))
  }

  @Test func `a setting names a file, an address, or the broker's own`() {
    let zerodha = BrokerList.of("zerodha")!
    let login = [MasterSource.Header(name: "Authorization", value: "x")]
    guard case .file("a/b.csv") = MasterSource(setting: "a/b.csv", list: zerodha),
      case .url("https://example.org/x", let noHeaders, false) = MasterSource(
        setting: "https://example.org/x", list: zerodha, headers: login),
      case .url(zerodha.url, let headers, true) = MasterSource(setting: "", list: zerodha, headers: login),
      case .url(angel.url, let none, true) = MasterSource(setting: "", list: angel, headers: login)
    else {
      Issue.record("wrong source")
      return
    }
    #expect(noHeaders.isEmpty && headers.count == 1 && none.isEmpty, "a login goes to the broker only")
  }

  // MARK: Daily

  @Test func `the daily duty fetches at once what is due and reports failures`() async throws {
    let good = try scratch.write(angelList(shares: 0..<100), "good")
    let dhan = BrokerList.of("dhan")!
    clock.set(nanos: india(2026, 11, 23, 9))
    let duty = DailyRefresh(
      [DailyList(angel) { .file(good) }, DailyList(dhan) { .file("/nowhere") }], minuteOfDay: 8 * 60,
      refresh: MasterRefresh(store: store, clock: clock), store: store, clock: clock, log: Logger(label: "test"))
    let task = Task { await duty.run() }
    for _ in 0..<500 where try rowsInForce() == 0 { try await Task.sleep(nanoseconds: 10_000_000) }
    task.cancel()
    await task.value
    #expect(try rowsInForce() == 100 && store.generations(of: "dhan").isEmpty)
    let schedule = try DailyRefresh.schedule(angel, minuteOfDay: 8 * 60, store: store)
    #expect(!schedule.isDue(now: clock.nowNanos()))
    #expect(try DailyRefresh.schedule(dhan, minuteOfDay: 8 * 60, store: store).isDue(now: clock.nowNanos()))
  }
}

extension Array {
  func chunks(of size: Int) -> [[Element]] {
    stride(from: 0, to: count, by: size).map { Array(self[$0..<Swift.min($0 + size, count)]) }
  }
}
