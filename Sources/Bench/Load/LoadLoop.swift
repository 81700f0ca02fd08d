// The load: many clients on one thread and one ring. Sets them up, lets ticks run, measures, and stops. Market data is
// found by searching the bytes, so that a generator costs little beside the server. Setting up is in
// LoadLoop+SetUp.swift.

import CLinux
import CUring
import Glibc
import Histogram

final class LoadLoop {
  enum Stage { case settingUp, holding, feedStarting, running, draining, done }

  let plan: LoadPlan
  let dialect: LoadDialect
  let feed: KiteFeed?
  let ring: BenchRing
  let clients: UnsafeMutablePointer<LoadClient>
  let count: Int
  var stage = Stage.settingUp
  var result = LoadResult()

  // Setting up.
  var setUps: [LoadSetUp?]
  var opened = 0
  var inSetUp = 0
  var runningCount = 0
  var retryNanos: Int64 = 0
  let startedNanos: Int64
  var stageNanos: Int64
  let usageAtStart: ProcessUsage?
  let address: UnsafeMutablePointer<sockaddr_in>

  // Measuring.
  private var tally: LoadTally
  private var measureStart: Int64 = .max
  private var measureEnd: Int64 = .max
  private var isMeasuring = false
  private var cpuAtStart: Int64 = 0
  private var usageBefore: ProcessUsage?
  private var nextSweepNanos: Int64 = 0
  private var nextProgressNanos: Int64 = 0
  private var slowBudget = 0.0
  private var slowSeen: UInt64 = 0
  private let slowMemory: UnsafeMutableRawPointer

  static let sweepNanos: Int64 = 20_000_000
  private static let progressNanos: Int64 = 5_000_000_000
  private static let drainNanos: Int64 = 1_000_000_000
  /// Between the order to begin and the feed's first burst.
  private static let leadNanos: Int64 = 200_000_000
  private static let slowChunkBytes = 4096
  static let slowShare = 0.01

  init(_ plan: LoadPlan, feed: KiteFeed?) throws {
    self.plan = plan
    self.feed = feed
    dialect = plan.dialect
    count = plan.clientsTotal
    // Room for a piece from every client in a turn, but little enough to stay in the caches.
    var buffers = 64
    while buffers < 2 * count, buffers < 4096 { buffers *= 2 }
    ring = try BenchRing(receiveBuffers: buffers, bufferBytes: max(4096, min(65_536, (8 << 20) / buffers)))
    clients = .allocate(capacity: count)
    for number in 0..<count {
      let kind: LoadClient.Kind =
        number < plan.clients ? .healthy : number < plan.clients + plan.slow ? .slow : .stalled
      (clients + number).initialize(to: LoadClient(kind: kind, slots: SymbolSlots(symbols: plan.symbolsPerClient)))
    }
    setUps = Array(repeating: nil, count: count)
    startedNanos = BenchClock.now()
    stageNanos = startedNanos
    usageAtStart = plan.pid.flatMap { ProcessUsage(pid: $0) }
    address = .allocate(capacity: 1)
    address.initialize(to: try SocketText.address(plan.host, plan.port))
    slowMemory = .allocate(byteCount: Self.slowChunkBytes, alignment: 8)
    tally = LoadTally(dialect, feed)
  }

  func run() -> LoadResult {
    while stage != .done {
      let wait = stage == .settingUp ? 1_000_000 : max(0, nextSweepNanos - BenchClock.now())
      let count = ring.turn(timeoutNanos: wait)
      for number in 0..<count { handle(ring.completion(number)) }
      ring.advance(count)
      let now = BenchClock.now()
      if stage == .settingUp { openMore(now) }
      if now >= nextSweepNanos {
        nextSweepNanos = now + Self.sweepNanos
        sweep(now)
      }
    }
    feed?.stop()
    for number in 0..<self.count where clients[number].descriptor >= 0 { close(clients[number].descriptor) }
    return result
  }

  func fail(_ problem: String) {
    if stage == .draining || stage == .done { return }
    result.problem = problem
    stage = .done
  }

