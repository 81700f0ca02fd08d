// One-time codes: HOTP (RFC 4226) and TOTP (RFC 6238). Pure; the time is handed in.

import Crypto

/// Makes the codes of one secret.
public struct OneTimeCode: Sendable, CustomStringConvertible, CustomReflectable {
  public enum Algorithm: Sendable { case sha1, sha256, sha512 }

  /// How long a code is good.
  public static let stepSeconds: Int64 = 30
  /// Codes with more digits than this do not exist: the truncated value has 31 bits.
  public static let digitsMax = 9

  private let secret: SymmetricKey
  private let algorithm: Algorithm
  private let digits: Int

  /// - Precondition: 1 to 9 digits.
  public init(secret: [UInt8], algorithm: Algorithm = .sha1, digits: Int = 6) {
    precondition((1...Self.digitsMax).contains(digits))
    self.secret = SymmetricKey(data: secret)
    self.algorithm = algorithm
    self.digits = digits
  }

  /// From the text that a broker shows beside its QR code; nil when that is no base32 or holds nothing.
  public init?(base32: String) {
    guard let secret = Base32.decode(base32), !secret.isEmpty else { return nil }
    self.init(secret: secret)
  }

  /// The code of a time (TOTP).
  /// - Parameter unixSeconds: since the epoch, not negative.
  public func code(unixSeconds: Int64) -> String {
    code(counter: UInt64(max(0, unixSeconds)) / UInt64(Self.stepSeconds))
  }

  /// The code of a counter (HOTP).
  public func code(counter: UInt64) -> String {
    let message = (0..<8).map { UInt8(truncatingIfNeeded: counter >> UInt64(56 - 8 * $0)) }
    let digest = digest(of: message)
    // Dynamic truncation: the low four bits of the last byte say where the 31 bits are taken from.
    let start = Int(digest[digest.count - 1] & 0x0F)
    let value = digest[start..<start + 4].reduce(UInt32(0)) { $0 << 8 | UInt32($1) } & 0x7FFF_FFFF
    let modulus = (0..<digits).reduce(UInt32(1)) { power, _ in power * 10 }
    let text = String(value % modulus)
    return String(repeating: "0", count: digits - text.count) + text
  }

  private func digest(of message: [UInt8]) -> [UInt8] {
    switch algorithm {
    case .sha1: Array(HMAC<Insecure.SHA1>.authenticationCode(for: message, using: secret))
    case .sha256: Array(HMAC<SHA256>.authenticationCode(for: message, using: secret))
    case .sha512: Array(HMAC<SHA512>.authenticationCode(for: message, using: secret))
    }
  }

  public var description: String { "OneTimeCode(…)" }
  public var customMirror: Mirror { Mirror(self, children: []) }
}
