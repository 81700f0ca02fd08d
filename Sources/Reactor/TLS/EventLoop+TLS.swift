// The loop's part of TLS: received bytes through OpenSSL to the handler, and handshakes in small portions, so that a
// thousand clients that reconnect at once do not hold up the ticks of those that are there. Loop thread only.

import Glibc
import Market

extension EventLoop {
  /// Handshake steps per turn. A step of a server costs some hundred microseconds (it signs), so that a turn takes a
  /// few milliseconds at most.
  static var handshakesPerTurnMax: Int { 8 }

  /// Bytes of an encrypted socket came in.
  func onReceive(
    _ id: SocketID, _ state: UnsafeMutablePointer<SocketState>, _ session: UnsafeMutablePointer<TLSSession>,
    _ bytes: UnsafeMutableRawBufferPointer
  ) {
    guard session.pointee.stage == .handshaking else { return take(id, state, session, bytes) }
    if !session.pointee.isPutOff, handshakesLeft > 0 {
      handshakesLeft -= 1
      return take(id, state, session, bytes)
    }
    guard sockets.keep(session, bytes) else { return sockets.cut(id, "too much came in a handshake") }
    if !session.pointee.isPutOff {
      session.pointee.isPutOff = true
      handshakesPutOff.append(id)
    }
  }

  /// Goes on with handshakes that were put off, the oldest first.
  func resumeHandshakes() {
    handshakesLeft = Self.handshakesPerTurnMax
    guard !handshakesPutOff.isEmpty else { return }
    var done = 0
    while done < handshakesPutOff.count, handshakesLeft > 0 {
      let id = handshakesPutOff[done]
      done += 1
      guard let state = sockets.state(id), let session = state.pointee.session else { continue }
      handshakesLeft -= 1
      session.pointee.isPutOff = false
      var waiting = session.pointee.waiting
      session.pointee.waiting = BlockList()
      session.pointee.waitingBytes = 0
      var block = waiting.head
      while let current = block {
        let bytes = UnsafeMutableRawBufferPointer(
          start: current.pointee.payload, count: Int(current.pointee.end - current.pointee.start))
        take(id, state, session, bytes)
        block = current.pointee.next
      }
      waiting.empty(&sockets.pool)
    }
    handshakesPutOff.removeFirst(done)
  }

  private func take(
    _ id: SocketID, _ state: UnsafeMutablePointer<SocketState>, _ session: UnsafeMutablePointer<TLSSession>,
    _ bytes: UnsafeMutableRawBufferPointer
  ) {
    session.pointee.input = UnsafePointer(bytes.baseAddress?.assumingMemoryBound(to: UInt8.self))
    session.pointee.inputBytes = bytes.count
    defer {
      session.pointee.input = nil
      session.pointee.inputBytes = 0
    }
    progress(id, state, session)
  }

  /// Steps until the input is used up or the socket is no longer in a state to go on. The handler may close the socket
  /// in between, but its memory stays until the end of the turn.
  func progress(
    _ id: SocketID, _ state: UnsafeMutablePointer<SocketState>, _ session: UnsafeMutablePointer<TLSSession>
  ) {
    while true {
      switch state.pointee.phase {
      case .securing, .open, .draining: break
      case .free, .connecting, .lingering, .closing: return
      }
      switch sockets.advance(id, session) {
      case .needMore, .failed: return
      case .established:
        sockets.mark(id.index, state)
        if state.pointee.phase != .draining { state.pointee.deadlineNanos = .max }
        if state.pointee.phase == .securing {
          state.pointee.phase = .open
          handler.onConnect(id)
        }
      case .bytes(let plain):
        if state.pointee.phase == .open { handler.onReceive(id, plain) }
      case .ended: return onPeerEnd(id, state)
      }
    }
  }

  /// The peer sends nothing more: it has closed its side, or announced the end of its data.
  func onPeerEnd(_ id: SocketID, _ state: UnsafeMutablePointer<SocketState>) {
    if sockets.isHandshaking(state) {
      return sockets.cut(id, "the peer ended the connection during the handshake")
    }
    switch state.pointee.phase {
    case .draining: state.pointee.flags.insert(.peerEnded)
    case .lingering: sockets.end(id, reason: SocketState.reasonLocal)
    default: sockets.end(id, reason: SocketState.reasonPeer)
    }
  }

  /// Encrypts and sends what is due to an encrypted socket.
  func send(
    _ index: UInt32, _ state: UnsafeMutablePointer<SocketState>, _ session: UnsafeMutablePointer<TLSSession>,
    _ now: Int64
  ) {
    // Before a new batch, and before what a handshake has to say: all earlier bytes have left.
    if session.pointee.cipherBytes == 0 || session.pointee.isCipherFresh { sockets.noteAge(state, now) }
    sockets.encrypt(index, state, session)
    guard session.pointee.cipherBytes > 0, state.pointee.phase != .closing else { return }
    session.pointee.isCipherFresh = false
    submit(index, state, session.pointee.cipher, session.pointee.cipherBytes)
  }
}
