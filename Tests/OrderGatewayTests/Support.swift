import Foundation
import Market
import OrderGateway
import Sandbox
import ServiceLifecycle
import Synchronization
import Testing
import TickRing

// A gateway on a free port with a feed that the test drives.

let rupee = Price.scale

/// The sequencer of the test: any thread may tick, one at a time.
final class FakeFeed: Sendable {
  let ring: TickRing
  let lastValues: LastValueTable
  let board = FeedBoard(names: ["fake"])
  let clock: ManualClock
  private let sequencer: Mutex<TickSequencer>

  init(instruments: Int, clock: ManualClock, ringCapacity: Int = 1024) {
    ring = TickRing(capacity: ringCapacity)
    lastValues = LastValueTable(count: instruments)
    self.clock = clock
    sequencer = Mutex(TickSequencer(ring: ring, lastValues: lastValues))
    board.set(.live, of: 0, now: clock.nowNanos())
  }

  /// One depth tick, prices in rupees; bid and ask are half a rupee away.
  func tick(_ instrument: UInt32, _ ltp: Double, receivedNanos: Int64? = nil) {
    ticks([(instrument, ltp)], receivedNanos: receivedNanos)
  }

  /// Several ticks that become visible as the sequencer's batches end.
  func ticks(_ prices: [(instrument: UInt32, ltp: Double)], receivedNanos: Int64? = nil) {
    let received = receivedNanos ?? clock.nowNanos()
    sequencer.withLock { sequencer in
      for (instrument, ltp) in prices {
        var tick = Tick()
        let price = Int64((ltp * 100).rounded()) * (rupee / 100)
        tick.instrument = instrument
        tick.mode = Mode.depth.rawValue
        tick.presence = (Presence.ltp.union(.bestBid).union(.bestAsk).union(.ohlc).union(.volume)).rawValue
        tick.receivedTime = received
        tick.ltp = price
        tick.open = price
        tick.high = price + rupee
        tick.low = price - rupee
        tick.close = price - 2 * rupee
        tick.volume = 12_345
        tick.bidPrice = price - rupee / 2
        tick.askPrice = price + rupee / 2
        sequencer.submit(&tick, publishedNanos: received)
      }
      sequencer.flush()
    }
  }
}

/// Counts what is wanted; `onFirst` plays the feed that begins to send.
final class FakeWants: WantedSubscriptions {
  private let counts = Mutex<[UInt32: Int]>([:])
  private let onFirst: @Sendable (UInt32) -> Void

  init(onFirst: @escaping @Sendable (UInt32) -> Void = { _ in }) { self.onFirst = onFirst }

  func apply(_ wants: [Want]) {
    for want in wants {
      let count = counts.withLock { counts in
        counts[want.instrument, default: 0] += Int(want.delta)
        return counts[want.instrument]!
      }
      if want.delta > 0, count == 1 { onFirst(want.instrument) }
    }
  }

  func count(_ instrument: UInt32) -> Int { counts.withLock { $0[instrument] ?? 0 } }
}

final class FakeSink: OrderUpdateSink {
  private let received = Mutex<[OrderUpdate]>([])
  func publish(_ update: OrderUpdate) { received.withLock { $0.append(update) } }
  var updates: [OrderUpdate] { received.withLock { $0 } }
  var statuses: [String] {
    updates.map { update in
      let object = (try? JSONSerialization.jsonObject(with: Data(update.json))) as? [String: Any]
      return object?["order_status"] as? String ?? "?"
    }
  }
}

/// A new directory, removed with its owner.
final class Scratch: Sendable {
  let path: String

