// The gateway's connection to the bench's feed: upgrade, subscriptions, pings. Feed thread only.

import Glibc
import Simulator
import WebSocket

final class FeedConnection {
  let descriptor: Int32
  var session: KiteServerSession
  private var handshake: ServerHandshake? = ServerHandshake()
  private var connection: WebSocketConnection

  init(descriptor: Int32, indexByToken: [UInt32: UInt32], nowNanos: Int64) {
    self.descriptor = descriptor
    session = KiteServerSession(
      indexByToken: indexByToken, instrumentsMax: FeedInstruments.countMax, nowNanos: nowNanos)
    var options = ConnectionOptions(role: .server)
    options.messageBytesMax = 4 << 20
    connection = WebSocketConnection(options)
  }

  /// Once, at the end.
  func close() {
    // Also ends what the ring still waits for.
    shutdown(descriptor, Int32(SHUT_RDWR))
    _ = Glibc.close(descriptor)
  }

  /// Whether a second of silence has to be filled.
  func isHeartbeatDue(_ nowNanos: Int64) -> Bool { handshake == nil && session.isHeartbeatDue(nowNanos: nowNanos) }

  /// Takes what has arrived.
  /// - Returns: false when the connection is over.
  func receive(_ bytes: UnsafeMutableRawBufferPointer) -> Bool {
    var chunk = bytes
    if handshake != nil {
      switch handshake!.receive(UnsafeRawBufferPointer(bytes)) {
      case .needMore: return true
      case .reject: return false
      case .upgrade(let request, let consumed):
        handshake = nil
        guard answer(request.acceptResponse()) else { return false }
        chunk = UnsafeMutableRawBufferPointer(rebasing: bytes[consumed...])
      }
    }
    connection.receive(chunk)
    while true {
      switch connection.next() {
      case .text(let text): _ = session.receive(text: text)
      case .ping(let payload):
        let pong = [0x8A, UInt8(payload.count)] + Array(payload)
        guard answer(pong) else { return false }
      case .closed, .violation: return false
      case .binary, .pong: break
      case .needMore: return true
      }
    }
  }

  private func answer(_ bytes: [UInt8]) -> Bool { (try? SocketText.sendAll(descriptor, bytes)) != nil }
}
