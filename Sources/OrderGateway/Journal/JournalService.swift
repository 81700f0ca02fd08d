import Logging
import Market
import Sandbox
import Synchronization
import TickRing

// The journal thread. Groups queue up while the disk works; everything that waits is then appended and synced at once,
// and only after that are answers given and order events published, in the order of the groups. Nothing that is not on
// disk is ever acknowledged. Cold compared with ticks: it allocates.

/// Makes groups durable and releases what waits for them.
final class JournalService: Sendable {
  /// Records per append: bounds a frame of the log. A record is durable as a whole, so a longer group may be divided.
  private static let recordsPerAppendMax = 4096
  /// How long the thread sleeps at most. It is woken for every group; this bounds only the harm of a lost wake-up.
  private static let sleepMillis: Int32 = 1000

  private let log: any RecordLog
  private let sinks: [any OrderUpdateSink]
  private let logger: Logger
  private let waker: Waker
  private let groups: Mailbox<Group>
  private let hasFailed = Atomic<Bool>(false)
  /// Rotation that failed is tried again after a while.
  private let nextRotationNanos = Atomic<Int64>(0)
  private static let rotationRetryNanos: Int64 = 60_000_000_000
  private let wantsSnapshot = Atomic<Bool>(false)
  private let isStopping = Atomic<Bool>(false)

  init(log: any RecordLog, sinks: [any OrderUpdateSink], logger: Logger) {
    self.log = log
    self.sinks = sinks
    self.logger = logger
    waker = Waker()
    groups = Mailbox(waker: waker)
  }

  /// A write failed: nothing can be made durable until the process is started again.
  var isBroken: Bool { hasFailed.load(ordering: .acquiring) }

  /// True once each time the log has grown enough. The engine then sends a group with a snapshot.
  func takeSnapshotRequest() -> Bool {
    wantsSnapshot.load(ordering: .relaxed) && wantsSnapshot.exchange(false, ordering: .acquiringAndReleasing)
  }

  /// Engine thread only.
  func submit(_ group: Group) { groups.send(group) }

  /// Ends `run` after everything that was submitted before.
  func stop() {
    isStopping.store(true, ordering: .releasing)
    waker.wake()
  }

  /// The thread's body.
  func run() {
    defer { log.close() }
    while true {
      // Read before the groups are taken: what was submitted before the stop is then in what is taken.
      let isLast = isStopping.load(ordering: .acquiring)
      let taken = groups.takeAll()
      if !taken.isEmpty { settle(taken) }
      if isLast { return }
      waker.sleep(timeoutMillis: Self.sleepMillis) { !groups.isEmpty || isStopping.load(ordering: .acquiring) }
    }
  }

  /// Groups up to and including one with a snapshot share their appends.
  private func settle(_ taken: [Group]) {
    var waiting: [Group] = []
    for group in taken {
      waiting.append(group)
      if let snapshot = group.snapshot {
        settleBatch(waiting)
        waiting.removeAll(keepingCapacity: true)
        rotate(to: snapshot)
      }
    }
    if !waiting.isEmpty { settleBatch(waiting) }
    let mayRotate = SystemClock.monotonicNanos() >= nextRotationNanos.load(ordering: .relaxed)
    if !isBroken, mayRotate, log.needsRotation { wantsSnapshot.store(true, ordering: .releasing) }
  }

  private func settleBatch(_ batch: [Group]) {
    let isDurable = append(batch)
    for group in batch {
      for release in group.releases {
        switch release {
        case .command(let answer, let reply):
          answer.resume(returning: isDurable ? .success(reply) : .failure(.journalFailed))
        case .query(let resume): resume()
        }
      }
      guard isDurable else { continue }
      for event in group.updates {
        let update = OrderUpdateJSON.render(event)
        for sink in sinks { sink.publish(update) }
      }
    }
  }

  private func append(_ batch: [Group]) -> Bool {
    if isBroken { return false }
    let records = batch.count == 1 ? batch[0].records : batch.flatMap(\.records)
    do {
      for start in stride(from: 0, to: records.count, by: Self.recordsPerAppendMax) {
        let end = min(start + Self.recordsPerAppendMax, records.count)
        try log.append(end - start == records.count ? records : Array(records[start..<end]))
      }
      return true
    } catch {
      fail(error)
      return false
    }
  }

  private func rotate(to snapshot: Ledger) {
    if isBroken { return }
    // A request made while this snapshot was on its way is answered by it.
    wantsSnapshot.store(false, ordering: .releasing)
    do {
      try log.rotate(to: snapshot)
    } catch {
      // The present log goes on; should it not, its next append says so.
      nextRotationNanos.store(SystemClock.monotonicNanos() + Self.rotationRetryNanos, ordering: .relaxed)
      logger.error("the order journal could not be rotated and goes on growing", metadata: ["error": "\(error)"])
    }
  }

  private func fail(_ error: any Error) {
    hasFailed.store(true, ordering: .releasing)
    logger.critical(
      "the order journal failed; orders are refused until the disk is mended and the gateway restarted",
      metadata: ["error": "\(error)"])
  }
}
