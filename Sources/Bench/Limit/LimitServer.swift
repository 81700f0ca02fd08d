// The limit server's loop: accept, set up, and when ticks are due hand them out. One thread, pinned on request.

import CLinux
import Glibc
import Market

/// What the server is asked to do.
struct LimitPlan: Sendable {
  var host: String
  var port: UInt16
  var way: SendWay
  var areFilesFixed: Bool
  /// Subscribed clients with which the ticks begin.
  var clients: Int
  var schedule: BurstSchedule
  /// Ticks come from the bench's feed on this port instead.
  var feedPort: UInt16?
  var feedSymbols: Int
  var hasSequence: Bool
  var messageBytes: Int
  var warmUpNanos: Int64
  /// 0: until the first client leaves.
  var measureNanos: Int64
}

/// Own figures over the measured time.
struct LimitResult: Sendable {
  var deliveries: UInt64 = 0
  var ticks: UInt64 = 0
  var sends: UInt64 = 0
  var dropped: UInt64 = 0
  var cpuNanos: Int64 = 0
  var nanos: Int64 = 0
}

final class LimitServer {
  private let plan: LimitPlan
  private let ring: BenchRing
  private let sender: LimitSender
  private var sessions: [Int: LimitSession] = [:]
  private var freePlaces: [Int]
  private var subscribed: Set<Int> = []
  private var schedule: BurstSchedule

  // Symbols in the order in which they were first asked for, and who wants them.
  private var symbols: [InstrumentKey: Int] = [:]
  private var templates: UnsafeMutablePointer<TickTemplate>
  private var lists: [[UInt32]] = []
  /// Whose turn comes when. Not the order above, in which one client's symbols are neighbours and would make a burst of
  /// its own.
  private var order: [Int] = []
  private var feed: LimitFeed?
  /// By instrument of the feed: its place above, -1 for nobody's.
  private var symbolOfFeed: [Int] = []
  private var ticksBeganNanos: Int64 = .max
  private var ticks: UInt64 = 0

  private var atStart: LimitResult?
  private(set) var result: LimitResult?
  private let report: (LimitResult) -> Void

  private static let symbolsMax = 100_000
  /// Plain sends to full sockets are tried again after this.
  private static let retryNanos: Int64 = 1_000_000
  private static let sleepNanosMax: Int64 = 100_000_000

  /// Binds the port; to be called on the thread that will `run`.
  init(_ plan: LimitPlan, report: @escaping (LimitResult) -> Void) throws {
    self.plan = plan
    self.report = report
    schedule = plan.schedule
    let places = plan.clients + 64
    freePlaces = Array((0..<places).reversed())
    ring = try BenchRing(receiveBuffers: 256, bufferBytes: 65_536)
    sender = try LimitSender(plan.way, ring: ring, clientsMax: places, areFilesFixed: plan.areFilesFixed)
    templates = .allocate(capacity: Self.symbolsMax)
    let listener = try SocketText.listen(host: plan.host, port: plan.port)
    port = listener.port
    descriptor = listener.descriptor
    ring.accept(descriptor, 0)
  }

  let port: UInt16
  private let descriptor: Int32

  /// Runs until every client has come and gone.
  func run() throws {
    var isBlocked = false
    while true {
      let now = BenchClock.now()
      let longest = isBlocked ? Self.retryNanos : Self.sleepNanosMax
      let wait = max(0, min(schedule.nextNanos - now, longest))
      let count = ring.turn(timeoutNanos: wait)
      for number in 0..<count { try handle(ring.completion(number)) }
      ring.advance(count)
      if schedule.startNanos != .max { emit() }
      isBlocked = sender.flush()
      if judge(), sessions.isEmpty { return }
    }
  }

  // MARK: Ticks

  private func emit() {
    let first = schedule.nextTick
    let bursts = schedule.take(nowNanos: BenchClock.now())
    if bursts == 0 || order.isEmpty { return }
    let end = first + bursts * Int64(schedule.size)
    var place = Int(first % Int64(order.count))
    for number in first..<end {
      spread(number, order[place])
      place = place + 1 == order.count ? 0 : place + 1
    }
    ticks += UInt64(end - first)
  }

  private func receiveFeed(_ completion: BenchCompletion) throws {
    guard let descriptor = feed?.descriptor else { return }
    guard completion.result > 0, completion.buffer >= 0 else {
      // The feed ends before the clients do.
      if completion.result == -ENOBUFS { ring.receive(descriptor, .feed, 0) }
      return
    }
    feed?.reader.receive(
      UnsafeRawBufferPointer(start: ring.bytes(of: completion.buffer), count: Int(completion.result)))
    while case .message(let frame)? = feed?.reader.next() {
      if ticksBeganNanos == .max { ticksBeganNanos = BenchClock.now() }
      LimitFeed.forEach(frame) { index, number in
        ticks &+= 1
        guard index < symbolOfFeed.count, symbolOfFeed[index] >= 0 else { return }
        spread(number, symbolOfFeed[index])
      }
    }
    if !completion.isContinuing { ring.receive(descriptor, .feed, 0) }
  }

