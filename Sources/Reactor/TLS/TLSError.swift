// What can be wrong with certificates and keys, and how OpenSSL's own errors are put into words. Cold path.

import COpenSSL
import Glibc

/// Why encryption cannot be offered or asked for, with the file to mend.
public enum TLSError: Error, Sendable, Equatable, CustomStringConvertible {
  case unreadable(path: String, cause: String)
  case badCertificate(path: String, cause: String)
  case badKey(path: String, cause: String)
  case keyMismatch(certificate: String, key: String)
  case badAuthorities(path: String, cause: String)
  case refused(cause: String)

  public var description: String {
    switch self {
    case .unreadable(let path, let cause): "\(path) cannot be read: \(cause)"
    case .badCertificate(let path, let cause): "\(path) holds no certificate chain in PEM form: \(cause)"
    case .badKey(let path, let cause): "\(path) holds no private key in PEM form without a passphrase: \(cause)"
    case .keyMismatch(let certificate, let key):
      "the key in \(key) does not belong to the certificate in \(certificate)"
    case .badAuthorities(let path, let cause): "\(path) holds no certificates of authorities in PEM form: \(cause)"
    case .refused(let cause): "TLS cannot be set up: \(cause)"
    }
  }
}

enum OpenSSLErrors {
  /// The most telling entry of this thread's queue, which is emptied; nil when there was none.
  static func take() -> String? {
    // The oldest entry is where it went wrong; later ones are callers that pass it on.
    let first = ERR_get_error()
    ERR_clear_error()
    guard first != 0 else { return nil }
    if let text = ERR_reason_error_string(first) { return String(cString: text) }
    return "OpenSSL error \(tg_err_reason(first))"
  }
}
