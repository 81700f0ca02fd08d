import JSONText
import Market

/// What the administration socket tells about the feeds.
struct FeedCommands: Sendable {
  let board: FeedBoard
  let registry: InstrumentRegistry
  let clock: any WallClock

  /// A request object to a reply object; nil when it is about something else.
  func answer(_ request: JSONValue) -> [UInt8]? {
    guard request["command"]?.string == "feeds" else { return nil }
    let now = clock.nowNanos()
    return AdminReply.success { writer in
      writer.key("feeds")
      writer.beginArray()
      for feed in board.names.indices {
        writer.beginObject()
        Self.write(board.status(of: feed), now, to: &writer)
        writeSilent(feed, to: &writer)
        writer.endObject()
      }
      writer.endArray()
    }
  }

  /// Times that are not known are left out.
  private static func write(_ feed: FeedStatus, _ now: Int64, to writer: inout JSONWriter) {
    writer.member("name", feed.name)
    writer.member("state", feed.state.name)
    writer.member("reason", feed.reason.name)
    if feed.since > 0 { writer.member("since", feed.since / nanosPerMilli) }
    if feed.lastPayload > 0 { writer.member("age_ms", max(0, now - feed.lastPayload) / nanosPerMilli) }
    writer.member("used", Int64(feed.used))
    writer.member("limit", Int64(feed.limit))
    writer.member("sockets", Int64(feed.sockets))
    writer.member("silent", Int64(feed.silent))
    writer.member("reconnects", Int64(clamping: feed.reconnects))
    if feed.tokenObtained > 0 { writer.member("token_age_ms", max(0, now - feed.tokenObtained) / nanosPerMilli) }
    writer.member("rejected", Int64(clamping: feed.rejections.total))
    if feed.rejections.total > 0 {
      writer.key("rejected_by")
      writer.beginObject()
      for reason in feed.rejections.reasons { writer.member(reason.name, Int64(clamping: reason.count)) }
      writer.endObject()
    }
    if feed.race != FeedRace() {
      writer.member("led", Int64(clamping: feed.race.led))
      writer.member("lagged", Int64(clamping: feed.race.lagged))
      writer.member("lag_us", feed.race.lagNanos / Int64(clamping: max(feed.race.lagged, 1)) / nanosPerMicro)
      writer.member("old", Int64(clamping: feed.race.old))
    }
  }

  /// Some of the instruments that `silent` counts, as `NSE:RELIANCE`.
  private func writeSilent(_ feed: Int, to writer: inout JSONWriter) {
    let instruments = board.silentInstruments(of: feed)
    if instruments.isEmpty { return }
    writer.key("silent_symbols")
    writer.beginArray()
    for instrument in instruments {
      let key = registry[instrument].key
      writer.value("\(key.exchange.code):\(key.symbol)")
    }
    writer.endArray()
  }

  private static let nanosPerMilli: Int64 = 1_000_000
  private static let nanosPerMicro: Int64 = 1000
}
