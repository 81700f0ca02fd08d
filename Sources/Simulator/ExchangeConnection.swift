// One client of the simulated exchange. Owned by the loop thread; a class because the protocol state is not copyable
// and is found by socket. Not touched per tick, but for the time of the last frame.

import Reactor
import WebSocket

final class ExchangeConnection {
  enum Stage {
    /// Before it is known what the client wants: a WebSocket or a REST call.
    case entrance
    case open
    /// A close frame or an answer is on its way; nothing is read any more.
    case closing
  }

  let socket: SocketID
  /// Orders connections by age.
  let number: UInt64
  let openedNanos: Int64
  var stage = Stage.entrance
  var reader: RestReader
  /// The bytes so far are no REST call.
  var isHandshake = false
  var handshake = ServerHandshake()
  var webSocket: WebSocketConnection
  /// Present from the opening on.
  var session: (any BrokerSession)?
  /// Whose it is; connections are counted by it.
  var user = ""
  /// Place among the sinks while open.
  var sink = -1
  var lastSendNanos: Int64
  /// Last ping or pong of the client.
  var lastLifeNanos: Int64
  var nextPingNanos = Int64.max
  /// Faults that concern this connection and those that were open with it.
  var faults: [Fault.Kind] = []
  /// A fault lets nothing out any more.
  var isDead = false

  init(socket: SocketID, number: UInt64, restPrefixes: [String], nowNanos: Int64) {
    self.socket = socket
    self.number = number
    reader = RestReader(prefixes: restPrefixes)
    openedNanos = nowNanos
    lastSendNanos = nowNanos
    lastLifeNanos = nowNanos
    webSocket = WebSocketConnection(ConnectionOptions(role: .server))
  }
}
