// The state of a feed as clients of the WebSocket server and subscribers of the bus read it: one JSON object, the same
// for both. Pure; any thread; allocates (control path).

import JSONText
import Market

package enum FeedStatusText {
  /// - Parameter wallNanos: time of the message, nanoseconds since the Unix epoch.
  package static func encode(_ status: FeedStatus, wallNanos: Int64) -> [UInt8] {
    var json = JSONWriter(capacity: bytesTypical)
    json.beginObject()
    json.member("type", "feed_status")
    json.member("broker", status.name)
    json.member("state", status.state.name)
    json.member("reason", status.reason.name)
    // Always a number: without market data so far it is that of the state.
    let start = status.lastPayload > 0 ? status.lastPayload : status.since
    json.member("age_ms", start > 0 ? millis(from: start, to: wallNanos) : 0)
    json.member("timestamp", wallNanos / nanosPerMilli)
    if status.since > 0 { json.member("since", status.since / nanosPerMilli) }
    json.member("used", Int64(status.used))
    json.member("limit", Int64(status.limit))
    json.member("sockets", Int64(status.sockets))
    json.member("silent", Int64(status.silent))
    json.member("reconnects", Int64(clamping: status.reconnects))
    json.endObject()
    return json.bytes
  }

  /// Between two readings of the clock, which may have been set back meanwhile.
  private static func millis(from start: Int64, to end: Int64) -> Int64 { max(0, end - start) / nanosPerMilli }

  private static let nanosPerMilli: Int64 = 1_000_000
  /// Room to make at once.
  private static let bytesTypical = 256
}
