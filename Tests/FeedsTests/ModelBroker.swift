// A broker that enforces what a capability promises: what a real one would answer with an error or a cut is a complaint
// here.

import Feeds
import Market

struct ModelBroker {
  struct Socket {
    /// Modes by instrument; two only while a mode is replaced.
    var subscribed: [UInt32: [Mode]] = [:]
    var messageTimes: [Int64] = []
  }

  let capability: FeedCapability
  var sockets: [Int: Socket] = [:]
  private(set) var complaints: [String] = []

  init(_ capability: FeedCapability) { self.capability = capability }

  mutating func open(_ shard: Int) {
    sockets[shard] = Socket()
    if sockets.count > capability.socketsMax { complaints.append("\(sockets.count) sockets") }
  }

  mutating func close(_ shard: Int) { sockets[shard] = nil }

  /// Mode of every instrument, over all sockets.
  var set: [UInt32: Mode] {
    var all: [UInt32: Mode] = [:]
    for socket in sockets.values { for (instrument, modes) in socket.subscribed { all[instrument] = modes.last } }
    return all
  }

  mutating func apply(_ message: ShardPlanner.Message, now: Int64) {
    guard var socket = sockets[message.shard] else { return complaints.append("message on a closed socket") }
    if message.instruments.count > capability.instrumentsPerMessage { complaints.append("message too long") }
    if message.instruments.isEmpty { complaints.append("empty message") }
    socket.messageTimes = socket.messageTimes.filter { $0 > now - 1_000_000_000 } + [now]
    if socket.messageTimes.count > capability.messagesPerSecond { complaints.append("too many messages") }
    for instrument in message.instruments { apply(message.verb, message.mode, instrument, &socket) }
    var counts = [0, 0, 0]
    for modes in socket.subscribed.values { for mode in modes { counts[mode.index] += 1 } }
    if !capability.limits.allow(counts) { complaints.append("limits: \(counts)") }
    sockets[message.shard] = socket
  }

  private mutating func apply(
    _ verb: ShardPlanner.Verb, _ mode: Mode, _ instrument: UInt32, _ socket: inout Socket
  ) {
    var modes = socket.subscribed[instrument] ?? []
    switch (verb, capability.modeChange) {
    case (.subscribe, .modeMessage(let initial)):
      if !modes.isEmpty || mode != initial { complaints.append("subscribed \(modes) as \(mode)") }
      modes = [initial]
    case (.subscribe, .subscribeThenUnsubscribe):
      if modes.contains(mode) || modes.count > 1 { complaints.append("subscribed twice") }
      modes.append(mode)
    case (.subscribe, _):
      if !modes.isEmpty { complaints.append("subscribed twice") }
      modes = [mode]
    case (.unsubscribe, _):
      if !modes.contains(mode) { complaints.append("unsubscribed \(mode) of \(modes)") }
      modes.removeAll { $0 == mode }
    case (.change, .modeMessage), (.change, .changeMessage):
      if modes.isEmpty { complaints.append("mode of what is not subscribed") }
      modes = [mode]
    case (.change, _): complaints.append("there is no mode message")
    }
    socket.subscribed[instrument] = modes.isEmpty ? nil : modes
  }
}

/// Capabilities of every kind, small so that limits are met.
func smallCapabilities() -> [FeedCapability] {
  let changes: [ModeChange] = [
    .modeMessage(initial: .quote), .changeMessage, .subscribeThenUnsubscribe, .unsubscribeThenSubscribe,
  ]
  var all = changes.map {
    FeedCapability(
      limits: SocketLimits(total: 12), socketsMax: 3, instrumentsPerMessage: 5, messagesPerSecond: 8, modeChange: $0)
  }
  var byMode = FeedCapability(
    limits: SocketLimits(total: 14, alone: [14, 9, 6], mixed: [6, 5, 4]), socketsMax: 2, instrumentsPerMessage: 4,
    messagesPerSecond: 4, modeChange: .changeMessage)
  byMode.modeOnWire = [.ltp, .depth, .depth]
  all.append(byMode)
  var idle = FeedCapability(
    limits: SocketLimits(total: 1), socketsMax: 5, instrumentsPerMessage: 1, messagesPerSecond: 10,
    modeChange: .unsubscribeThenSubscribe)
  idle.isOpenWhenIdle = false
  all.append(idle)
  return all
}
