// Encrypted sockets as the loop drives them: handshake, decrypting what came, encrypting what is due. Loop thread only;
// no allocation of ours after a connection's start (OpenSSL takes and frees one record buffer per batch).
//
// A socket's outbox holds plain text until the moment when all earlier cipher text has been sent; then what one send
// can take is encrypted, in as few records as possible. So records are made per batch and not per append, bytes on two
// sides of a fence never share a record or a send, and what waits for a slow peer can still be conflated.

import COpenSSL
import Glibc

/// What came of received bytes.
enum TLSProgress {
  case needMore
  /// The handshake is done.
  case established
  /// Plain text, valid until the next call.
  case bytes(UnsafeMutableRawBufferPointer)
  /// The peer has announced the end of its data.
  case ended
  /// The socket is on its way to its end.
  case failed
}

extension Sockets {
  // MARK: Begin and end

  /// Opens an encrypted connection; `onConnect` comes when the peer has proved who it is.
  /// - Parameter hostName: what its certificate must be for; a numeric address is compared with the addresses in it.
  public func connect(
    to address: SocketAddress, securedBy context: TLSClientContext, hostName: String
  ) throws(LoopError) -> SocketID {
    guard let ssl = context.makeSession(hostName: hostName) else { throw .badAddress(hostName) }
    guard let session = TLSSession.make(ssl, self) else { throw .outOfMemory(what: "a TLS session") }
    do {
      let id = try connect(to: address)
      secure(id, session)
      return id
    } catch {
      session.free()
      throw error
    }
  }

  /// Whether the socket's bytes are encrypted.
  public func isSecure(_ socket: SocketID) -> Bool { state(socket)?.pointee.session != nil }

  func adoptSecured(_ descriptor: Int32, _ tls: TLSServerContext) -> SocketID? {
    guard let ssl = tls.makeSession(), let session = TLSSession.make(ssl, self) else { return nil }
    guard let id = adopt(descriptor: descriptor, phase: .open) else {
      session.free()
      return nil
    }
    secure(id, session)
    return id
  }

  /// Makes a new socket an encrypted one, which owns the session from now on.
  func secure(_ socket: SocketID, _ session: UnsafeMutablePointer<TLSSession>) {
    if scratch == nil { scratch = TLSScratch() }
    session.pointee.index = socket.index
    states[Int(socket.index)].session = session
    secureCount += 1
  }

  func release(_ session: UnsafeMutablePointer<TLSSession>) {
    session.pointee.cipher.empty(&pool)
    session.pointee.waiting.empty(&pool)
    session.free()
    secureCount -= 1
  }

  func isHandshaking(_ state: UnsafeMutablePointer<SocketState>) -> Bool {
    state.pointee.session?.pointee.stage == .handshaking
  }

  /// Ends a socket with a cause of TLS, at once.
  func cut(_ socket: SocketID, _ cause: String) {
    guard let state = state(socket), state.pointee.phase != .closing else { return }
    failures[socket.index] = cause
    end(socket, reason: SocketState.reasonTLS)
  }

  // MARK: Receiving

  /// Takes the next step with the session's input. To be called until it needs more, has ended or failed.
  func advance(_ id: SocketID, _ session: UnsafeMutablePointer<TLSSession>) -> TLSProgress {
    if session.pointee.stage == .failed { return .failed }
    ERR_clear_error()
    let ssl = session.pointee.ssl
    if session.pointee.stage == .handshaking {
      let result = SSL_do_handshake(ssl)
      if result == 1 {
        session.pointee.stage = .established
        return .established
      }
      if SSL_get_error(ssl, result) == SSL_ERROR_WANT_READ { return .needMore }
      return fail(id, session)
    }
    guard let plain = scratch?.plain, let base = plain.baseAddress else { return .failed }
    var count = 0
    // Bounded by the input: every round takes a record from it, or ends the loop.
    while count < plain.count {
      let result = SSL_read(ssl, base + count, Int32(plain.count - count))
      if result > 0 {
        count += Int(result)
        continue
      }
      switch SSL_get_error(ssl, result) {
      case SSL_ERROR_WANT_READ where count == 0: return .needMore
      case SSL_ERROR_ZERO_RETURN where count == 0: return .ended
      case SSL_ERROR_WANT_READ, SSL_ERROR_ZERO_RETURN: return .bytes(.init(rebasing: plain[..<count]))
      default: return fail(id, session)
      }
    }
    return .bytes(plain)
  }

  /// A failed handshake leaves an alert to be sent: the peer learns the cause. Later nothing more can be trusted.
  private func fail(_ id: SocketID, _ session: UnsafeMutablePointer<TLSSession>) -> TLSProgress {
    let cause = Self.failureText(session.pointee.ssl)
    let isHandshake = session.pointee.stage == .handshaking
    session.pointee.stage = .failed
    guard isHandshake, session.pointee.cipherBytes > 0, let state = state(id) else {
      cut(id, cause)
      return .failed
    }
    failures[id.index] = cause
    state.pointee.reason = SocketState.reasonTLS
    state.pointee.outbox.empty(&pool)
    state.pointee.fenceCount = 0
    state.pointee.bytesPending = session.pointee.cipherBytes
    state.pointee.phase = .draining
    mark(id.index, state)
    return .failed
  }

