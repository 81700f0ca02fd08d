// The bench as the broker: a Kite ticker on a loopback port that one gateway connects to. Ticks are sent on an exact
// schedule, whether or not the gateway keeps up with it (open loop): what could not be sent in time follows at once and
// counts from the time at which it was due. Has a thread of its own; everything public may be called from any thread.

import Glibc
import Market
import Reactor
import Simulator
import Synchronization
import WebSocket

final class KiteFeed: @unchecked Sendable {
  // Unchecked: `firstBytes` is written by the feed's thread alone and read after `stop` has joined it.
  let port: UInt16
  let schedule: BurstSchedule
  let symbols: Int
  fileprivate let packet: FeedPacket
  private let listener: Int32
  fileprivate let startNanos = Atomic<Int64>(.max)
  fileprivate let isStopping = Atomic<Bool>(false)
  /// Instruments that the gateway has subscribed, 0 without a gateway.
  fileprivate let subscribedCount = Atomic<Int>(0)
  fileprivate let burstsSent = Atomic<Int64>(0)
  /// When each burst's first byte was handed to the kernel.
  fileprivate let firstBytes: UnsafeMutablePointer<Int64>
  let burstsMax: Int
  private let thread = OneThread()

  /// - Parameter seconds: longest run, for which times are kept.
  init(port: UInt16, schedule: BurstSchedule, symbols: Int, packet: FeedPacket, seconds: Double) throws {
    (listener, self.port) = try SocketText.listen(host: "127.0.0.1", port: port)
    self.schedule = schedule
    self.symbols = symbols
    self.packet = packet
    burstsMax = Int(seconds * 1e9) / Int(schedule.periodNanos) + 2
    firstBytes = .allocate(capacity: burstsMax)
    firstBytes.initialize(repeating: 0, count: burstsMax)
  }

  deinit {
    close(listener)
    firstBytes.deallocate()
  }

  /// Takes connections from now on; ticks begin with `begin`.
  func start(cpu: Int?) {
    thread.start(name: "feed", cpu: cpu) { [self] in
      // Ticks that leave late would be counted against the server. Refused without privilege, which only costs
      // precision.
      var priority = sched_param(sched_priority: 1)
      _ = sched_setscheduler(0, SCHED_FIFO, &priority)
      do {
        var loop = try FeedThread(self, listener)
        loop.run()
      } catch {
        printError("feed: \(error)")
      }
    }
  }

  var subscribed: Int { subscribedCount.load(ordering: .acquiring) }

  /// The first burst is due at this monotonic time.
  func begin(at nanos: Int64) { startNanos.store(nanos, ordering: .releasing) }

  /// Ends the ticks and the connection.
  func stop() {
    isStopping.store(true, ordering: .releasing)
    thread.join()
  }

  /// Bursts sent, once stopped.
  var burstCount: Int64 { burstsSent.load(ordering: .acquiring) }

  /// When a burst's first byte left, once stopped.
  func firstByteNanos(ofBurst burst: Int64) -> Int64 { firstBytes[Int(burst)] }

