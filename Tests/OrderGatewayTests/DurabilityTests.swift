import Foundation
import Market
import OrderGateway
import Sandbox
import Synchronization
import Testing

/// A log in memory that a test can hold up or break.
private final class TestLog: RecordLog {
  struct Full: Error {}

  let appended = Mutex<[Record]>([])
  let isFull = Atomic<Bool>(false)
  private let isHeld = Atomic<Bool>(false)
  let entered = Atomic<Int>(0)
  private let gate = DispatchSemaphore(value: 0)

  func takeLedger() -> Ledger { Ledger() }
  func rotate(to ledger: Ledger) throws {}
  func close() {}
  var needsRotation: Bool { false }

  func append(_ records: [Record]) throws {
    entered.add(1, ordering: .sequentiallyConsistent)
    if isHeld.load(ordering: .sequentiallyConsistent) { gate.wait() }
    if isFull.load(ordering: .sequentiallyConsistent) { throw Full() }
    appended.withLock { $0 += records }
  }

  func hold() { isHeld.store(true, ordering: .sequentiallyConsistent) }

  func release() {
    isHeld.store(false, ordering: .sequentiallyConsistent)
    gate.signal()
  }
}

@Suite struct DurabilityTests {
  private let limit = #""pricetype":"LIMIT","price":"#

  /// Bodies of the account's reports.
  private func books(_ desk: Desk) async -> [String] {
    var bodies: [String] = []
    for endpoint in ["orderbook", "tradebook", "positionbook", "holdings", "funds"] {
      bodies.append(await desk.post(endpoint).body)
    }
    return bodies
  }

  private func trade(on desk: Desk) async {
    desk.feed.tick(reliance, 1000)
    desk.feed.tick(tcs, 3000)
    #expect(await desk.place("RELIANCE", "BUY", "10").status == 200)
    #expect(await desk.place("RELIANCE", "SELL", "4").status == 200)
    #expect(await desk.place("TCS", "BUY", "1", limit + "2900").status == 200)
  }

  @Test func `what was acknowledged is there after the process is killed`() async throws {
    let desk = try await Desk()
    await trade(on: desk)
    let before = await books(desk)
    // What the kernel holds at this moment is what a killed process leaves behind.
    let scratch = Scratch()
    try FileManager.default.removeItem(atPath: scratch.path)
    try FileManager.default.copyItem(atPath: desk.scratch.path, toPath: scratch.path)
    var options = Desk.Options()
    options.scratch = scratch
    options.key = desk.key
    let revived = try await Desk(options)
    #expect(await revived.eventually { revived.wants.count(reliance) == 1 && revived.wants.count(tcs) == 1 })
    // Shown prices come from the feed, which has sent nothing yet.
    revived.feed.tick(reliance, 1000)
    revived.feed.tick(tcs, 3000)
    #expect(await revived.eventually { await books(revived) == before })
    revived.feed.tick(tcs, 2890)
    #expect(await revived.eventually { await revived.post("positionbook").rows.count == 2 })
    try await revived.stop()
    try await desk.stop()
  }

  @Test func `an orderly end leaves everything for the next start`() async throws {
    let desk = try await Desk()
    await trade(on: desk)
    let before = await books(desk)
    try await desk.stop()
    var options = Desk.Options()
    options.scratch = desk.scratch
    options.key = desk.key
    let revived = try await Desk(options)
    // The snapshot holds the last prices too.
    #expect(await books(revived) == before)
    try await revived.stop()
  }

