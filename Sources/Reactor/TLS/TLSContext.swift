// What TLS connections of one kind share: certificate and key of a server, trusted authorities of a client. Made at
// start, used by loops on any thread. A server's context is replaced as a whole when its files change; connections
// keep the one that they began with. Cold path: once per connection.

import CLinux
import COpenSSL
import Glibc
import Synchronization

/// An OpenSSL context. OpenSSL counts references and locks inside, and nothing here changes one after it was set up,
/// so that threads may share it.
final class TLSHandle: @unchecked Sendable {
  let pointer: OpaquePointer

  init(_ method: OpaquePointer?) throws(TLSError) {
    ERR_clear_error()
    guard let made = SSL_CTX_new(method) else { throw .refused(cause: OpenSSLErrors.take() ?? "no memory") }
    pointer = made
    // 1.2 with forward secrecy and authenticated encryption only, then 1.3; the cheapest cipher first.
    guard tg_ssl_ctx_min_version(made, TLS1_2_VERSION) == 1,
      SSL_CTX_set_cipher_list(made, "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL") == 1,
      SSL_CTX_set_ciphersuites(
        made, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256") == 1
    else { throw .refused(cause: OpenSSLErrors.take() ?? "versions and ciphers") }
    SSL_CTX_set_options(made, TG_SSL_OPTIONS)
    // Idle connections keep no record buffers. Nothing is kept per finished session: tickets carry it.
    tg_ssl_ctx_mode(made, Int(SSL_MODE_RELEASE_BUFFERS))
    tg_ssl_ctx_cache_mode(made, Int(SSL_SESS_CACHE_OFF))
  }

  deinit { SSL_CTX_free(pointer) }
}

/// Certificate chain and private key that a server shows, from PEM files that may change while it runs.
public final class TLSServerContext: Sendable {
  /// Path of the certificate, followed in its file by those of its issuers.
  public let certificate: String
  /// Path of the private key.
  public let key: String

  private struct State: Sendable {
    var handle: TLSHandle
    var stamps: [FileStamp]
  }
  private let state: Mutex<State>

  /// - Throws: what is missing or does not fit, by file.
  public init(certificate: String, key: String) throws(TLSError) {
    self.certificate = certificate
    self.key = key
    let stamps = [FileStamp(certificate), FileStamp(key)]
    let handle = try Self.load(certificate, key)
    state = Mutex(State(handle: handle, stamps: stamps))
  }

  /// Reads the files again, for connections that come from now on. An error leaves everything as it was.
  public func reload() throws(TLSError) {
    let stamps = [FileStamp(certificate), FileStamp(key)]
    // Noted before the attempt: a file that is no good is complained about once, until it changes again.
    state.withLock { $0.stamps = stamps }
    let handle = try Self.load(certificate, key)
    state.withLock { $0.handle = handle }
  }

  /// Reloads when a file is not the one that was read last. Costs two `stat` calls.
  /// - Returns: whether a new certificate is in use.
  public func reloadIfChanged() throws(TLSError) -> Bool {
    let stamps = [FileStamp(certificate), FileStamp(key)]
    guard state.withLock({ $0.stamps != stamps }) else { return false }
    try reload()
    return true
  }

  /// A new server side of a connection; nil when memory is short.
  func makeSession() -> OpaquePointer? {
    let handle = state.withLock { $0.handle }
    guard let session = SSL_new(handle.pointer) else { return nil }
    SSL_set_accept_state(session)
    return session
  }

