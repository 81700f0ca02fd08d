// Reads one message that another process put on the bus. Pure: bytes, time and the instruments in, a value out. Used
// by the bus thread; it allocates, as foreign JSON must be checked whole before any of it is believed.

import JSONText
import Market

/// What a message of another process is.
public enum IngestMessage: Sendable {
  /// Market data: the tick was filled in.
  case tick
  case orderUpdate(OrderUpdate)
  case invalidation(userID: String, scope: CacheScope)
  case dropped(IngestDrop)
}

public struct IngestDecoder: Sendable {
  /// Longest topic.
  public static let topicBytesMax = 512
  /// Longest payload.
  public static let payloadBytesMax = 1 << 20
  /// Objects inside objects, and values, that a payload may have: a book of 200 levels has 1,600 values.
  private static let limits = JSONLimits(depthMax: 16, nodesMax: 20_000)

  private let registry: InstrumentRegistry
  private let feed: UInt8

  /// - Parameter feed: feed index of the ticks.
  public init(registry: InstrumentRegistry, feed: UInt8) {
    self.registry = registry
    self.feed = feed
  }

  /// - Parameters:
  ///   - nowNanos: when the message arrived.
  ///   - tick: filled when the message is market data; undefined otherwise.
  public func decode(
    topic: UnsafeRawBufferPointer, payload: UnsafeRawBufferPointer, nowNanos: Int64,
    into tick: UnsafeMutablePointer<Tick>
  ) -> IngestMessage {
    guard topic.count <= Self.topicBytesMax, payload.count <= Self.payloadBytesMax else { return .dropped(.oversized) }
    guard let topic = String(validating: topic, as: UTF8.self) else { return .dropped(.topicNotUTF8) }
    if topic.hasSuffix("_positions") || topic.hasSuffix("_margins") { return .dropped(.accountEvent) }
    let isInvalidation = topic.hasPrefix("CACHE_INVALIDATE")
    let isOrder = !isInvalidation && topic.hasSuffix("_orders")
    let mode = Topics.mode(of: topic)
    guard isInvalidation || isOrder || mode != nil else { return .dropped(.unknownTopic) }
    // A byte-order mark would be relayed to clients, whose readers refuse it.
    guard payload.first != 0xEF, let document = try? JSONDocument(payload, limits: Self.limits),
      document.root.kind == .object
    else { return .dropped(.notJSONObject) }
    let root = document.root
    if isInvalidation { return invalidation(root) }
    if isOrder {
      guard let user = Self.userID(root) else { return .dropped(.missingField) }
      return .orderUpdate(OrderUpdate(userID: user, topic: topic, json: Array(payload)))
    }
    guard let mode, let instrument = instrument(root, topic: topic) else { return .dropped(.unknownInstrument) }
    tick.pointee = Tick()
    tick.pointee.instrument = instrument
    tick.pointee.feed = feed
    tick.pointee.mode = mode.rawValue
    return IngestFields.fill(tick, from: root, mode: mode, nowNanos: nowNanos) ? .tick : .dropped(.missingField)
  }

  /// User names may hold `_`, so they are never read from the topic.
  private static func userID(_ root: JSONValue) -> String? {
    guard let user = root["user_id"]?.string, !user.isEmpty else { return nil }
    return user
  }

  /// A type that is missing or unknown means everything: forgetting too much only costs a login.
  private func invalidation(_ root: JSONValue) -> IngestMessage {
    guard let user = Self.userID(root) else { return .dropped(.missingField) }
    let scope = root["cache_type"]?.string.flatMap { CacheScope(rawValue: $0.uppercased()) }
    return .invalidation(userID: user, scope: scope ?? .all)
  }

  /// The payload names the instrument; the topic, which can be ambiguous, only where the payload does not.
  private func instrument(_ root: JSONValue, topic: String) -> UInt32? {
    guard let symbol = root["symbol"]?.string, let code = root["exchange"]?.string else {
      return Topics.parse(topic, in: registry)?.instrument
    }
    return Exchange(code: code).flatMap { registry.id(exchange: $0, symbol: symbol) }
  }
}
