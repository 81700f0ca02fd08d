// Zerodha's Kite ticker v3: address, messages both ways. Decoding of the binary frames is Normalize's.

import JSONText
import Market
import Normalize
import TickRing

public final class KiteSession: FeedSession {
  public static let standardURL = "wss://ws.kite.trade"
  /// Instruments per connection that the broker allows.
  public static let instrumentsMax = 3000
  /// Tokens per message of ours; the broker documents no bound, so frames are kept moderate.
  public static let tokensPerMessage = 500
  /// Longest text of the broker that is passed on to the log.
  private static let noticeBytesMax = 300

  private let url: String
  private var decoder: KiteDecoder
  private let tick: UnsafeMutablePointer<Tick>

  /// - Parameter feed: number of the feed, written into every tick.
  public init(url: String, tokens: TokenMap, feed: UInt8) {
    self.url = url
    decoder = KiteDecoder(tokens: tokens, feed: feed)
    tick = .allocate(capacity: 1)
    tick.initialize(to: Tick())
  }

  deinit { tick.deallocate() }

  public var capacity: Int { Self.instrumentsMax }
  public var counters: DecodeCounters { decoder.counters }

  public func endpoint(_ credentials: FeedCredentials) throws(FeedEndpoint.Invalid) -> FeedEndpoint {
    try FeedEndpoint(
      url: url,
      query: [("api_key", credentials.apiKey), ("access_token", credentials.accessToken)],
      fields: [("X-Kite-Version", "3")])
  }

  public func onBinary(
    _ frame: UnsafeRawBufferPointer, receivedNanos: Int64, _ sequencer: inout TickSequencer
  ) -> FeedNotice {
    guard frame.count >= 2 else { return .heartbeat }
    decoder.begin(frame, receivedNanos: receivedNanos)
    var count = 0
    while decoder.next(into: tick) == .tick {
      sequencer.submit(tick, publishedNanos: receivedNanos)
      count &+= 1
    }
    return .ticks(count)
  }

  // MARK: Text

  /// A new subscription starts in quote mode, so that mode needs no word of its own then.
  public func frames(for difference: SubscriptionPlan.Difference) -> [[UInt8]] {
    var frames: [[UInt8]] = []
    for part in difference.unsubscribe.parts(of: Self.tokensPerMessage) {
      frames.append(Self.message("unsubscribe") { Self.write(part, into: &$0) })
    }
    for part in difference.subscribe.parts(of: Self.tokensPerMessage) {
      frames.append(Self.message("subscribe") { Self.write(part, into: &$0) })
    }
    let fresh = Set(difference.subscribe)
    for (mode, name) in [(Mode.ltp, "ltp"), (.quote, "quote"), (.depth, "full")] {
      var tokens = difference.modes[mode] ?? []
      if mode == .quote { tokens.removeAll { fresh.contains($0) } }
      for part in tokens.parts(of: Self.tokensPerMessage) {
        frames.append(
          Self.message("mode") {
            $0.beginArray()
            $0.value(name)
            Self.write(part, into: &$0)
            $0.endArray()
          })
      }
    }
    return frames
  }

  private static func message(_ action: String, _ value: (inout JSONWriter) -> Void) -> [UInt8] {
    var writer = JSONWriter()
    writer.beginObject()
    writer.member("a", action)
    writer.key("v")
    value(&writer)
    writer.endObject()
    return writer.bytes
  }

  private static func write(_ tokens: ArraySlice<UInt32>, into writer: inout JSONWriter) {
    writer.beginArray()
    for token in tokens { writer.value(Int64(token)) }
    writer.endArray()
  }

  public func onText(_ frame: UnsafeRawBufferPointer) -> FeedNotice {
    guard let root = try? JSONDocument(frame).root, let type = root["type"]?.string else { return .ignored }
    switch type {
    case "order":
      guard let data = root["data"], data.kind == .object else { return .ignored }
      return .order(Array(data.raw))
    case "error": return .error(Self.text(root["data"]))
    case "message": return .message(Self.text(root["data"]))
    default: return .ignored
    }
  }

  private static func text(_ value: JSONValue?) -> String {
    guard let value else { return "" }
    return String((value.string ?? String(decoding: value.raw, as: UTF8.self)).prefix(noticeBytesMax))
  }
}

extension Array where Element == UInt32 {
  fileprivate func parts(of size: Int) -> [ArraySlice<UInt32>] {
    stride(from: 0, to: count, by: size).map { self[$0..<Swift.min(count, $0 + size)] }
  }
}