  private static func load(_ certificate: String, _ key: String) throws(TLSError) -> TLSHandle {
    for path in [certificate, key] where access(path, R_OK) != 0 {
      throw .unreadable(path: path, cause: String(cString: strerror(errno)))
    }
    let handle = try TLSHandle(TLS_server_method())
    guard SSL_CTX_use_certificate_chain_file(handle.pointer, certificate) == 1 else {
      throw .badCertificate(path: certificate, cause: OpenSSLErrors.take() ?? "unknown cause")
    }
    // Never ask a terminal for a passphrase.
    SSL_CTX_set_default_passwd_cb(handle.pointer) { _, _, _, _ in -1 }
    guard SSL_CTX_use_PrivateKey_file(handle.pointer, key, SSL_FILETYPE_PEM) == 1 else {
      // An OpenSSL check of its own: the key is read, but is not that of the certificate.
      let isMismatch = tg_err_reason(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH
      let isOtherKind = tg_err_reason(ERR_peek_last_error()) == X509_R_KEY_TYPE_MISMATCH
      let cause = OpenSSLErrors.take() ?? "unknown cause"
      if isMismatch || isOtherKind { throw .keyMismatch(certificate: certificate, key: key) }
      throw .badKey(path: key, cause: cause)
    }
    guard SSL_CTX_check_private_key(handle.pointer) == 1 else {
      ERR_clear_error()
      throw .keyMismatch(certificate: certificate, key: key)
    }
    SSL_CTX_set_num_tickets(handle.pointer, 1)
    SSL_CTX_set_alpn_select_cb(handle.pointer, selectProtocol, nil)
    return handle
  }

  /// WebSocket is HTTP/1.1. A client that offers only others is served without a choice made.
  private static let selectProtocol:
    @convention(c) (
      OpaquePointer?, UnsafeMutablePointer<UnsafePointer<UInt8>?>?, UnsafeMutablePointer<UInt8>?,
      UnsafePointer<UInt8>?, UInt32, UnsafeMutableRawPointer?
    ) -> Int32 = { _, chosen, chosenBytes, offered, offeredBytes, _ in
      guard let chosen, let chosenBytes, let offered else { return SSL_TLSEXT_ERR_NOACK }
      let wanted: StaticString = "http/1.1"
      var offset = 0
      while offset < Int(offeredBytes) {
        let count = Int(offered[offset])
        guard offset + 1 + count <= Int(offeredBytes) else { break }
        if count == wanted.utf8CodeUnitCount, memcmp(offered + offset + 1, wanted.utf8Start, count) == 0 {
          chosen.pointee = offered + offset + 1
          chosenBytes.pointee = UInt8(count)
          return SSL_TLSEXT_ERR_OK
        }
        offset += 1 + count
      }
      return SSL_TLSEXT_ERR_NOACK
    }
}

/// Tells one version of a file from the next, also when it is replaced through a link within one second.
struct FileStamp: Equatable, Sendable {
  private var inode: UInt64 = 0
  private var bytes: Int64 = -1
  private var modifiedNanos: Int64 = 0

  init(_ path: String) {
    var status = stat()
    guard stat(path, &status) == 0 else { return }
    inode = UInt64(status.st_ino)
    bytes = Int64(status.st_size)
    modifiedNanos = Int64(status.st_mtim.tv_sec) &* 1_000_000_000 &+ Int64(status.st_mtim.tv_nsec)
  }
}

/// Whom an outgoing connection trusts. The chain and the host name are verified unless that is turned off by name.
public final class TLSClientContext: Sendable {
  public enum Authorities: Sendable, Equatable {
    /// Those of the operating system.
    case system
    /// A file of certificates in PEM form.
    case file(String)
    /// Takes any certificate: the connection is encrypted, but nobody knows with whom.
    case anyone
  }

  private let handle: TLSHandle
  private let sessions = TLSSessionCache()

  public init(authorities: Authorities = .system) throws(TLSError) {
    handle = try TLSHandle(TLS_client_method())
    sessions.attach(to: handle)
    SSL_CTX_set_verify(handle.pointer, SSL_VERIFY_PEER, nil)
    switch authorities {
    case .system:
      guard SSL_CTX_set_default_verify_paths(handle.pointer) == 1 else {
        throw .refused(cause: OpenSSLErrors.take() ?? "no system authorities")
      }
    case .file(let path):
      guard access(path, R_OK) == 0 else { throw .unreadable(path: path, cause: String(cString: strerror(errno))) }
      guard SSL_CTX_load_verify_locations(handle.pointer, path, nil) == 1 else {
        throw .badAuthorities(path: path, cause: OpenSSLErrors.take() ?? "unknown cause")
      }
    case .anyone: SSL_CTX_set_verify(handle.pointer, SSL_VERIFY_NONE, nil)
    }
    let offered: [UInt8] = [8] + Array("http/1.1".utf8)
    guard SSL_CTX_set_alpn_protos(handle.pointer, offered, UInt32(offered.count)) == 0 else {
      throw .refused(cause: "protocol names")
    }
  }

  // A connection that is left may outlive the cache.
  deinit { SSL_CTX_set_ex_data(handle.pointer, 0, nil) }

  /// A new client side of a connection to a host, by name or numeric address; nil when memory is short or the name
  /// is not one.
  func makeSession(hostName: String) -> OpaquePointer? {
    guard let session = SSL_new(handle.pointer) else { return nil }
    SSL_set_connect_state(session)
    let isNumeric = SocketAddress(host: hostName, port: 0) != nil && hostName != "localhost"
    let isSet =
      isNumeric
      ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), hostName.trimmedBrackets) == 1
      : tg_ssl_server_name(session, hostName) == 1 && SSL_set1_host(session, hostName) == 1
    guard isSet, !hostName.isEmpty else {
      SSL_free(session)
      return nil
    }
    if !isNumeric { sessions.offer(to: session, hostName: hostName) }
    return session
  }

  /// Connections that went on with the session of an earlier one, as far as they were given a new one in turn (TLS 1.3).
  public var resumedCount: Int { sessions.resumedCount }
}