  private static func failureText(_ ssl: OpaquePointer) -> String {
    let verdict = SSL_get_verify_result(ssl)
    let text = OpenSSLErrors.take() ?? "the peer breaks the protocol or does not take its replies"
    guard verdict != Int(X509_V_OK), SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE,
      let detail = X509_verify_cert_error_string(verdict)
    else { return text }
    return "certificate verify failed: \(String(cString: detail))"
  }

  /// Keeps the bytes of a handshake that is put off; false when there are too many.
  func keep(_ session: UnsafeMutablePointer<TLSSession>, _ bytes: UnsafeMutableRawBufferPointer) -> Bool {
    guard session.pointee.waitingBytes + bytes.count <= TLSSession.waitingBytesMax, let base = bytes.baseAddress,
      add(base, bytes.count, to: &session.pointee.waiting)
    else { return false }
    session.pointee.waitingBytes += bytes.count
    return true
  }

  // MARK: Sending

  /// Encrypts what one send can take, if all that was encrypted earlier has left.
  func encrypt(
    _ index: UInt32, _ state: UnsafeMutablePointer<SocketState>, _ session: UnsafeMutablePointer<TLSSession>
  ) {
    guard session.pointee.stage == .established, session.pointee.cipherBytes == 0 else { return }
    ERR_clear_error()
    var left = min(bytesToFence(state), TLSSession.batchBytesMax)
    while left > 0, let head = state.pointee.outbox.head {
      let count = min(left, TLSSession.recordBytesMax)
      let inHead = Int(head.pointee.end - head.pointee.start)
      let source =
        count <= inHead
        ? UnsafeMutableRawPointer(head.pointee.payload + Int(head.pointee.start))
        : assemble(state.pointee.outbox, count)
      guard SSL_write(session.pointee.ssl, source, Int32(count)) == Int32(count) else {
        session.pointee.stage = .failed
        return cut(
          SocketID(index: index, generation: state.pointee.generation), Self.failureText(session.pointee.ssl))
      }
      consume(state, count)
      left -= count
    }
    if state.pointee.phase == .draining { finish(state, session) }
  }

  /// The front of an outbox in one piece.
  private func assemble(_ outbox: BlockList, _ bytes: Int) -> UnsafeMutableRawPointer {
    guard let record = scratch?.record else { preconditionFailure("an encrypted socket without scratch memory") }
    var offset = 0
    var block = outbox.head
    while offset < bytes, let current = block {
      let part = min(bytes - offset, Int(current.pointee.end - current.pointee.start))
      (record + offset).copyMemory(from: current.pointee.payload + Int(current.pointee.start), byteCount: part)
      offset += part
      block = current.pointee.next
    }
    precondition(offset == bytes)
    return record
  }

  /// Announces the end of our data once all of it is encrypted.
  func finish(_ state: UnsafeMutablePointer<SocketState>, _ session: UnsafeMutablePointer<TLSSession>) {
    guard session.pointee.stage == .established, state.pointee.outbox.head == nil else { return }
    ERR_clear_error()
    session.pointee.stage = .finished
    SSL_shutdown(session.pointee.ssl)
  }

  /// Cipher text that OpenSSL has made. False beyond the bound: the connection is broken then.
  func takeCipher(
    _ session: UnsafeMutablePointer<TLSSession>, _ bytes: UnsafeRawPointer, _ count: Int
  ) -> Bool {
    guard session.pointee.cipherBytes + count <= TLSSession.cipherBytesMax,
      add(bytes, count, to: &session.pointee.cipher)
    else { return false }
    if session.pointee.cipherBytes == 0 { session.pointee.isCipherFresh = true }
    session.pointee.cipherBytes += count
    let state = states + Int(session.pointee.index)
    state.pointee.bytesPending += count
    mark(session.pointee.index, state)
    return true
  }

  /// Whether cipher text is under way, for whose age the mark stands.
  func isCipherMarked(_ state: UnsafeMutablePointer<SocketState>) -> Bool {
    guard let session = state.pointee.session else { return false }
    return session.pointee.cipherBytes > 0 && !session.pointee.isCipherFresh
  }

  /// Takes sent cipher text off the front.
  func consumeCipher(
    _ state: UnsafeMutablePointer<SocketState>, _ session: UnsafeMutablePointer<TLSSession>, _ count: Int
  ) {
    assert(count <= session.pointee.cipherBytes)
    session.pointee.cipher.drop(count, &pool)
    session.pointee.cipherBytes -= count
    state.pointee.bytesPending -= count
    if session.pointee.cipherBytes == 0 { session.pointee.cipher.empty(&pool) }
  }

  /// Adds bytes beyond the bound of the outboxes: they stand in for plain text that is about to be given back, or
  /// have bounds of their own.
  private func add(_ bytes: UnsafeRawPointer, _ count: Int, to list: inout BlockList) -> Bool {
    var offset = 0
    while offset < count {
      if list.tail.map({ Int($0.pointee.end) == Block.room }) ?? true {
        guard let block = pool.takeBeyondBound() else { return false }
        list.push(block)
      }
      guard let tail = list.tail else { return false }
      let part = min(count - offset, Block.room - Int(tail.pointee.end))
      (tail.pointee.payload + Int(tail.pointee.end)).copyMemory(from: bytes + offset, byteCount: part)
      tail.pointee.end += UInt32(part)
      offset += part
    }
    return true
  }
}