  // MARK: Completions

  private func handle(_ completion: BenchCompletion) {
    switch completion.operation {
    case .connect: onConnect(completion)
    case .receive:
      receive(completion)
      if completion.buffer >= 0 { ring.giveBack(completion.buffer) }
    case .accept, .send, .feed, .other, nil: break
    }
  }

  private func receive(_ completion: BenchCompletion) {
    let client = clients + completion.index
    guard completion.result > 0, completion.buffer >= 0 else {
      switch completion.result {
      case -ENOBUFS, -EAGAIN, -EINTR: arm(completion.index)
      case 0: end(completion.index, "the server ended a connection")
      default: end(completion.index, "a connection failed: \(String(cString: strerror(-completion.result)))")
      }
      return
    }
    let bytes = UnsafeRawBufferPointer(start: ring.bytes(of: completion.buffer), count: Int(completion.result))
    read(completion.index, client, bytes)
    if !completion.isContinuing { arm(completion.index) }
  }

  /// Reads on, as the kind of the client has it.
  func arm(_ number: Int) {
    let client = clients + number
    if client.pointee.phase == .closed { return }
    if client.pointee.phase == .running {
      if client.pointee.kind == .healthy { ring.receive(client.pointee.descriptor, .receive, number) }
      return
    }
    let entry = ring.entry(.receive, number)
    io_uring_prep_recv(entry, client.pointee.descriptor, nil, 0, 0)
    entry.pointee.flags |= UInt8(1 << IOSQE_BUFFER_SELECT_BIT)
    entry.pointee.buf_group = BenchRing.receiveGroup
  }

  private func end(_ number: Int, _ problem: String) {
    let client = clients + number
    let isRunning = client.pointee.phase == .running
    client.pointee.phase = .closed
    if client.pointee.kind == .healthy || !isRunning { fail(problem) }
  }

  private func read(_ number: Int, _ client: UnsafeMutablePointer<LoadClient>, _ bytes: UnsafeRawBufferPointer) {
    var chunk = bytes
    if client.pointee.phase == .upgrading {
      guard let consumed = shakeHands(number, chunk) else { return }
      chunk = UnsafeRawBufferPointer(rebasing: chunk[consumed...])
    }
    let now = BenchClock.now()
    client.pointee.reader.receive(chunk)
    while true {
      switch client.pointee.reader.next() {
      case .message(let message):
        if client.pointee.phase == .running { tally.take(message, client, now) } else { control(number, message) }
      case .ping(let payload): answerPing(client.pointee.descriptor, payload)
      case .pong: break
      case .close(let payload):
        let reason = String(decoding: payload.dropFirst(2), as: UTF8.self)
        return end(number, "closed by the server: \(reason)")
      case .broken: return fail("a frame that no server should send")
      case .needMore: return
      }
    }
  }

  // MARK: Stages

  private func sweep(_ now: Int64) {
    switch stage {
    case .settingUp:
      let allowed = plan.waitNanos + plan.setUpNanos
      if now - startedNanos > allowed { fail("set-up took too long: \(runningCount) of \(count) clients") }
    case .holding:
      guard now >= stageNanos + plan.holdNanos else { return }
      stage = .feedStarting
      stageNanos = now
    case .feedStarting: startFeed(now)
    case .running: watch(now)
    case .draining:
      readSlow()
      if now >= stageNanos + Self.drainNanos { conclude() }
    case .done: break
    }
  }

  /// Called when the last client has subscribed.
  func setUpDone() {
    stage = .holding
    stageNanos = BenchClock.now()
    result.setUpSeconds = Double(stageNanos - startedNanos) / 1e9
  }

  private func startFeed(_ now: Int64) {
    guard let feed else { return begin(at: now) }
    let wanted = Set((0..<plan.clientsTotal).flatMap { plan.symbols(of: $0) }).count
    if feed.subscribed >= wanted { return begin(at: now + Self.leadNanos) }
    if now - stageNanos > plan.setUpNanos { fail("the gateway subscribed \(feed.subscribed) of \(wanted) symbols") }
  }