  @inline(__always) private func spread(_ number: Int64, _ symbol: Int) {
    templates[symbol].patch(number: number)
    let count = templates[symbol].count
    let frame = sender.share(templates[symbol].frame, count)
    lists[symbol].withUnsafeBufferPointer { clients in
      for client in clients { sender.hand(frame, count, to: Int(client)) }
    }
  }

  // MARK: Measuring

  /// Notes the beginning and the end of the measured time.
  /// - Returns: whether it is over.
  private func judge() -> Bool {
    guard ticksBeganNanos != .max else { return false }
    let now = BenchClock.now()
    if let atStart {
      if result == nil, plan.measureNanos > 0, now >= atStart.nanos + plan.measureNanos { finish(atStart) }
    } else if now >= ticksBeganNanos + plan.warmUpNanos {
      atStart = figures()
    }
    return result != nil
  }

  private func figures() -> LimitResult {
    LimitResult(
      deliveries: sender.delivered, ticks: ticks, sends: sender.sends, dropped: sender.dropped,
      cpuNanos: tg_thread_cpu_nanos(), nanos: BenchClock.now())
  }

  private func finish(_ start: LimitResult) {
    let end = figures()
    let difference = LimitResult(
      deliveries: end.deliveries - start.deliveries, ticks: end.ticks - start.ticks, sends: end.sends - start.sends,
      dropped: end.dropped - start.dropped, cpuNanos: end.cpuNanos - start.cpuNanos, nanos: end.nanos - start.nanos)
    result = difference
    report(difference)
  }

  // MARK: Connections

  private func handle(_ completion: BenchCompletion) throws {
    switch completion.operation {
    case .accept:
      if completion.result >= 0 { try open(completion.result) }
      if !completion.isContinuing { ring.accept(descriptor, 0) }
    case .receive:
      try receive(completion)
      if completion.buffer >= 0 { ring.giveBack(completion.buffer) }
    case .send: sender.onSend(completion)
    case .feed:
      try receiveFeed(completion)
      if completion.buffer >= 0 { ring.giveBack(completion.buffer) }
    case .connect, .other, nil: break
    }
  }

  private func open(_ accepted: Int32) throws {
    guard let place = freePlaces.popLast() else {
      close(accepted)
      return
    }
    sessions[place] = LimitSession(descriptor: accepted)
    try sender.open(place, descriptor: accepted)
    ring.receive(accepted, .receive, place)
  }

  private func receive(_ completion: BenchCompletion) throws {
    let place = completion.index
    guard let session = sessions[place] else { return }
    let descriptor = sender.targets[place].descriptor
    guard completion.result > 0, completion.buffer >= 0 else {
      if completion.result == -ENOBUFS { return ring.receive(descriptor, .receive, place) }
      return leave(place)
    }
    let bytes = UnsafeMutableRawBufferPointer(start: ring.bytes(of: completion.buffer), count: Int(completion.result))
    switch try session.receive(bytes) {
    case .more: break
    case .subscribe(let keys): try subscribe(place, keys)
    case .close: return leave(place)
    }
    if !completion.isContinuing { ring.receive(descriptor, .receive, place) }
  }

  private func leave(_ place: Int) {
    if result == nil, let atStart { finish(atStart) }
    sessions[place] = nil
    // The place is not used again: sends of it may still be under way.
    let descriptor = sender.targets[place].descriptor
    sender.close(place)
    subscribed.remove(place)
    for symbol in lists.indices { lists[symbol].removeAll { $0 == UInt32(place) } }
    shutdown(descriptor, Int32(SHUT_RDWR))
    close(descriptor)
  }

  private func subscribe(_ place: Int, _ keys: [InstrumentKey]) throws {
    for key in keys {
      let symbol = symbols[key] ?? add(key)
      lists[symbol].append(UInt32(place))
    }
    subscribed.insert(place)
    if subscribed.count == plan.clients, order.isEmpty { try begin() }
  }

  private func begin() throws {
    var generator = SplitMix(seed: 1)
    order = Array(lists.indices)
    for place in order.indices { order.swapAt(place, place + generator.below(order.count - place)) }
    guard let port = plan.feedPort else {
      schedule.startNanos = BenchClock.now()
      ticksBeganNanos = schedule.startNanos
      return
    }
    symbolOfFeed = Array(repeating: -1, count: plan.feedSymbols)
    for (key, symbol) in symbols {
      if let index = FeedInstruments.index(of: key), index < plan.feedSymbols { symbolOfFeed[index] = symbol }
    }
    let connected = try LimitFeed(port: port, symbols: plan.feedSymbols)
    feed = connected
    ring.receive(connected.descriptor, .feed, 0)
  }

  private func add(_ key: InstrumentKey) -> Int {
    let symbol = lists.count
    precondition(symbol < Self.symbolsMax, "more than \(Self.symbolsMax) symbols")
    (templates + symbol).initialize(
      to: TickTemplate(
        key, messageBytes: plan.messageBytes, hasSequence: plan.hasSequence,
        epochMillis: SystemClock().nowNanos() / 1_000_000))
    symbols[key] = symbol
    lists.append([])
    return symbol
  }
}
