// The publishing side: ticks and order updates to the XPUB socket, subscriptions back from it. Owned by the bus
// thread. Per tick nothing of ours allocates (the library does, for each message), locks or waits.
//
// A full subscriber must neither hold up the others nor lose messages unseen. The socket is therefore kept in the mode
// in which it refuses a message when a matching subscriber is full: the refusal is counted, and the same message sent
// again in the mode that drops it for that subscriber only.

import CZMQ
import Glibc
import Market
import TickRing

struct BusPublisher: ~Copyable {
  /// Longest subscription frame; a peer that sends a longer one is disconnected.
  private static let subscriptionBytesMax = 4096
  /// Subscription frames taken in one turn, so that ticks wait a bounded time.
  private static let framesPerTurnMax = 1024

  let socket: ZeroMQSocket
  private let counters: BusCounters
  private let lastValues: LastValueTable
  private var book: SubscriptionBook
  private var topics: TopicTable
  /// Of every feed, for its state; and whether somebody can match it.
  private let statusTopics: [[UInt8]]
  private var statusMatches: [Bool]
  /// Whether somebody can match one of them.
  private(set) var hasStatusSubscribers = false
  private var encoder: TickEncoder
  private let payload: UnsafeMutableRawPointer
  private let frame: UnsafeMutableRawBufferPointer

  init(
    socket: consuming ZeroMQSocket, registry: InstrumentRegistry, lastValues: LastValueTable, feedNames: [String],
    counters: BusCounters
  ) {
    self.socket = socket
    self.counters = counters
    self.lastValues = lastValues
    book = SubscriptionBook(registry: registry)
    topics = TopicTable(registry: registry)
    statusTopics = feedNames.map { Array(Topics.status(ofFeed: $0).utf8) }
    statusMatches = feedNames.map { _ in false }
    let encoder = TickEncoder(registry: registry, feedNames: feedNames, books: lastValues.books)
    payload = .allocate(byteCount: encoder.bytesMax(.depth), alignment: 16)
    self.encoder = encoder
    frame = .allocate(byteCount: Self.subscriptionBytesMax, alignment: 16)
  }

  deinit {
    payload.deallocate()
    frame.deallocate()
  }

  static func configure(_ socket: borrowing ZeroMQSocket, _ configuration: BusConfiguration) throws(BusError) {
    try socket.set(ZMQ_SNDHWM, configuration.sendQueueMax)
    try socket.set(ZMQ_LINGER, configuration.lingerMillis)
    try socket.set(ZMQ_XPUB_NODROP, 1)
    try socket.setMessageBytesMax(Int64(subscriptionBytesMax))
  }

  /// Whether anybody subscribed to anything.
  var hasSubscribers: Bool { !book.isEmpty }

  // MARK: Subscriptions

  /// Takes the subscription frames that have arrived.
  /// - Parameter wants: gets what changes upstream.
  /// - Returns: frames taken.
  mutating func takeSubscriptions(wants: inout [Want]) -> Int {
    var taken = 0
    var hasChanged = false
    while taken < Self.framesPerTurnMax {
      let count = zmq_recv(socket.handle, frame.baseAddress, frame.count, ZMQ_DONTWAIT)
      if count < 0 { break }
      taken += 1
      let bytes = UnsafeRawBufferPointer(rebasing: frame[..<min(Int(count), frame.count)])
      if book.onFrame(bytes, wants: &wants) { hasChanged = true }
    }
    if hasChanged { filtersChanged() }
    return taken
  }

  private mutating func filtersChanged() {
    topics.invalidate()
    for feed in statusTopics.indices { statusMatches[feed] = book.filters.matches(statusTopics[feed]) }
    hasStatusSubscribers = statusMatches.contains(true)
  }

  /// Shows the present subscriptions in the statistics; called once they are in force.
  func countSubscriptions() {
    counters.topics.set(UInt64(book.topicCount))
    counters.wants.set(UInt64(book.heldCount))
  }

  /// The end: what upstream may forget.
  mutating func releaseWants() -> [Want] { book.releaseAll() }

  // MARK: Messages

  /// Publishes a tick under each of its topics that somebody can match and that is newer than what went out before.
  mutating func publish(_ tick: UnsafePointer<Tick>) {
    let entry = topics.entry(of: tick.pointee.instrument, filters: book.filters)
    if entry.pointee.matched == 0 { return }
    publish(tick, .ltp, entry)
    if tick.pointee.mode >= Mode.quote.rawValue { publish(tick, .quote, entry) }
    if tick.pointee.mode >= Mode.depth.rawValue { publish(tick, .depth, entry) }
  }

  @inline(__always)
  private mutating func publish(
    _ tick: UnsafePointer<Tick>, _ mode: Mode, _ entry: UnsafeMutablePointer<TopicTable.Entry>
  ) {
    guard entry.pointee.matched & (1 << UInt32(mode.index)) != 0 else { return }
    let sequence = tick.pointee.sequence(of: mode)
    // A healed instrument is ahead of the ring: what the ring still brings of it is older.
    guard sequence > entry.pointee.published[mode.index] else { return }
    entry.pointee.published[mode.index] = sequence
    let bytes = encoder.encodeData(tick, mode, into: payload)
    send(topic: topics.topic(entry, mode), payload: UnsafeRawBufferPointer(start: payload, count: bytes))
    counters.messagesSent.add()
  }

  /// After the ring overtook this reader: the newest state of everything that has changed since.
  mutating func heal(into tick: UnsafeMutablePointer<Tick>) {
    for instrument in 0..<UInt32(lastValues.count) where lastValues.read(instrument, into: tick) {
      publish(tick)
    }
  }

  func publish(_ update: OrderUpdate) {
    update.json.withUnsafeBytes { json in
      var topic = update.topic
      topic.withUTF8 { send(topic: UnsafeRawBufferPointer($0), payload: json) }
    }
    counters.ordersSent.add()
  }

  /// The state of a feed, if somebody can match it.
  func publish(_ status: FeedStatus, feed: Int, wallNanos: Int64) {
    guard statusMatches[feed] else { return }
    statusTopics[feed].withUnsafeBytes { topic in
      FeedStatusText.encode(status, wallNanos: wallNanos).withUnsafeBytes { send(topic: topic, payload: $0) }
    }
    counters.statusesSent.add()
  }

  private func send(topic: UnsafeRawBufferPointer, payload: UnsafeRawBufferPointer) {
    var isDropping = false
    sendFrame(topic, flags: ZMQ_DONTWAIT | ZMQ_SNDMORE, isDropping: &isDropping)
    sendFrame(payload, flags: ZMQ_DONTWAIT, isDropping: &isDropping)
    if isDropping { setDropping(false) }
  }

  @inline(__always)
  private func sendFrame(_ bytes: UnsafeRawBufferPointer, flags: Int32, isDropping: inout Bool) {
    while zmq_send(socket.handle, bytes.baseAddress, bytes.count, flags) < 0 {
      let code = zmq_errno()
      if code == EINTR { continue }
      guard code == EAGAIN, !isDropping else { return counters.sendErrors.add() }
      counters.queueOverflows.add()
      isDropping = true
      setDropping(true)
    }
  }

  private func setDropping(_ isDropping: Bool) {
    var refuses: Int32 = isDropping ? 0 : 1
    if zmq_setsockopt(socket.handle, ZMQ_XPUB_NODROP, &refuses, MemoryLayout<Int32>.size) != 0 {
      counters.sendErrors.add()
    }
  }
}
