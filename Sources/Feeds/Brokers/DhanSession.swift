// DhanHQ v2: the market feed's messages both ways. Decoding of the binary frames is Normalize's.

import JSONText
import Market
import Normalize

public final class DhanSession: FeedSession {
  public static let standardURL = "wss://api-feed.dhan.co"

  /// Names of the segments that packets have numbers for.
  private static let segments: [UInt8: String] = [
    0: "IDX_I", 1: "NSE_EQ", 2: "NSE_FNO", 3: "NSE_CURRENCY", 4: "BSE_EQ", 5: "MCX_COMM", 7: "BSE_CURRENCY",
    8: "BSE_FNO",
  ]

  private let url: String
  private let names: ListingTable
  private var decoder: DhanDecoder
  /// Open interest and the previous close come in packets of their own.
  private var overlay: TickOverlay
  private var asked: AskedModes
  private let memory = TickMemory()

  /// - Parameter instrumentCount: of the registry.
  public init(url: String, names: ListingTable, tokens: TokenMap, feed: UInt8, instrumentCount: Int) {
    self.url = url
    self.names = names
    decoder = DhanDecoder(tokens: tokens, feed: feed, connection: .market)
    overlay = TickOverlay(count: instrumentCount)
    asked = AskedModes(count: instrumentCount)
  }

  public var rejectedCount: UInt64 { decoder.counters.rejected }

  public func endpoint(_ access: FeedAccess) throws(FeedEndpoint.Invalid) -> FeedEndpoint {
    try FeedEndpoint(
      url: access.url ?? url,
      query: [
        ("version", "2"), ("token", access.credentials.accessToken), ("clientId", access.credentials.clientID),
        ("authType", "2"),
      ])
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
        if asked.covers(memory.tick), overlay.apply(memory.tick) {
          sink.submit(memory.tick, publishedNanos: receivedNanos)
          count &+= 1
        }
      case .book: count &+= 1
      case .event: if case .disconnect(let code) = decoder.event { return Self.notice(ofDisconnect: code) }
      case .end, .malformed: return .ticks(count)
      }
    }
  }

  static func notice(ofDisconnect code: UInt16) -> FeedNotice {
    switch DhanDisconnect(rawValue: code) {
    case .instrumentLimit, .tooManyConnections: .disconnect(.limit, "code \(code)")
    case let known? where known.needsOtherCredentials: .disconnect(.auth, "code \(code)")
    default: .disconnect(.serverClose, "code \(code)")
    }
  }

  // MARK: Text

  public func frames(for message: ShardPlanner.Message) -> [FeedFrame] {
    guard message.verb != .change else { return [] }
    asked.note(message)
    var writer = JSONWriter()
    writer.beginObject()
    writer.key("RequestCode")
    writer.value(Self.code(message.mode) + (message.verb == .subscribe ? 0 : 1))
    writer.key("InstrumentCount")
    writer.value(Int64(message.instruments.count))
    writer.key("InstrumentList")
    writer.beginArray()
    for instrument in message.instruments {
      overlay.forget(instrument)
      guard let listing = names[instrument] else { continue }
      writer.beginObject()
      writer.member("ExchangeSegment", Self.segments[listing.segment] ?? "")
      writer.member("SecurityId", listing.token)
      writer.endObject()
    }
    writer.endArray()
    writer.endObject()
    return [.text(writer.bytes)]
  }

  /// Request that begins a mode; the one that ends it is one higher.
  private static func code(_ mode: Mode) -> Int64 {
    switch mode {
    case .ltp: 15
    case .quote: 17
    case .depth: 21
    }
  }

  public func onText(_ frame: UnsafeRawBufferPointer) -> FeedNotice { .ignored }
}
