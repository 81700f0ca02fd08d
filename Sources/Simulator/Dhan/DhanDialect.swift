// Dhan at the entrance: token and client id in the query; who is not let in hears why in a packet.

import WebSocket

struct DhanDialect: BrokerDialect {
  let restPrefixes: [String] = []
  /// A code that does not exist, with a length that cannot be stepped over.
  let garbage: [UInt8] = [0xEE, 0, 0, 0]
  /// A packet of code 0, which has been seen on the real feed.
  let wrongHeartbeat: (opcode: Opcode, payload: [UInt8]) = (.binary, [0, 8, 0, 0, 0, 0, 0, 0])

  func upgrade(_ request: UpgradeRequest, _ door: inout Door, epochMillis: Int64) -> UpgradeVerdict {
    let target = RequestTarget(request.target)
    guard let role = Self.role(path: target.path, host: request.host) else {
      return .reject(HandshakeRejection(status: 404, message: "not found"))
    }
    guard target["authType"] == "2", role != .market || target["version"] == "2" else {
      return .reject(HandshakeRejection(status: 400, message: "version=2 and authType=2 are required"))
    }
    let client = target["clientId"]
    guard door.matches(client, door.credentials.clientCode) else { return Self.refused(.clientInvalid, role) }
    switch door.judge(target["token"]) {
    case .expired: return Self.refused(.tokenExpired, role)
    case .wrong: return Self.refused(door.isRefusing ? .authenticationFailed : .tokenInvalid, role)
    case .good: break
    }
    let session = DhanSession(role: role, directory: door.directory, limits: door.limits)
    return .accept(session, user: "\(client ?? "") \(role)", greeting: nil)
  }

  /// By path; on the hosts of the deep feeds the root belongs to them.
  private static func role(path: String, host: String) -> DhanRole? {
    switch path {
    case "/twentydepth": .depth20
    case "/twohundreddepth": .depth200
    case "/", "":
      host.hasPrefix("full-depth") ? .depth200 : host.hasPrefix("depth-api") ? .depth20 : .market
    default: nil
    }
  }

  private static func refused(_ reason: DhanEncoder.Disconnect, _ role: DhanRole) -> UpgradeVerdict {
    .turnAway(DhanEncoder.disconnect(reason, format: role.format))
  }

  func answer(_ request: RestRequest, _ door: inout Door) -> RestResponse { .notFound }

  func overflow(of session: any BrokerSession) -> ConnectionOverflow {
    .dropOldest(DhanEncoder.disconnect(.tooManyConnections, format: session.format))
  }

  func farewell(toExpired session: any BrokerSession) -> [UInt8]? {
    DhanEncoder.disconnect(.tokenExpired, format: session.format)
  }
}
