// One connection of the WebSocket server: the cold part. What ticks touch is its `ClientSlot`. Loop thread only.

import Reactor
import WebSocket

final class FanoutClient {
  enum Phase {
    case handshake
    case open
    /// The close frame or the refusal is on its way; nothing more is read.
    case closing
  }

  let socket: SocketID
  let peer: SocketAddress
  let connectedNanos: Int64
  var phase = Phase.handshake
  var handshake = ServerHandshake()
  var connection: WebSocketConnection
  var session: SessionState
  var keepalive: Keepalive
  /// As the client calls itself, clipped.
  var userAgent: String?

  /// What the limit of connections per address counts; nil when exempt: a reverse proxy connects from loopback for
  /// everybody.
  var host: HostKey? { peer.isLoopback ? nil : HostKey(peer) }

  init(
    _ socket: SocketID, peer: SocketAddress, connectedNanos: Int64, session: SessionState, keepalive: Keepalive
  ) {
    self.socket = socket
    self.peer = peer
    self.connectedNanos = connectedNanos
    self.session = session
    self.keepalive = keepalive
    connection = WebSocketConnection(ConnectionOptions(role: .server))
  }
}

/// A remote host as connection limits see it: an IPv4 address, or the 64-bit network of an IPv6 one, since one
/// subscriber line has all addresses of that.
package struct HostKey: Hashable {
  private let high: UInt64
  private let low: UInt64

  package init(_ address: SocketAddress) {
    high = address.high
    low = address.isIPv4 || address.high == 0 ? address.low : 0
  }
}
