// Sessions that servers have given out, the newest one by host name, so that a reconnect costs one round trip and no
// signature. Filled by OpenSSL on the threads of the loops, read when a connection begins. Cold path: once per
// connection.

import COpenSSL
import Synchronization

final class TLSSessionCache: Sendable {
  /// Hosts that are remembered; more are not expected of one gateway.
  private static let hostsMax = 64

  /// A session that OpenSSL counts the references of.
  private struct Session: @unchecked Sendable {
    // Unchecked: OpenSSL locks inside, and an entry is freed only under the lock of the table.
    let pointer: OpaquePointer
  }

  private let byHost = Mutex<[String: Session]>([:])
  private let resumed = Atomic<Int>(0)

  deinit { byHost.withLock { for session in $0.values { SSL_SESSION_free(session.pointer) } } }

  var resumedCount: Int { resumed.load(ordering: .relaxed) }

  /// From now on sessions of the context's connections are kept here. The cache must live as long as the context.
  func attach(to handle: TLSHandle) {
    tg_ssl_ctx_cache_mode(handle.pointer, Int(SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE))
    SSL_CTX_set_ex_data(handle.pointer, 0, Unmanaged.passUnretained(self).toOpaque())
    SSL_CTX_sess_set_new_cb(handle.pointer) { ssl, session in
      guard let ssl, let session, let context = SSL_get_SSL_CTX(ssl), let cache = SSL_CTX_get_ex_data(context, 0),
        let name = SSL_get_servername(ssl, Int32(TLSEXT_NAMETYPE_host_name))
      else { return 0 }
      // 1: the reference is ours now.
      return Unmanaged<TLSSessionCache>.fromOpaque(cache).takeUnretainedValue()
        .keep(session, hostName: String(cString: name), isResumed: SSL_session_reused(ssl) == 1) ? 1 : 0
    }
  }

  private func keep(_ session: OpaquePointer, hostName: String, isResumed: Bool) -> Bool {
    if isResumed { resumed.add(1, ordering: .relaxed) }
    let new = Session(pointer: session)
    return byHost.withLock { table in
      guard table.count < Self.hostsMax || table[hostName] != nil else { return false }
      if let old = table.updateValue(new, forKey: hostName) { SSL_SESSION_free(old.pointer) }
      return true
    }
  }

  /// Lets a connection that begins go on with what its host gave out last. The server is free to refuse.
  func offer(to ssl: OpaquePointer, hostName: String) {
    byHost.withLock { table in
      guard let session = table[hostName], SSL_SESSION_is_resumable(session.pointer) == 1 else { return }
      // Takes a reference of its own.
      SSL_set_session(ssl, session.pointer)
    }
  }
}
