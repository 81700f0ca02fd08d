// One client of the simulated exchange. Owned by the loop thread; a class because the protocol state is not copyable
// and is found by socket. Not touched per tick.

import Reactor
import WebSocket

final class ExchangeConnection {
  enum Stage {
    case handshake
    case open
    /// A close frame or a refusal is on its way; nothing is read any more.
    case closing
  }

  let socket: SocketID
  let openedNanos: Int64
  var stage = Stage.handshake
  var handshake = ServerHandshake()
  var webSocket: WebSocketConnection
  var session: KiteServerSession
  /// Place among the sinks while open.
  var sink = -1

  init(socket: SocketID, session: KiteServerSession, nowNanos: Int64) {
    self.socket = socket
    self.session = session
    openedNanos = nowNanos
    webSocket = WebSocketConnection(ConnectionOptions(role: .server))
  }
}
