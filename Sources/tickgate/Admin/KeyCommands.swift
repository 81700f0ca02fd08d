import JSONText
import Market
import OrderGateway

/// Key administration, the same through the socket of a running gateway and on the store alone.
struct KeyCommands: Sendable {
  let store: KeyStore

  /// A request object to a reply object.
  func answer(_ request: JSONValue) -> [UInt8] {
    do {
      switch request["command"]?.string {
      case "keys.add": return try add(request)
      case "keys.list": return try list()
      case "keys.revoke": return try revoke(request)
      default: return AdminReply.error("unknown command")
      }
    } catch {
      return AdminReply.error("\(error)")
    }
  }

  private func add(_ request: JSONValue) throws -> [UInt8] {
    guard let name = request["name"]?.string, !name.isEmpty else { return AdminReply.error("a key needs a name") }
    let key = try store.add(name: name, userID: request["user"]?.string)
    return AdminReply.success { $0.member("key", key) }
  }

  private func list() throws -> [UInt8] {
    let rows = try store.list().filter { $0.revokedAt == nil }
    return AdminReply.success { writer in
      writer.key("keys")
      writer.beginArray()
      for row in rows {
        writer.beginObject()
        writer.member("id", row.id)
        writer.member("name", row.name)
        writer.member("user", row.userID)
        writer.member("created", ISTTime(epochNanos: row.createdAt).text)
        writer.endObject()
      }
      writer.endArray()
    }
  }

  private func revoke(_ request: JSONValue) throws -> [UInt8] {
    guard let key = request["key"]?.string else { return AdminReply.error("which key?") }
    let row = try store.revoke(key)
    return AdminReply.success { $0.member("name", row.name) }
  }
}
