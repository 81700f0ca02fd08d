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
    // Numbers only: without market data so far there is no age.
    if status.lastPayload > 0 { json.member("age_ms", millis(from: status.lastPayload, to: wallNanos)) }
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
