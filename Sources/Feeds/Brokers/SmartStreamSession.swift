// Angel One's SmartStream: upgrade fields, messages both ways. Decoding of the binary frames is Normalize's.

import JSONText
import Market
import Normalize

public final class SmartStreamSession: FeedSession {
  public static let standardURL = "wss://smartapisocket.angelone.in/smart-stream"

  private let url: String
  private let names: ListingTable
  private var decoder: SmartStreamDecoder
  /// Circuit limits come with full packets only; prices of all packets are judged by them.
  private var overlay: TickOverlay
  private let memory = TickMemory()
  private var messageCount: UInt32 = 0
  /// Asks for books of 20 levels, whatever the mode.
  private let wantsBooks: Bool

  /// The mode of books of 20 levels; the others have the numbers of our modes.
  private static let bookMode: Int64 = 4

  /// - Parameter instrumentCount: of the registry.
  public init(
    url: String, names: ListingTable, tokens: TokenMap, feed: UInt8, instrumentCount: Int, wantsBooks: Bool = false
  ) {
    self.url = url
    self.names = names
    self.wantsBooks = wantsBooks
    decoder = SmartStreamDecoder(tokens: tokens, feed: feed)
    overlay = TickOverlay(count: instrumentCount)
  }

  public var counters: DecodeCounters { decoder.counters }
  /// Beside a WebSocket ping: the documentation asks for the text, the broker's own client sends the ping.
  public var heartbeat: FeedFrame? { .text(Array("ping".utf8)) }

  public func endpoint(_ access: FeedAccess) throws(FeedEndpoint.Invalid) -> FeedEndpoint {
    let credentials = access.credentials
    return try FeedEndpoint(
      url: access.url ?? url,
      fields: [
        ("Authorization", credentials.accessToken), ("x-api-key", credentials.apiKey),
        ("x-client-code", credentials.clientID), ("x-feed-token", credentials.feedToken),
      ])
  }

  public func reset() { overlay.forgetAll() }

  public func onBinary(
    _ frame: UnsafeRawBufferPointer, receivedNanos: Int64, _ sink: inout TickSink
  ) -> FeedNotice {
    if frame.isEmpty { return .heartbeat }
    decoder.begin(frame, receivedNanos: receivedNanos)
    var count = 0
    while true {
      switch decoder.next(into: memory.tick, book: memory.book) {
      case .tick:
        // Prices are left to the market feed.
        guard !wantsBooks else { continue }
        overlay.judge(memory.tick)
        sink.submit(memory.tick, publishedNanos: receivedNanos)
        count &+= 1
      case .book:
        sink.submit(memory.book, publishedNanos: receivedNanos)
        count &+= 1
      case .event: break
      case .end, .malformed: return .ticks(count)
      }
    }
  }

  // MARK: Text

  public func frames(for message: ShardPlanner.Message) -> [FeedFrame] {
    guard message.verb != .change else { return [] }
    messageCount &+= 1
    var writer = JSONWriter()
    writer.beginObject()
    writer.member("correlationID", "tg\(messageCount % 100_000_000)")
    writer.key("action")
    writer.value(Int64(message.verb == .subscribe ? 1 : 0))
    writer.key("params")
    writer.beginObject()
    writer.key("mode")
    writer.value(wantsBooks ? Self.bookMode : Int64(message.mode.rawValue))
    writer.key("tokenList")
    writer.beginArray()
    var bySegment: [UInt8: [String]] = [:]
    for instrument in message.instruments {
      overlay.forget(instrument)
      if let listing = names[instrument] { bySegment[listing.segment, default: []].append(listing.token) }
    }
    for (segment, tokens) in bySegment.sorted(by: { $0.key < $1.key }) {
      writer.beginObject()
      writer.key("exchangeType")
      writer.value(Int64(segment))
      writer.key("tokens")
      writer.beginArray()
      for token in tokens { writer.value(token) }
      writer.endArray()
      writer.endObject()
    }
    writer.endArray()
    writer.endObject()
    writer.endObject()
    return [.text(writer.bytes)]
  }

  public func onText(_ frame: UnsafeRawBufferPointer) -> FeedNotice {
    if frame.elementsEqual("pong".utf8) { return .heartbeat }
    guard let root = try? JSONDocument(frame).root, let code = root["errorCode"]?.string else { return .ignored }
    return .error("\(BrokerText.clipped(code, bytesMax: 20)): \(BrokerText.of(root["errorMessage"]))")
  }
}