  init() {
    path = "\(NSTemporaryDirectory())/tickgate-\(UUID().uuidString)"
    try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// Monday 2026-11-23, 10:15 IST.
let morning = ISTTime.epochNanos(day: CivilDate(year: 2026, month: 11, dayOfMonth: 23)!.day, minuteOfDay: 615)

let testRegistry = InstrumentRegistry([
  Instrument(key: InstrumentKey(.nse, "RELIANCE"), name: "RELIANCE", tickSize: rupee / 20, kind: .equity),
  Instrument(key: InstrumentKey(.nse, "TCS"), name: "TCS", tickSize: rupee / 20, kind: .equity),
  Instrument(key: InstrumentKey(.nse, "SBIN"), name: "SBIN", tickSize: rupee / 20, kind: .equity),
  Instrument(key: InstrumentKey(.nseIndex, "NIFTY"), name: "NIFTY", tickSize: rupee / 20, kind: .index),
])

let reliance: UInt32 = 0
let tcs: UInt32 = 1
let sbin: UInt32 = 2

/// Everything a running gateway needs, and the gateway.
struct Desk: Sendable {
  let scratch: Scratch
  let clock: ManualClock
  let feed: FakeFeed
  let wants: FakeWants
  let sink = FakeSink()
  let keys: KeyStore
  let key: String
  let client: HTTPClient
  let service: OrderGatewayService
  private let group: ServiceGroup
  private let running: Task<Void, any Error>

  struct Options {
    var scratch = Scratch()
    var calendar = SessionCalendar.alwaysOpen
    var ringCapacity = 1024
    var recordLog: (any RecordLog)?
    var configure: (inout OrderGatewayConfiguration) -> Void = { _ in }
    /// Price in rupees with which a newly wanted instrument begins to tick.
    var firstPrice: Double?
    var key: String?
  }

  init(_ options: Options = Options()) async throws {
    scratch = options.scratch
    let clock = ManualClock(nanos: morning)
    self.clock = clock
    let feed = FakeFeed(instruments: testRegistry.count, clock: clock, ringCapacity: options.ringCapacity)
    self.feed = feed
    let firstPrice = options.firstPrice
    wants = FakeWants { instrument in
      if let firstPrice { feed.tick(instrument, firstPrice) }
    }
    keys = try KeyStore(stateDirectory: scratch.path, clock: clock)
    key = try options.key ?? keys.add(name: "asha")
    var configuration = OrderGatewayConfiguration(stateDirectory: scratch.path)
    configuration.port = 0
    configuration.ordersPerSecond = 0
    configuration.requestsPerSecond = 0
    configuration.quoteWaitNanos = 300_000_000
    configuration.quoteRefreshNanos = 100_000_000
    options.configure(&configuration)
    let (ports, portKnown) = AsyncStream.makeStream(of: Int.self)
    let service = try OrderGatewayService(
      configuration: configuration,
      surroundings: OrderGatewaySurroundings(
        registry: testRegistry, ring: feed.ring, lastValues: feed.lastValues, board: feed.board, wanted: wants,
        calendar: options.calendar, clock: clock, keys: keys, sinks: [sink],
        log: quietLogger),
      recordLog: options.recordLog, onRunning: { portKnown.yield($0) })
    self.service = service
    let group = ServiceGroup(services: [service], logger: quietLogger)
    self.group = group
    running = Task { try await group.run() }
    let failure = Task { [running] in
      do { try await running.value } catch { portKnown.finish() }
    }
    var port: Int?
    for await known in ports {
      port = known
      break
    }
    failure.cancel()
    guard let port else {
      try await running.value
      throw CancellationError()
    }
    client = HTTPClient(port: port)
  }

  /// Graceful shutdown.
  func stop() async throws {
    await group.triggerGracefulShutdown()
    try await running.value
  }

  func post(_ endpoint: String, _ members: String = "") async -> HTTPReply {
    await client.post(endpoint, #"{"apikey":"\#(key)"\#(members.isEmpty ? "" : "," + members)}"#)
  }

  /// An order for a share on NSE with the members that matter to the test.
  func place(_ symbol: String, _ action: String, _ quantity: String, _ more: String = "") async -> HTTPReply {
    await post(
      "placeorder",
      #""strategy":"t","exchange":"NSE","symbol":"\#(symbol)","action":"\#(action)","quantity":\#(quantity)"#
        + (more.isEmpty ? "" : "," + more))
  }

  /// Waits until the condition holds; false after five seconds.
  func eventually(_ condition: () async -> Bool) async -> Bool {
    for _ in 0..<1000 {
      if await condition() { return true }
      try? await Task.sleep(for: .milliseconds(5))
    }
    return false
  }
}
