// The TLS side of one socket. OpenSSL reads from the bytes that the loop has just received and writes straight into
// blocks from which the kernel sends: no buffer lies between. Loop thread only. One allocation per encrypted socket,
// and what OpenSSL itself keeps.

import COpenSSL
import Glibc

@usableFromInline struct TLSSession: BitwiseCopyable {
  enum Stage: UInt8, BitwiseCopyable {
    case handshaking
    case established
    /// The end of our data has been announced.
    case finished
    /// What is left to send is an alert.
    case failed
  }

  let ssl: OpaquePointer
  /// Outlives every session in it.
  let sockets: Unmanaged<Sockets>
  /// Of its socket; set when it has one.
  var index: UInt32 = 0
  var stage: Stage = .handshaking
  /// Is in the list of handshakes put off.
  var isPutOff = false
  /// Received bytes that are not read yet; valid only while they are handed in.
  var input: UnsafePointer<UInt8>?
  var inputBytes = 0
  /// Cipher text that waits to be sent, or is being sent.
  var cipher = BlockList()
  var cipherBytes = 0
  /// None of it has been handed to the kernel.
  var isCipherFresh = false
  /// Received bytes of a handshake that was put off.
  var waiting = BlockList()
  var waitingBytes = 0

  /// Plain text that is encrypted ahead of the kernel: one send. All else stays plain, where it can be conflated.
  static let batchBytesMax = 65_536
  /// Largest record of the protocol.
  static let recordBytesMax = 16_384
  /// Cipher text of one socket: a batch, a handshake with a long chain, and answers to key updates. A peer that makes
  /// more of these than it reads is cut.
  static let cipherBytesMax = 262_144
  /// Handshake bytes that are kept while others have their turn.
  static let waitingBytesMax = 32_768

  /// The session takes over `ssl`. Nil when memory is short: then `ssl` is freed.
  static func make(_ ssl: OpaquePointer, _ sockets: Sockets) -> UnsafeMutablePointer<TLSSession>? {
    guard let method = transport, let bio = BIO_new(method) else {
      SSL_free(ssl)
      return nil
    }
    let session = UnsafeMutablePointer<TLSSession>.allocate(capacity: 1)
    session.initialize(to: TLSSession(ssl: ssl, sockets: Unmanaged.passUnretained(sockets)))
    BIO_set_data(bio, session)
    BIO_set_init(bio, 1)
    SSL_set_bio(ssl, bio, bio)
    return session
  }

  /// How OpenSSL reaches the bytes. Made once and never changed, so any thread may use it.
  nonisolated(unsafe) private static let transport: OpaquePointer? = {
    guard let method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "blocks") else { return nil }
    BIO_meth_set_read(method) { bio, target, count in
      guard let session = BIO_get_data(bio)?.assumingMemoryBound(to: TLSSession.self), let target, count > 0 else {
        return -1
      }
      tg_bio_clear_retry(bio)
      return session.read(into: target, Int(count), bio)
    }
    BIO_meth_set_write(method) { bio, source, count in
      guard let session = BIO_get_data(bio)?.assumingMemoryBound(to: TLSSession.self), let source, count > 0 else {
        return -1
      }
      tg_bio_clear_retry(bio)
      let sockets = session.pointee.sockets.takeUnretainedValue()
      return sockets.takeCipher(session, source, Int(count)) ? count : -1
    }
    // Nothing is held back, so a flush has always been done.
    BIO_meth_set_ctrl(method) { _, command, _, _ in command == BIO_CTRL_FLUSH ? 1 : 0 }
    return method
  }()
}

extension UnsafeMutablePointer<TLSSession> {
  fileprivate func read(into target: UnsafeMutablePointer<CChar>, _ count: Int, _ bio: OpaquePointer?) -> Int32 {
    let part = min(count, pointee.inputBytes)
    guard part > 0, let input = pointee.input else {
      tg_bio_retry_read(bio)
      return -1
    }
    UnsafeMutableRawPointer(target).copyMemory(from: input, byteCount: part)
    pointee.input = input + part
    pointee.inputBytes -= part
    return Int32(part)
  }

  func free() {
    // Else OpenSSL takes the session of a connection that was cut for a bad one, and no reconnect could go on with it.
    SSL_set_shutdown(pointee.ssl, SSL_SENT_SHUTDOWN)
    SSL_free(pointee.ssl)
    deallocate()
  }
}

/// Memory that all sessions of a loop share in turn.
struct TLSScratch {
  /// Decrypted bytes, valid while a handler looks at them.
  let plain: UnsafeMutableRawBufferPointer
  /// Plain text of a record that lies in several blocks.
  let record: UnsafeMutableRawPointer

  private static let plainBytes = 65_536

  init() {
    plain = .allocate(byteCount: Self.plainBytes, alignment: 16)
    record = .allocate(byteCount: TLSSession.recordBytesMax, alignment: 16)
  }

  func deallocate() {
    plain.deallocate()
    record.deallocate()
  }
}
