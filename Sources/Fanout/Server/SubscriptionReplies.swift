// The acknowledgements of subscribe and unsubscribe, built entry by entry while the request is worked through. What is
// the same in every entry is rendered once, names are copied from the request as they were written. Loop thread only;
// allocates one buffer per list.

import JSONText
import Market

/// What became of one entry of a subscribe request.
enum SubscribeOutcome {
  case active(sequence: UInt64, UpstreamState)
  /// The same of a book beyond five levels.
  case book(levels: Int, sequence: UInt64, UpstreamState)
  /// A pattern, how many instruments it stands for, and how far the last of them is.
  case matched(Int, UpstreamState)
  /// The registry does not know it.
  case unknown
  /// The client has all the subscriptions that it may have.
  case full
  /// Another reason, in words.
  case failed(String)
}

struct SubscribeReply {
  private var entries: JSONWriter
  private var hasFailures = false
  private let broker: String
  private let mode: Mode
  private let options: SubscribeOptions
  private let epochMillis: Int64
  private let activeTail: [UInt8]
  private let fullTail: [UInt8]
  private let brokerTail: [UInt8]

  /// Members beyond the OpenAlgo contract come only to clients that asked for what they tell.
  init(_ request: SubscribeRequest, subscriptionsMax: Int, broker: String, epochMillis: Int64) {
    self.broker = broker
    self.epochMillis = epochMillis
    options = request.options
    brokerTail = JSONMembers.rendered { $0.member("broker", broker) }
    mode = request.mode
    activeTail = Self.activeTail(request.mode, levels: Tick.depthLevels, broker: broker)
    fullTail = JSONMembers.rendered { json in
      json.member("status", "error")
      json.member("message", "Maximum capacity reached: \(subscriptionsMax) subscriptions per client")
      json.member("broker", broker)
    }
    entries = JSONWriter(
      capacity: request.instruments.textBytes + request.instruments.count * (activeTail.count + JSONMembers.spareBytes))
    entries.beginArray()
  }

  private static func activeTail(_ mode: Mode, levels: Int, broker: String) -> [UInt8] {
    JSONMembers.rendered { json in
      json.member("status", "success")
      json.member("mode", mode.label)
      json.member("depth", Int64(levels))
      json.member("broker", broker)
    }
  }

  mutating func add(_ instrument: RequestedInstrument, _ outcome: SubscribeOutcome) {
    var state = UpstreamState.rejected
    JSONMembers.beginEntry(instrument, in: &entries)
    switch outcome {
    case .active(let sequence, let upstream):
      state = upstream
      entries.verbatim(activeTail)
      if options.wantsSequence { entries.member("seq", Int64(clamping: sequence)) }
    case .book(let levels, let sequence, let upstream):
      state = upstream
      entries.verbatim(Self.activeTail(mode, levels: levels, broker: broker))
      if options.wantsSequence { entries.member("seq", Int64(clamping: sequence)) }
    case .matched(let count, let upstream):
      state = upstream
      entries.verbatim(activeTail)
      entries.member("matched", Int64(count))
    case .failed(let message):
      hasFailures = true
      entries.member("status", "error")
      entries.member("message", message)
      entries.verbatim(brokerTail)
    case .unknown:
      hasFailures = true
      entries.verbatim(",\"status\":\"error\",\"message\":\"Symbol ")
      entries.display(instrument.symbol)
      entries.verbatim(" not found for exchange ")
      entries.display(instrument.exchange)
      entries.verbatim("\"")
      entries.verbatim(brokerTail)
    case .full:
      hasFailures = true
      entries.verbatim(fullTail)
    }
    if options.wantsState { entries.member("state", state.name) }
    entries.endObject()
  }

