// Counters of the bus. One writer, the bus thread; any reader. Nothing allocates after `init` but a snapshot.

import Synchronization

/// Why a message from another process went nowhere.
public enum IngestDrop: UInt8, Sendable, CaseIterable {
  /// Not exactly two frames.
  case frameCount
  /// Topic or payload beyond its bound.
  case oversized
  case topicNotUTF8
  /// The payload is not one JSON object.
  case notJSONObject
  /// Neither market data of a known mode nor any other topic of the contract.
  case unknownTopic
  case unknownInstrument
  /// No usable last price, or no user id.
  case missingField
  /// Positions and margins are nobody's business here.
  case accountEvent
  /// No target was given for this kind of message.
  case notWanted
  /// The sequencer did not take ticks fast enough.
  case queueFull
}

/// What the bus has done since its start.
public struct BusStatistics: Sendable, Equatable {
  /// Ticks read from the ring.
  public var ticksRead: UInt64 = 0
  /// Market-data messages handed to the socket, one per tick and topic, whatever the number of subscribers.
  public var messagesSent: UInt64 = 0
  public var ordersSent: UInt64 = 0
  /// States of feeds.
  public var statusesSent: UInt64 = 0
  /// Times that the queue of a subscriber was found full. From then until that subscriber has read half its queue, the
  /// library drops its new messages without saying how many; other subscribers lose nothing.
  public var queueOverflows: UInt64 = 0
  /// Messages that the socket refused for another reason.
  public var sendErrors: UInt64 = 0
  /// Times that the ring overtook the bus, and ticks that were healed from the last values instead of being read.
  public var laps: UInt64 = 0
  public var ticksLost: UInt64 = 0
  /// Topics subscribed to now.
  public var topics: UInt64 = 0
  /// Upstream wants held now.
  public var wants: UInt64 = 0
  /// From other processes.
  public var ticksIngested: UInt64 = 0
  public var ordersIngested: UInt64 = 0
  public var invalidations: UInt64 = 0
  public var ingestDrops: [IngestDrop: UInt64] = [:]
}

/// One figure, written by one thread.
final class BusCounter: Sendable {
  private let figure = Atomic<UInt64>(0)

  var value: UInt64 { figure.load(ordering: .relaxed) }

  /// Bus thread only: no read-modify-write is needed.
  @inline(__always)
  func add(_ count: UInt64 = 1) { figure.store(figure.load(ordering: .relaxed) &+ count, ordering: .relaxed) }

  func set(_ value: UInt64) { figure.store(value, ordering: .relaxed) }
}

final class BusCounters: Sendable {
  let ticksRead = BusCounter()
  let messagesSent = BusCounter()
  let ordersSent = BusCounter()
  let statusesSent = BusCounter()
  let queueOverflows = BusCounter()
  let sendErrors = BusCounter()
  let laps = BusCounter()
  let ticksLost = BusCounter()
  let topics = BusCounter()
  let wants = BusCounter()
  let ticksIngested = BusCounter()
  let ordersIngested = BusCounter()
  let invalidations = BusCounter()
  private let drops = IngestDrop.allCases.map { _ in BusCounter() }

  func drop(_ reason: IngestDrop) { drops[Int(reason.rawValue)].add() }

  /// All messages of other processes that went nowhere.
  var dropsTotal: UInt64 { drops.reduce(0) { $0 &+ $1.value } }

  var snapshot: BusStatistics {
    var copy = BusStatistics()
    copy.ticksRead = ticksRead.value
    copy.messagesSent = messagesSent.value
    copy.ordersSent = ordersSent.value
    copy.statusesSent = statusesSent.value
    copy.queueOverflows = queueOverflows.value
    copy.sendErrors = sendErrors.value
    copy.laps = laps.value
    copy.ticksLost = ticksLost.value
    copy.topics = topics.value
    copy.wants = wants.value
    copy.ticksIngested = ticksIngested.value
    copy.ordersIngested = ordersIngested.value
    copy.invalidations = invalidations.value
    for reason in IngestDrop.allCases where drops[Int(reason.rawValue)].value > 0 {
      copy.ingestDrops[reason] = drops[Int(reason.rawValue)].value
    }
    return copy
  }
}
