// The taking side: messages of other processes from the SUB socket to the sequencer, the order sinks and the cache
// owners. Owned by the bus thread. What is not understood is counted by reason and skipped; nothing here waits.

import CZMQ
import Glibc
import Market
import TickRing

struct BusIngest: ~Copyable {
  /// Messages taken in one turn, so that publishing waits a bounded time.
  private static let messagesPerTurnMax = 256
  /// Beyond this a frame is not even received: the library disconnects its sender.
  private static let frameBytesMax: Int64 = 16 << 20

  let socket: ZeroMQSocket
  private let targets: BusIngestTargets
  private let counters: BusCounters
  private let board: FeedBoard
  private let decoder: IngestDecoder
  /// Topic, payload, and whatever else a peer sends.
  private let frames: UnsafeMutablePointer<zmq_msg_t>
  private let tick: UnsafeMutablePointer<Tick>
  private static let framesKept = 3

  init(
    socket: consuming ZeroMQSocket, targets: BusIngestTargets, registry: InstrumentRegistry, board: FeedBoard,
    counters: BusCounters
  ) {
    self.socket = socket
    self.targets = targets
    self.counters = counters
    self.board = board
    decoder = IngestDecoder(registry: registry, feed: targets.feed)
    frames = .allocate(capacity: Self.framesKept)
    for index in 0..<Self.framesKept {
      (frames + index).initialize(to: zmq_msg_t())
      zmq_msg_init(frames + index)
    }
    tick = .allocate(capacity: 1)
    tick.initialize(to: Tick())
  }

  deinit {
    for index in 0..<Self.framesKept { zmq_msg_close(frames + index) }
    frames.deallocate()
    tick.deallocate()
  }

  static func configure(_ socket: borrowing ZeroMQSocket, _ configuration: BusConfiguration) throws(BusError) {
    try socket.set(ZMQ_RCVHWM, configuration.receiveQueueMax)
    try socket.set(ZMQ_LINGER, 0)
    try socket.setMessageBytesMax(frameBytesMax)
    try socket.subscribeToAll()
  }

  /// Takes the messages that have arrived.
  /// - Returns: messages taken.
  mutating func takeMessages(nowNanos: Int64) -> Int {
    var taken = 0
    var ticks = 0
    while taken < Self.messagesPerTurnMax {
      let count = receive()
      if count == 0 { break }
      taken += 1
      if count != 2 {
        counters.drop(.frameCount)
      } else if handle(nowNanos: nowNanos) {
        ticks += 1
      }
    }
    if ticks > 0 {
      let feed = Int(targets.feed)
      if board.state(of: feed) != .live { board.set(.live, of: feed, now: nowNanos) }
      board.touch(feed, now: nowNanos)
      targets.sequencerWaker?.wake()
      counters.ticksIngested.add(UInt64(ticks))
    }
    return taken
  }

  /// Receives one message whole; frames beyond the second are read over one another.
  /// - Returns: its frames, 0 when none has arrived.
  private func receive() -> Int {
    var count = 0
    while true {
      let frame = frames + min(count, Self.framesKept - 1)
      if zmq_msg_recv(frame, socket.handle, ZMQ_DONTWAIT) < 0 {
        if zmq_errno() == EINTR { continue }
        return count
      }
      count += 1
      if zmq_msg_more(frame) == 0 { return count }
    }
  }

  /// Acts on the two frames received.
  /// - Returns: whether a tick went to the sequencer.
  private func handle(nowNanos: Int64) -> Bool {
    let topic = UnsafeRawBufferPointer(start: zmq_msg_data(frames), count: zmq_msg_size(frames))
    let payload = UnsafeRawBufferPointer(start: zmq_msg_data(frames + 1), count: zmq_msg_size(frames + 1))
    switch decoder.decode(topic: topic, payload: payload, nowNanos: nowNanos, into: tick) {
    case .tick:
      guard let queue = targets.ticks else {
        counters.drop(.notWanted)
        return false
      }
      if queue.push(tick) { return true }
      counters.drop(.queueFull)
    case .orderUpdate(let update):
      if targets.orderSinks.isEmpty { counters.drop(.notWanted) } else { counters.ordersIngested.add() }
      for sink in targets.orderSinks { sink.publish(update) }
    case .invalidation(let userID, let scope):
      guard let sink = targets.cacheInvalidation else {
        counters.drop(.notWanted)
        return false
      }
      sink.invalidate(userID: userID, scope: scope)
      counters.invalidations.add()
    case .dropped(let reason):
      counters.drop(reason)
    }
    return false
  }
}
