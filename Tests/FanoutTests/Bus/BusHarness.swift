// A bus with a sequencer in front of it, and ZeroMQ peers with contexts of their own, as other processes would be.
// Waits have a deadline only so that a broken bus fails instead of hanging.

import CZMQ
import Fanout
import Glibc
import Logging
import Market
import Synchronization
import TickRing

final class RecordedWants: WantedSubscriptions {
  private let wants = Mutex<[Want]>([])
  func apply(_ wants: [Want]) { self.wants.withLock { $0 += wants } }
  var all: [Want] { wants.withLock { $0 } }
}

final class RecordedOrders: OrderUpdateSink {
  private let updates = Mutex<[OrderUpdate]>([])
  func publish(_ update: OrderUpdate) { updates.withLock { $0.append(update) } }
  var all: [OrderUpdate] { updates.withLock { $0 } }
}

final class RecordedInvalidations: CacheInvalidationSink {
  private let calls = Mutex<[String]>([])
  func invalidate(userID: String, scope: CacheScope) { calls.withLock { $0.append("\(userID) \(scope.rawValue)") } }
  var all: [String] { calls.withLock { $0 } }
}

/// Waits until the condition holds; false after ten seconds.
func eventually(_ condition: () -> Bool) -> Bool {
  for _ in 0..<10_000 {
    if condition() { return true }
    usleep(1000)
  }
  return condition()
}

func emptyTick(_ instrument: UInt32, _ mode: Mode) -> Tick {
  var tick = Tick()
  tick.instrument = instrument
  tick.mode = mode.rawValue
  return tick
}

final class BusHarness {
  static let infy: UInt32 = 0
  static let nifty: UInt32 = 1
  static let tcs: UInt32 = 2
  static let count = 3

  let registry = InstrumentRegistry(
    [
      instrument(.nse, "INFY"), instrument(.nseIndex, "NIFTY", kind: .index), instrument(.nse, "TCS"),
    ], offers: [DeepOffer(levels: 20, exchanges: [.nse])])
  let ring: TickRing
  let lastValues: LastValueTable
  let wants = RecordedWants()
  let board = FeedBoard(names: ["zerodha", "bus"])
  let orders = RecordedOrders()
  let invalidations = RecordedInvalidations()
  let ingestTicks = TickQueue(capacity: 64)
  let bus: BusService
  var sequencer: TickSequencer

  init(ringCapacity: Int = 1 << 14, adjust: (inout BusConfiguration) -> Void = { _ in }) throws {
    ring = TickRing(capacity: ringCapacity)
    lastValues = LastValueTable(registry)
    sequencer = TickSequencer(ring: ring, lastValues: lastValues)
    var configuration = BusConfiguration()
    configuration.publish = ["tcp://127.0.0.1:*"]
    configuration.ingest = "tcp://127.0.0.1:*"
    // Only for tests that are about it.
    configuration.feedStatusNanos = 3600 * 1_000_000_000
    adjust(&configuration)
    let targets = BusIngestTargets(
      feed: 1, ticks: ingestTicks, sequencerWaker: Waker(), orderSinks: [orders], cacheInvalidation: invalidations)
    bus = BusService(
      configuration: configuration, registry: registry, ring: ring, lastValues: lastValues, wanted: wants,
      board: board, ingest: targets, clock: ManualClock(nanos: 1_795_399_041_000_000_000),
      log: Logger(label: "bus") { _ in SwiftLogNoOpLogHandler() })
    try bus.start()
  }

  deinit { bus.stop() }

  func submit(_ tick: Tick) {
    var tick = tick
    sequencer.submit(&tick, publishedNanos: tick.receivedTime)
    sequencer.flush()
  }

  func hasTopics(_ count: UInt64) -> Bool { eventually { bus.statistics().topics == count } }

  func subscriber(_ topics: String..., queueMax: Int32 = 1000) -> Peer {
    let peer = Peer(ZMQ_SUB, bus.endpoints[0], queueMax: queueMax)
    for topic in topics { peer.subscribe(topic) }
    return peer
  }

  func publisher() -> Peer { Peer(ZMQ_PUB, bus.endpoints[bus.endpoints.count - 1], queueMax: 1000) }
}

/// A socket of another process.
final class Peer {
  private let context: UnsafeMutableRawPointer
  private let socket: UnsafeMutableRawPointer

  init(_ kind: Int32, _ endpoint: String, queueMax: Int32) {
    context = zmq_ctx_new()
    socket = zmq_socket(context, kind)
    set(ZMQ_RCVHWM, queueMax)
    set(ZMQ_LINGER, 1000)
    set(ZMQ_RCVTIMEO, 10_000)
    precondition(zmq_connect(socket, endpoint) == 0, "connect \(endpoint)")
  }

  deinit {
    zmq_close(socket)
    zmq_ctx_term(context)
  }

  private func set(_ option: Int32, _ value: Int32) {
    var value = value
    zmq_setsockopt(socket, option, &value, 4)
  }

  func subscribe(_ topic: String) { zmq_setsockopt(socket, ZMQ_SUBSCRIBE, topic, topic.utf8.count) }
  func unsubscribe(_ topic: String) { zmq_setsockopt(socket, ZMQ_UNSUBSCRIBE, topic, topic.utf8.count) }

  /// Frames of the next message as text; empty when none comes.
  func receive(timeoutMillis: Int32 = 10_000) -> [String] {
    set(ZMQ_RCVTIMEO, timeoutMillis)
    var frames: [String] = []
    var bytes = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = zmq_recv(socket, &bytes, bytes.count, 0)
      if count < 0 { return frames }
      frames.append(String(decoding: bytes[..<Int(count)], as: UTF8.self))
      var more: Int32 = 0
      var size = 4
      zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &size)
      if more == 0 { return frames }
    }
  }

  func send(_ frames: [[UInt8]]) {
    for (index, frame) in frames.enumerated() {
      zmq_send(socket, frame, frame.count, index + 1 < frames.count ? ZMQ_SNDMORE : 0)
    }
  }

  func send(_ frames: String...) { send(frames.map { Array($0.utf8) }) }
}
