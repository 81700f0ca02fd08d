// What the loop asks of a broker's protocol outside of open connections: who may come in, what its REST calls answer,
// and how it fails. Never called per tick.

import WebSocket

/// What is known at the entrance, shared by all connections.
struct Door {
  let credentials: BrokerCredentials
  let limits: BrokerLimits
  let directory: InstrumentDirectory
  /// Whether the exchange's port is encrypted: decides the addresses that are handed out.
  let isSecure: Bool
  var tokens: TokenBook
  /// Nobody is let in, whatever the token.
  var isRefusing = false

  /// The verdict on a token, with what was ordered for all.
  mutating func judge(_ token: String?) -> TokenBook.Verdict {
    let verdict = tokens.judge(token)
    return isRefusing && verdict == .good ? .wrong : verdict
  }

  /// Whether a given value is the one that is asked for.
  func matches(_ given: String?, _ wanted: String?) -> Bool {
    guard let given, !given.isEmpty else { return false }
    return wanted == nil || given == wanted
  }
}

/// The answer to an upgrade request.
enum UpgradeVerdict {
  /// Open: the session, whose it is (connections are counted by it), and a binary frame to begin with.
  case accept(any BrokerSession, user: String, greeting: [UInt8]?)
  case reject(HandshakeRejection)
  /// Opened, told why in a binary frame, and closed.
  case turnAway([UInt8])
}

/// What a connection beyond those that a user may have leads to.
enum ConnectionOverflow {
  /// The new one is refused.
  case refuse(HandshakeRejection)
  /// The oldest one is told and closed.
  case dropOldest([UInt8])
}

/// One broker's protocol.
protocol BrokerDialect {
  /// How requests begin that are answered by `answer`: method, blank, beginning of the path.
  var restPrefixes: [String] { get }

  mutating func upgrade(_ request: UpgradeRequest, _ door: inout Door, epochMillis: Int64) -> UpgradeVerdict
  mutating func answer(_ request: RestRequest, _ door: inout Door) -> RestResponse
  func overflow(of session: any BrokerSession) -> ConnectionOverflow
  /// What a connection whose token has expired is told before it is closed.
  func farewell(toExpired session: any BrokerSession) -> [UInt8]?
  /// First bytes of a frame that no decoder may take for a good one.
  var garbage: [UInt8] { get }
  /// A frame that comes in place of the heartbeat when that is to be wrong.
  var wrongHeartbeat: (opcode: Opcode, payload: [UInt8]) { get }
}

extension SimulatedBroker {
  func makeDialect() -> any BrokerDialect {
    switch self {
    case .kite: KiteDialect()
    case .angel: AngelDialect()
    case .upstox: UpstoxDialect()
    case .dhan: DhanDialect()
    }
  }
}