  /// The whole reply.
  consuming func finish(requestID: JSONView?) -> [UInt8] {
    entries.endArray()
    var json = JSONWriter(capacity: entries.bytes.count + JSONMembers.spareBytes * 4 + (requestID?.raw.count ?? 0))
    json.beginObject()
    json.member("type", "subscribe")
    json.member("status", hasFailures ? "partial" : "success")
    json.key("subscriptions")
    json.raw(entries.bytes)
    json.member("message", "Subscription processing complete")
    json.member("broker", broker)
    if options.wantsSequence { json.member("epoch", epochMillis) }
    if let policy = options.policy { json.member("policy", policy.name) }
    if let rate = options.rateText {
      json.key("max_rate")
      json.raw(Array(rate.raw))
    }
    Replies.write(requestID, to: &json)
    json.endObject()
    return json.bytes
  }
}

struct UnsubscribeReply {
  private var successful: JSONWriter
  private var failed = JSONWriter()
  private var successCount = 0
  private var failureCount = 0
  private let broker: String
  private let successTail: [UInt8]

  /// - Parameters:
  ///   - count: entries to make room for.
  ///   - textBytes: bytes of their names.
  init(count: Int, textBytes: Int, broker: String) {
    self.broker = broker
    successTail = JSONMembers.rendered { json in
      json.member("status", "success")
      json.member("broker", broker)
    }
    successful = JSONWriter(capacity: textBytes + count * (successTail.count + JSONMembers.spareBytes))
    successful.beginArray()
    failed.beginArray()
  }

  /// - Parameter failure: nil when it went well.
  mutating func add(_ instrument: RequestedInstrument, failure: String?) {
    if let failure {
      failureCount += 1
      JSONMembers.beginEntry(instrument, in: &failed)
      failed.member("status", "error")
      failed.member("message", failure)
      failed.member("broker", broker)
      failed.endObject()
    } else {
      successCount += 1
      JSONMembers.beginEntry(instrument, in: &successful)
      successful.verbatim(successTail)
      successful.endObject()
    }
  }

  /// An entry that went well, of an instrument that the request did not name.
  mutating func add(_ key: InstrumentKey) {
    successCount += 1
    successful.beginObject()
    successful.member("symbol", key.symbol)
    successful.member("exchange", key.exchange.code)
    successful.verbatim(successTail)
    successful.endObject()
  }

  /// The whole reply.
  consuming func finish(requestID: JSONView?) -> [UInt8] {
    successful.endArray()
    failed.endArray()
    var json = JSONWriter(
      capacity: successful.bytes.count + failed.bytes.count + JSONMembers.spareBytes * 4
        + (requestID?.raw.count ?? 0))
    json.beginObject()
    json.member("type", "unsubscribe")
    json.member("status", failureCount == 0 ? "success" : successCount > 0 ? "partial" : "error")
    json.member("message", "Unsubscription processing complete")
    json.key("successful")
    json.raw(successful.bytes)
    json.key("failed")
    json.raw(failed.bytes)
    json.member("broker", broker)
    Replies.write(requestID, to: &json)
    json.endObject()
    return json.bytes
  }
}

/// Pieces of entries.
private enum JSONMembers {
  /// Bytes of an entry, or of a quarter of a reply, besides what is measured.
  static let spareBytes = 48

  /// Members with a comma before each, to be appended to an object that has some already.
  static func rendered(_ body: (inout JSONWriter) -> Void) -> [UInt8] {
    var json = JSONWriter()
    json.beginObject()
    body(&json)
    var bytes = json.bytes
    bytes[0] = UInt8(ascii: ",")
    return bytes
  }

  /// Begins an object with the names as the client wrote them.
  static func beginEntry(_ instrument: RequestedInstrument, in json: inout JSONWriter) {
    json.beginObject()
    json.verbatim("\"symbol\":")
    json.verbatim(instrument.symbol.raw)
    json.verbatim(",\"exchange\":")
    json.verbatim(instrument.exchange.raw)
  }
}

extension JSONWriter {
  /// The text of a foreign value inside a string, clipped.
  fileprivate mutating func display(_ value: JSONView) {
    if let bytes = value.plainDisplayBytes { return verbatim(bytes) }
    var escaped: [UInt8] = []
    JSONWriter.escape(value.displayText, into: &escaped)
    verbatim(escaped)
  }
}