  @Test func `the log is rotated while orders come`() async throws {
    let desk = try await Desk { $0.journal.rotationBytes = 4096 }
    desk.feed.tick(reliance, 1000)
    for _ in 0..<30 { #expect(await desk.place("RELIANCE", "BUY", "1").status == 200) }
    let names = try FileManager.default.contentsOfDirectory(atPath: "\(desk.scratch.path)/journal")
    #expect(!names.contains("snapshot-1.tgs"), "\(names)")
    let before = await books(desk)
    let scratch = Scratch()
    try FileManager.default.removeItem(atPath: scratch.path)
    try FileManager.default.copyItem(atPath: desk.scratch.path, toPath: scratch.path)
    var options = Desk.Options()
    options.scratch = scratch
    options.key = desk.key
    let revived = try await Desk(options)
    revived.feed.tick(reliance, 1000)
    #expect(await revived.eventually { await books(revived) == before })
    try await revived.stop()
    try await desk.stop()
  }

  @Test func `an answer waits for the disk, and so does the order event`() async throws {
    let log = TestLog()
    var options = Desk.Options()
    options.recordLog = log
    let desk = try await Desk(options)
    desk.feed.tick(reliance, 1000)
    log.hold()
    let isAnswered = Mutex(false)
    let order = Task {
      let reply = await desk.place("RELIANCE", "BUY", "1")
      isAnswered.withLock { $0 = true }
      return reply
    }
    #expect(await desk.eventually { log.entered.load(ordering: .sequentiallyConsistent) == 1 })
    // A second order and a query queue up behind the disk and share the next write.
    let second = Task { await desk.place("RELIANCE", "BUY", "1") }
    let query = Task { await desk.post("positionbook") }
    try await Task.sleep(for: .milliseconds(100))
    #expect(!isAnswered.withLock { $0 })
    #expect(desk.sink.updates.isEmpty)
    log.release()
    #expect(await order.value.status == 200)
    #expect(await second.value.status == 200)
    #expect(await query.value.rows.count == 1)
    #expect(log.entered.load(ordering: .sequentiallyConsistent) == 2)
    #expect(await desk.eventually { desk.sink.statuses == ["open", "complete", "open", "complete"] })
    try await desk.stop()
  }

  @Test func `nothing is acknowledged after the journal failed, and reports go on`() async throws {
    let log = TestLog()
    var options = Desk.Options()
    options.recordLog = log
    let desk = try await Desk(options)
    desk.feed.tick(reliance, 1000)
    let id = try #require(await desk.place("RELIANCE", "BUY", "1", limit + "990").object["orderid"] as? String)
    #expect(await desk.eventually { desk.sink.updates.count == 1 })
    log.isFull.store(true, ordering: .sequentiallyConsistent)
    let failed = await desk.place("RELIANCE", "BUY", "1")
    #expect(failed.status == 503)
    #expect(failed.message.hasPrefix("Orders cannot be recorded"))
    #expect(failed.object["mode"] as? String == "analyze")
    #expect(desk.service.isJournalBroken)
    log.isFull.store(false, ordering: .sequentiallyConsistent)
    #expect(await desk.place("RELIANCE", "BUY", "1").status == 503)
    #expect(await desk.post("cancelorder", #""strategy":"t","orderid":"\#(id)""#).status == 503)
    desk.feed.tick(reliance, 980)
    #expect(await desk.post("funds").status == 200)
    #expect(await desk.post("orderbook").status == 200)
    #expect(await desk.post("quotes", #""symbol":"RELIANCE","exchange":"NSE""#).data["ltp"] as? Double == 980)
    #expect(desk.sink.updates.count == 1)
    #expect(log.appended.withLock { $0.count } == 1)
    try await desk.stop()
  }

  @Test func `an order that waits for a price is answered before the gateway ends`() async throws {
    let desk = try await Desk { $0.quoteWaitNanos = 60_000_000_000 }
    let order = Task { await desk.place("SBIN", "BUY", "1") }
    #expect(await desk.eventually { desk.wants.count(sbin) == 1 })
    // The server lets requests end before it does, so the price has to come or the wait to be over.
    desk.feed.tick(sbin, 800)
    #expect(await order.value.status == 200)
    try await desk.stop()
    #expect(desk.wants.count(sbin) == 0)
  }

  @Test func `a second gateway on the same state is refused`() async throws {
    let desk = try await Desk()
    var options = Desk.Options()
    options.scratch = desk.scratch
    options.key = desk.key
    let error = await #expect(throws: OrderGatewayError.self) { _ = try await Desk(options) }
    #expect(error?.description.contains("used by another process") == true)
    try await desk.stop()
  }
}
