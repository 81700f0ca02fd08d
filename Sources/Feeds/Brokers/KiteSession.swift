// Zerodha's Kite ticker v3: address, messages both ways. Decoding of the binary frames is Normalize's.

import JSONText
import Market
import Normalize

public final class KiteSession: FeedSession {
  public static let standardURL = "wss://ws.kite.trade"

  private let url: String
  private let names: ListingTable
  private var decoder: KiteDecoder
  private let tick: UnsafeMutablePointer<Tick>

  /// - Parameter feed: number of the feed, written into every tick.
  public init(url: String, names: ListingTable, tokens: TokenMap, feed: UInt8) {
    self.url = url
    self.names = names
    decoder = KiteDecoder(tokens: tokens, feed: feed)
    tick = .allocate(capacity: 1)
    tick.initialize(to: Tick())
  }

  deinit { tick.deallocate() }

  public var counters: DecodeCounters { decoder.counters }

  public func endpoint(_ access: FeedAccess) throws(FeedEndpoint.Invalid) -> FeedEndpoint {
    try FeedEndpoint(
      url: access.url ?? url,
      query: [("api_key", access.credentials.apiKey), ("access_token", access.credentials.accessToken)],
      fields: [("X-Kite-Version", "3")])
  }

  public func onBinary(
    _ frame: UnsafeRawBufferPointer, receivedNanos: Int64, _ sink: inout TickSink
  ) -> FeedNotice {
    guard frame.count >= 2 else { return .heartbeat }
    decoder.begin(frame, receivedNanos: receivedNanos)
    var count = 0
    while decoder.next(into: tick) == .tick {
      sink.submit(tick, publishedNanos: receivedNanos)
      count &+= 1
    }
    return .ticks(count)
  }

  // MARK: Text

  public func frames(for message: ShardPlanner.Message) -> [FeedFrame] {
    var writer = JSONWriter()
    writer.beginObject()
    switch message.verb {
    case .subscribe: writer.member("a", "subscribe")
    case .unsubscribe: writer.member("a", "unsubscribe")
    case .change: writer.member("a", "mode")
    }
    writer.key("v")
    writer.beginArray()
    if message.verb == .change {
      writer.value(Self.name(of: message.mode))
      writer.beginArray()
      write(message.instruments, into: &writer)
      writer.endArray()
    } else {
      write(message.instruments, into: &writer)
    }
    writer.endArray()
    writer.endObject()
    return [.text(writer.bytes)]
  }

  private static func name(of mode: Mode) -> String {
    switch mode {
    case .ltp: "ltp"
    case .quote: "quote"
    case .depth: "full"
    }
  }

  /// Tokens are numbers here: the broker ignores them as text.
  private func write(_ instruments: [UInt32], into writer: inout JSONWriter) {
    for instrument in instruments {
      if let token = names[instrument].flatMap({ Int64($0.token) }) { writer.value(token) }
    }
  }

  public func onText(_ frame: UnsafeRawBufferPointer) -> FeedNotice {
    guard let root = try? JSONDocument(frame).root, let type = root["type"]?.string else { return .ignored }
    switch type {
    case "order":
      guard let data = root["data"], data.kind == .object else { return .ignored }
      return .order(Array(data.raw))
    case "error": return .error(BrokerText.of(root["data"]))
    case "message": return .message(BrokerText.of(root["data"]))
    default: return .ignored
    }
  }
}
