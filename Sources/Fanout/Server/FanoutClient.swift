// One connection of the WebSocket server: the cold part as an object, the part that ticks touch as a row of a flat
// table. Loop thread only.

import Reactor
import WebSocket

/// What the tick path and the sweep know about a client, by socket index.
struct ClientSlot: BitwiseCopyable {
  var generation: UInt32 = 0
  /// Bytes pending above which market data is conflated. 0 for a client that wants one frame per write.
  var pendingBytesSoftMax: UInt32 = 0
  /// Market data is being conflated until what is owed has been sent.
  var isLagging = false
  /// When the sweep has to look at the client; `.max` for none.
  var lookNanos = Int64.max

  static let free = ClientSlot()
}

final class FanoutClient {
  enum Phase {
    case handshake
    case open
    /// The close frame or the refusal is on its way; nothing more is read.
    case closing
  }

  let socket: SocketID
  /// What the limit of connections per address counts; nil when exempt.
  let host: HostKey?
  var phase = Phase.handshake
  var handshake = ServerHandshake()
  let handshakeDeadlineNanos: Int64
  var connection: WebSocketConnection
  var session: SessionState
  var keepalive: Keepalive

  init(
    _ socket: SocketID, host: HostKey?, handshakeDeadlineNanos: Int64, session: SessionState, keepalive: Keepalive
  ) {
    self.socket = socket
    self.host = host
    self.handshakeDeadlineNanos = handshakeDeadlineNanos
    self.session = session
    self.keepalive = keepalive
    connection = WebSocketConnection(ConnectionOptions(role: .server))
  }
}

/// A remote host as connection limits see it: an IPv4 address, or the 64-bit network of an IPv6 one, since one
/// subscriber line has all addresses of that.
struct HostKey: Hashable {
  private let high: UInt64
  private let low: UInt64

  init(_ address: SocketAddress) {
    high = address.high
    low = address.isIPv4 || address.high == 0 ? address.low : 0
  }
}
