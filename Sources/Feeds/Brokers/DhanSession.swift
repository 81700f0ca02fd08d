// DhanHQ v2: the market feed's messages both ways. Decoding of the binary frames is Normalize's.

import JSONText
import Market
import Normalize

public final class DhanSession: FeedSession {
  public static let standardURL = "wss://api-feed.dhan.co"

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

  public var counters: DecodeCounters { decoder.counters }

  public func endpoint(_ access: FeedAccess) throws(FeedEndpoint.Invalid) -> FeedEndpoint {
    try FeedEndpoint(url: access.url ?? url, query: [("version", "2")] + DhanRequest.query(access.credentials))
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
      case .book: break
      case .event: if case .disconnect(let code) = decoder.event { return DhanRequest.notice(ofDisconnect: code) }
      case .end, .malformed: return .ticks(count)
      }
    }
  }

  // MARK: Text

  public func frames(for message: ShardPlanner.Message) -> [FeedFrame] {
    guard message.verb != .change else { return [] }
    asked.note(message)
    for instrument in message.instruments { overlay.forget(instrument) }
    let code = Self.code(message.mode) + (message.verb == .subscribe ? 0 : 1)
    return [.text(DhanRequest.text(code, message.instruments.compactMap { names[$0] }))]
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
