// The server under test. Owned by the loop's thread; allocates.

import Reactor
import WebSocket

final class EchoServer: LoopHandler {
  private enum Stage {
    case handshake(ServerHandshake)
    case open(EchoPeer)
  }

  private let sockets: Sockets
  private let compression = EchoCompression()
  private var stages: [SocketID: Stage] = [:]

  init(sockets: Sockets) { self.sockets = sockets }

  func onAccept(_ socket: SocketID, listener: Int, peer: SocketAddress) {
    stages[socket] = .handshake(ServerHandshake())
  }

  func onReceive(_ socket: SocketID, _ bytes: UnsafeMutableRawBufferPointer) {
    switch stages[socket] {
    case .handshake(let handshake): shakeHands(socket, handshake, bytes)
    case .open(let peer): peer.receive(bytes)
    case nil: break
    }
  }

  private func shakeHands(_ socket: SocketID, _ handshake: ServerHandshake, _ bytes: UnsafeMutableRawBufferPointer) {
    var handshake = handshake
    switch handshake.receive(UnsafeRawBufferPointer(bytes)) {
    case .needMore: stages[socket] = .handshake(handshake)
    case .reject(let rejection):
      _ = sockets.append(socket, rejection.response)
      sockets.closeAfterFlush(socket)
    case .upgrade(let request, let consumed):
      _ = sockets.append(socket, request.acceptResponse(deflate: request.deflate))
      let peer = EchoPeer(
        socket: socket, role: .server, sockets: sockets, compression: compression, agreement: request.deflate)
      stages[socket] = .open(peer)
      peer.receive(UnsafeMutableRawBufferPointer(rebasing: bytes[consumed...]))
    }
  }

  func onClosed(_ socket: SocketID, reason: CloseReason) { stages[socket] = nil }

  func onConnect(_ socket: SocketID) {}
  func onTurn(nowNanos: Int64) {}
  func onSweep(nowNanos: Int64) {}
  func hasWork() -> Bool { false }
  func deadlineNanos() -> Int64 { .max }
}
