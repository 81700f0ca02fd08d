// Upstox market data feed v3: messages both ways. Decoding of the protobuf frames is Normalize's.

import JSONText
import Market
import Normalize

public final class UpstoxSession: FeedSession {
  public static let standardURL = "wss://api.upstox.com/v3/feed/market-data-feed"

  private let url: String
  private let names: ListingTable
  private var decoder: UpstoxDecoder
  private var overlay: TickOverlay
  private var asked: AskedModes
  private let memory = TickMemory()
  /// Begins the names of this socket's messages.
  private let name = String(UInt64.random(in: 0 ... .max), radix: 36)
  private var messageCount: UInt32 = 0
  /// Asks for books of 30 levels, whatever the mode; the prices that come with them are left to the market feed.
  private let wantsBooks: Bool

  /// - Parameter instrumentCount: of the registry.
  public init(
    url: String, names: ListingTable, keys: TextTokenMap, feed: UInt8, instrumentCount: Int, wantsBooks: Bool = false
  ) {
    self.url = url
    self.names = names
    self.wantsBooks = wantsBooks
    decoder = UpstoxDecoder(keys: keys, feed: feed)
    overlay = TickOverlay(count: instrumentCount)
    asked = AskedModes(count: instrumentCount)
  }

  public var counters: DecodeCounters { decoder.counters }

  /// The address of the authorisation, which is good for one connection and needs no field. Without one, the address of
  /// the feed with the token itself.
  public func endpoint(_ access: FeedAccess) throws(FeedEndpoint.Invalid) -> FeedEndpoint {
    if let once = access.url { return try FeedEndpoint(url: once) }
    return try FeedEndpoint(url: url, fields: [("Authorization", "Bearer \(access.credentials.accessToken)")])
  }

  public func reset() { overlay.forgetAll() }

  public func onBinary(
    _ frame: UnsafeRawBufferPointer, receivedNanos: Int64, _ sink: inout TickSink
  ) -> FeedNotice {
    decoder.begin(frame, receivedNanos: receivedNanos)
    var count = 0
    while true {
      switch decoder.next(into: memory.tick, book: memory.book) {
      case .tick:
        // A message may hold only what has changed. One that says nothing is no sign of life of the market.
        if !wantsBooks, memory.tick.pointee.presence != 0, asked.covers(memory.tick), overlay.apply(memory.tick) {
          sink.submit(memory.tick, publishedNanos: receivedNanos)
          count &+= 1
        }
      case .book:
        sink.submit(memory.book, publishedNanos: receivedNanos)
        count &+= 1
      case .event: break
      case .end, .malformed: return .ticks(count)
      }
    }
  }

  // MARK: Messages

  /// JSON, in binary frames as the broker's own client sends it.
  public func frames(for message: ShardPlanner.Message) -> [FeedFrame] {
    messageCount &+= 1
    asked.note(message)
    var writer = JSONWriter()
    writer.beginObject()
    writer.member("guid", "\(name)-\(messageCount)")
    switch message.verb {
    case .subscribe: writer.member("method", "sub")
    case .unsubscribe: writer.member("method", "unsub")
    case .change: writer.member("method", "change_mode")
    }
    writer.key("data")
    writer.beginObject()
    if message.verb != .unsubscribe { writer.member("mode", name(of: message.mode)) }
    writer.key("instrumentKeys")
    writer.beginArray()
    for instrument in message.instruments {
      overlay.forget(instrument)
      if let listing = names[instrument] { writer.value(listing.token) }
    }
    writer.endArray()
    writer.endObject()
    writer.endObject()
    return [.binary(writer.bytes)]
  }

  private func name(of mode: Mode) -> String { wantsBooks ? "full_d30" : mode == .ltp ? "ltpc" : "full" }

  public func onText(_ frame: UnsafeRawBufferPointer) -> FeedNotice {
    guard let root = try? JSONDocument(frame).root, root["status"]?.string == "failed" else { return .ignored }
    return .error(BrokerText.of(root["error"]))
  }
}