  /// The thread's own state.
  fileprivate struct FeedThread {
    private let feed: KiteFeed
    private let listener: Int32
    private let ring: BenchRing
    private var connection: FeedConnection?
    /// Of the connection: what comes late from an earlier one is dropped.
    private var generation = 0
    private var schedule: BurstSchedule
    private let template: [UInt8]
    private let memory: UnsafeMutableRawPointer
    private var symbol = 0
    private let indexByToken: [UInt32: UInt32]

    /// Packets of a frame, as many as instruments on a connection of the real ticker.
    private static let packetsPerFrame = 3000
    private static let pollNanosMax: Int64 = 20_000_000

    init(_ feed: KiteFeed, _ listener: Int32) throws {
      self.feed = feed
      ring = try BenchRing(receiveBuffers: 64, bufferBytes: 65_536)
      ring.accept(listener, 0)
      self.listener = listener
      schedule = feed.schedule
      template = feed.packet.template(nowSeconds: UInt32(clamping: SystemClock().nowNanos() / 1_000_000_000))
      let frames = feed.schedule.size / Self.packetsPerFrame + 1
      memory = .allocate(byteCount: frames * 16 + feed.schedule.size * template.count, alignment: 8)
      let pairs = (0..<feed.symbols).map { (FeedInstruments.token($0), UInt32($0)) }
      indexByToken = Dictionary(uniqueKeysWithValues: pairs)
    }

    mutating func run() {
      while !feed.isStopping.load(ordering: .acquiring) {
        let start = feed.startNanos.load(ordering: .acquiring)
        if schedule.startNanos != start { schedule.startNanos = start }
        let wait = max(0, min(schedule.nextNanos - BenchClock.now(), Self.pollNanosMax))
        let count = ring.turn(timeoutNanos: wait)
        for number in 0..<count { handle(ring.completion(number)) }
        ring.advance(count)
        if connection != nil { tick() }
        if connection?.isHeartbeatDue(BenchClock.now()) ?? false { send([0x82, 1, 0]) }
      }
      connection?.close()
      memory.deallocate()
    }

    private mutating func handle(_ completion: BenchCompletion) {
      switch completion.operation {
      case .accept:
        if !completion.isContinuing { ring.accept(listener, 0) }
        guard completion.result >= 0 else { return }
        leave()
        generation += 1
        connection = FeedConnection(
          descriptor: completion.result, indexByToken: indexByToken, nowNanos: BenchClock.now())
        ring.receive(completion.result, .receive, generation)
      case .receive:
        defer { if completion.buffer >= 0 { ring.giveBack(completion.buffer) } }
        guard completion.index == generation, let connection else { return }
        guard completion.result > 0, completion.buffer >= 0,
          connection.receive(
            UnsafeMutableRawBufferPointer(start: ring.bytes(of: completion.buffer), count: Int(completion.result)))
        else { return leave() }
        feed.subscribedCount.store(connection.session.count, ordering: .releasing)
        if !completion.isContinuing { ring.receive(connection.descriptor, .receive, generation) }
      case .connect, .send, .feed, .other, nil: break
      }
    }

    private mutating func leave() {
      connection?.close()
      connection = nil
      feed.subscribedCount.store(0, ordering: .releasing)
    }

    private mutating func send(_ bytes: [UInt8]) { bytes.withUnsafeBytes { send($0) } }

    private mutating func send(_ bytes: UnsafeRawBufferPointer) {
      guard let descriptor = connection?.descriptor else { return }
      do {
        try SocketText.sendAll(descriptor, bytes)
        connection?.session.onSent(nowNanos: BenchClock.now())
      } catch {
        printError("feed: \(error)")
        leave()
      }
    }

    /// Every burst that is due, one after the other.
    private mutating func tick() {
      let first = schedule.taken
      let count = schedule.take(nowNanos: BenchClock.now())
      for burst in first..<first + count {
        guard burst < feed.burstsMax else { return }
        let bytes = build(burst)
        feed.firstBytes[Int(burst)] = BenchClock.now()
        send(UnsafeRawBufferPointer(start: memory, count: bytes))
        feed.burstsSent.store(burst + 1, ordering: .releasing)
      }
    }

    /// The frames of a burst.
    private mutating func build(_ burst: Int64) -> Int {
      var at = 0
      var number = burst * Int64(schedule.size)
      var left = schedule.size
      while left > 0 {
        let packets = min(left, Self.packetsPerFrame)
        at += FrameWriter.writeHeader(.binary, payloadCount: 2 + packets * template.count, to: memory + at)
        (memory + at).storeBytes(of: UInt16(packets).bigEndian, as: UInt16.self)
        at += 2
        template.withUnsafeBytes { template in
          for _ in 0..<packets {
            let packet = memory + at
            packet.copyMemory(from: template.baseAddress!, byteCount: template.count)
            packet.storeBytes(of: FeedInstruments.token(symbol).bigEndian, toByteOffset: 2, as: UInt32.self)
            let price = Int32(truncatingIfNeeded: TickNumber.basePaise + number)
            packet.storeBytes(of: price.bigEndian, toByteOffset: 6, as: Int32.self)
            at += template.count
            number += 1
            symbol = symbol + 1 == feed.symbols ? 0 : symbol + 1
          }
        }
        left -= packets
      }
      return at
    }
  }
}
