import Fanout
import JSONText

/// What the administration socket tells about the clients of the WebSocket server.
struct ClientCommands: Sendable {
  let service: FanoutService

  /// A request object to a reply object; nil when it is about something else.
  func answer(_ request: JSONValue) -> [UInt8]? {
    guard request["command"]?.string == "clients" else { return nil }
    do {
      let clients = try service.clients()
      let totals = service.statistics()
      return AdminReply.success { writer in
        writer.key("clients")
        writer.beginArray()
        for client in clients { Self.write(client, to: &writer) }
        writer.endArray()
        Self.write(totals, to: &writer)
      }
    } catch {
      return AdminReply.error("\(error)")
    }
  }

  private static func write(_ client: ClientReport, to writer: inout JSONWriter) {
    writer.beginObject()
    writer.member("id", client.id)
    writer.member("address", client.address)
    writer.member("user", client.userID ?? "-")
    writer.member("agent", client.userAgent ?? "-")
    writer.member("policy", client.policy.name)
    writer.member("format", client.format)
    writer.member("subscriptions", Int64(client.subscriptions))
    writer.member("delivered", Int64(clamping: client.delivered))
    writer.member("conflated", Int64(clamping: client.conflated))
    writer.member("owed", Int64(client.owed))
    writer.member("pending_bytes", Int64(client.pendingBytes))
    writer.member("pending_ms", client.pendingAgeNanos / 1_000_000)
    writer.member("state", client.isHeld ? "held" : "direct")
    writer.member("seconds", client.connectedSeconds)
    writer.endObject()
  }

  private static func write(_ totals: FanoutStatistics, to writer: inout JSONWriter) {
    let rows: [(String, UInt64)] = [
      ("connections", totals.clients), ("subscriptions", totals.subscriptions),
      ("outbox_bytes", totals.outboundBytes), ("accepted", totals.accepted), ("refused", totals.refused),
      ("delivered", totals.delivered), ("conflated", totals.conflated), ("slow_held", totals.held),
      ("slow_closed", totals.slowClosed), ("ticks", totals.ticks), ("lapped", totals.laps), ("ticks_lost", totals.lost),
    ]
    writer.key("totals")
    writer.beginObject()
    for (name, value) in rows { writer.member(name, Int64(clamping: value)) }
    writer.endObject()
  }
}
