// What the bus subscribers want, as the publishing socket tells it: filters, and upstream wants for topics that name
// one instrument. A value type without I/O, owned by the bus thread.
//
// The socket (not in verbose mode) passes on the first subscription and the last unsubscription of each topic, also
// those of a peer that vanished: exactly one reference per topic, so nothing is counted again here.

import Market

public struct SubscriptionBook {
  private let registry: InstrumentRegistry
  private(set) var filters = FilterSet()
  /// Wants that are applied upstream, by topic. Bounded by the topics of the instruments that exist.
  private var held: [[UInt8]: Want] = [:]
  /// Topics subscribed to.
  public private(set) var topicCount = 0

  public init(registry: InstrumentRegistry) { self.registry = registry }

  /// Upstream wants in force.
  public var heldCount: Int { held.count }

  /// Whether anybody subscribed to anything.
  public var isEmpty: Bool { filters.isEmpty }

  /// A frame from the publishing socket: 1 or 0, then the topic. Anything else is a peer's own idea and changes nothing.
  /// - Parameter wants: gets what changes upstream.
  /// - Returns: whether the filters changed.
  public mutating func onFrame(_ frame: UnsafeRawBufferPointer, wants: inout [Want]) -> Bool {
    guard let first = frame.first, first <= 1 else { return false }
    let topic = Array(frame.dropFirst())
    if first == 1 {
      subscribe(topic, wants: &wants)
    } else {
      unsubscribe(topic, wants: &wants)
    }
    return true
  }

  /// Everybody is gone: takes back every want.
  public mutating func releaseAll() -> [Want] {
    let released = held.values.map { Want($0.instrument, $0.mode, delta: -1) }
    self = SubscriptionBook(registry: registry)
    return released
  }

  private mutating func subscribe(_ topic: [UInt8], wants: inout [Want]) {
    filters.insert(topic)
    topicCount += 1
    guard held[topic] == nil, let text = String(validating: topic, as: UTF8.self),
      let want = Topics.want(ofSubscription: text, in: registry)
    else { return }
    held[topic] = want
    wants.append(want)
  }

  private mutating func unsubscribe(_ topic: [UInt8], wants: inout [Want]) {
    filters.remove(topic)
    topicCount = max(0, topicCount - 1)
    guard let want = held.removeValue(forKey: topic) else { return }
    wants.append(Want(want.instrument, want.mode, delta: -1))
  }
}