  private func begin(at start: Int64) {
    stage = .running
    feed?.begin(at: start)
    tally.startNanos = start
    measureStart = start + plan.warmUpNanos
    measureEnd = measureStart + plan.measureNanos
  }

  private func watch(_ now: Int64) {
    readSlow()
    if !isMeasuring, now >= measureStart { beginMeasuring(now) }
    guard isMeasuring else { return }
    if now >= measureEnd { return endMeasuring(now) }
    if now >= nextProgressNanos {
      nextProgressNanos = now + Self.progressNanos
      let messages = (0..<plan.clients).reduce(UInt64(0)) { $0 + clients[$1].messages }
      let seconds = Double(now - measureStart) / 1e9
      printError("  \(Int(seconds)) s: \(Int(Double(messages) / seconds)) deliveries/s")
    }
  }

  private func beginMeasuring(_ now: Int64) {
    isMeasuring = true
    measureStart = now
    measureEnd = now + plan.measureNanos
    nextProgressNanos = now + Self.progressNanos
    for number in 0..<count {
      clients[number].messages = 0
      clients[number].bytes = 0
      clients[number].missing = 0
      clients[number].disordered = 0
    }
    slowSeen = 0
    tally.reset(now)
    usageBefore = plan.pid.flatMap { ProcessUsage(pid: $0) }
    cpuAtStart = tg_thread_cpu_nanos()
  }

  private func endMeasuring(_ now: Int64) {
    result.cpuNanos = tg_thread_cpu_nanos() - cpuAtStart
    result.seconds = Double(now - measureStart) / 1e9
    if let pid = plan.pid, let before = usageBefore, let after = ProcessUsage(pid: pid) {
      result.server?.cpuNanos = after.cpuNanos - before.cpuNanos
      result.server?.residentBefore = before.residentBytes
      result.server?.residentAfter = after.residentBytes
      result.server?.residentPeak = after.residentPeakBytes
    }
    markClosed()
    result.healthy = GroupResult(clients(.healthy))
    result.slow = GroupResult(clients(.slow))
    result.stalled = GroupResult(clients(.stalled))
    tally.freeze(now)
    stage = .draining
    stageNanos = now
    feed?.stop()
  }

  private func conclude() {
    result.silent = clients(.healthy).reduce(0) { $0 + plan.symbolsPerClient - $1.slots.count }
    tally.conclude(clients(.healthy), &result)
    stage = .done
  }

  private func clients(_ kind: LoadClient.Kind) -> [LoadClient] {
    (0..<count).map { clients[$0] }.filter { $0.kind == kind }
  }

  // MARK: Clients that do not keep up

  /// Lets slow clients read a hundredth of what a healthy one has got.
  private func readSlow() {
    guard plan.slow > 0 else { return }
    let bytes = (0..<plan.clients).reduce(UInt64(0)) { $0 + clients[$1].bytes } / UInt64(max(1, plan.clients))
    slowBudget += Double(bytes &- min(bytes, slowSeen)) * Self.slowShare
    slowSeen = bytes
    let share = min(Int(slowBudget), Self.slowChunkBytes)
    guard share > 0 else { return }
    slowBudget -= Double(share)
    for number in plan.clients..<plan.clients + plan.slow where clients[number].phase == .running {
      let got = recv(clients[number].descriptor, slowMemory, share, Int32(MSG_DONTWAIT))
      if got > 0 {
        read(number, clients + number, UnsafeRawBufferPointer(start: slowMemory, count: got))
      } else if got == 0 || errno != EAGAIN {
        clients[number].phase = .closed
      }
    }
  }

  /// Finds clients that nobody reads and that the server has ended.
  private func markClosed() {
    for number in plan.clients..<count where clients[number].phase == .running {
      // POLLRDHUP, which Glibc's module does not export.
      var item = pollfd(fd: clients[number].descriptor, events: 0x2000, revents: 0)
      if poll(&item, 1, 0) > 0 { clients[number].phase = .closed }
    }
  }
}
