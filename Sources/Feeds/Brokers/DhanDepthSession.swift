// Dhan's feeds of 20 and 200 levels: the messages both ways. Decoding of the binary frames is Normalize's.

import JSONText
import Market
import Normalize

public final class DhanDepthSession: FeedSession {
  public static let standardURL20 = "wss://depth-api-feed.dhan.co/twentydepth"
  public static let standardURL200 = "wss://full-depth-api.dhan.co/twohundreddepth"

  private enum Code {
    static let subscribe: Int64 = 23
    /// The documentation's; the published client sends 24.
    static let unsubscribe: Int64 = 25
  }

  private let url: String
  private let names: ListingTable
  private let levels: DhanConnection
  private var decoder: DhanDecoder
  private var pairs: BookPairs
  private let memory = TickMemory()

  /// - Parameters:
  ///   - levels: `.depth20` or `.depth200`.
  ///   - instrumentCount: of the registry.
  public init(
    url: String, levels: DhanConnection, names: ListingTable, tokens: TokenMap, feed: UInt8, instrumentCount: Int
  ) {
    self.url = url
    self.levels = levels
    self.names = names
    decoder = DhanDecoder(tokens: tokens, feed: feed, connection: levels)
    pairs = BookPairs(count: instrumentCount)
  }

  public var counters: DecodeCounters { decoder.counters }

  public func endpoint(_ access: FeedAccess) throws(FeedEndpoint.Invalid) -> FeedEndpoint {
    try FeedEndpoint(url: url, query: DhanRequest.query(access.credentials))
  }

  public func reset() { pairs.forgetAll() }

  public func onBinary(
    _ frame: UnsafeRawBufferPointer, receivedNanos: Int64, _ sink: inout TickSink
  ) -> FeedNotice {
    decoder.begin(frame, receivedNanos: receivedNanos)
    var count = 0
    while true {
      switch decoder.next(into: memory.tick, book: memory.book) {
      case .book:
        if pairs.isDone(before: memory.book), let whole = pairs.take() {
          sink.submit(whole, publishedNanos: receivedNanos)
        }
        pairs.put(memory.book)
        count &+= 1
      case .tick: break
      case .event: if case .disconnect(let code) = decoder.event { return DhanRequest.notice(ofDisconnect: code) }
      case .end, .malformed:
        if let whole = pairs.take() { sink.submit(whole, publishedNanos: receivedNanos) }
        return .ticks(count)
      }
    }
  }

  public func frames(for message: ShardPlanner.Message) -> [FeedFrame] {
    guard message.verb != .change else { return [] }
    for instrument in message.instruments { pairs.forget(instrument) }
    let listings = message.instruments.compactMap { names[$0] }
    let code = message.verb == .subscribe ? Code.subscribe : Code.unsubscribe
    if levels == .depth200, let only = listings.first { return [.text(DhanRequest.text(code, only))] }
    return [.text(DhanRequest.text(code, listings))]
  }

  public func onText(_ frame: UnsafeRawBufferPointer) -> FeedNotice { .ignored }
}
