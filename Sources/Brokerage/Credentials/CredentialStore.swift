// The encrypted credentials of all brokers: one file in the state directory, sealed with AES-256-GCM under a key file
// beside it. Commands change it with and without a running gateway, which notices; hence a lock around every change and
// replacement as a whole. Blocking; any thread, any process.

import Crypto
import FoundationEssentials
import Glibc

/// Secrets of broker accounts at rest.
public struct CredentialStore: Sendable {
  /// Secrets by broker name.
  public typealias Contents = [String: BrokerSecrets]

  /// Largest file that is taken.
  public static let bytesMax = 1 << 20
  /// What the file begins with, before the version of its format.
  private static let magic: [UInt8] = Array("TGCR".utf8)
  private static let version: UInt8 = 1
  private static let nonceBytes = 12
  private static let tagBytes = 16

  /// The sealed file.
  public let path: String
  public let keyPath: String
  private let lockPath: String

  /// Touches nothing yet; files appear with the first secret.
  public init(stateDirectory: String) {
    path = stateDirectory + "/credentials.sealed"
    keyPath = stateDirectory + "/credentials.key"
    lockPath = stateDirectory + "/credentials.lock"
  }

  /// Everything that is stored; nothing when there is no store yet. A key file that others can read is refused even
  /// then.
  public func read() throws(CredentialError) -> Contents { try readStamped().contents }

  func readStamped() throws(CredentialError) -> (contents: Contents, stamp: FileStamp?) {
    let key = try SealingKey.read(keyPath)
    guard let (sealed, stamp) = try WholeFile.read(path, bytesMax: Self.bytesMax) else { return ([:], nil) }
    guard let key else { throw .keyMissing(path: keyPath, store: path) }
    return (try open(sealed, with: key), stamp)
  }

  func stamp() throws(CredentialError) -> FileStamp? { try FileStamp.of(path) }

  /// Changes what is stored, durable on return. Waits while another process changes it.
  public func update(_ change: (inout Contents) throws(CredentialError) -> Void) throws(CredentialError) {
    let lock = Glibc.open(lockPath, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    if lock < 0 { throw .system(call: "open", path: lockPath, errno: errno) }
    defer { close(lock) }
    while flock(lock, LOCK_EX) != 0 {
      if errno != EINTR { throw .system(call: "flock", path: lockPath, errno: errno) }
    }
    var contents = try read()
    try change(&contents)
    let key = if let known = try SealingKey.read(keyPath) { known } else { try SealingKey.create(keyPath) }
    try WholeFile.replace(path, with: seal(contents, with: key))
  }

  /// Stores one secret of a broker. An access token gets the time as the time it was obtained.
  public func set(_ text: String, as field: CredentialField, of broker: String, nowNanos: Int64) throws(CredentialError)
  {
    guard BrokerAccount.named(broker) != nil else { throw .unknownBroker(broker) }
    // TOTP secrets are shown in groups.
    let text = field == .totpSecret ? text.filter { $0 != " " && $0 != "-" } : text
    guard BrokerSecrets.isSecret(text), field != .totpSecret || OneTimeCode(base32: text) != nil else {
      throw .badSecret(field)
    }
    try update { contents in
      contents[broker, default: BrokerSecrets()][field] = text
      if field == .accessToken { contents[broker]?.obtainedNanos = nowNanos }
    }
  }

  /// Stores what a login gave, with the time it was obtained.
  public func keep(_ tokens: BrokerSecrets, of broker: String) throws(CredentialError) {
    try update { contents in
      for field in tokens.fields { contents[broker, default: BrokerSecrets()][field] = tokens[field] }
      contents[broker]?.obtainedNanos = tokens.obtainedNanos
    }
  }

  /// Forgets one secret of a broker, or all of them.
  public func remove(_ field: CredentialField?, of broker: String) throws(CredentialError) {
    guard BrokerAccount.named(broker) != nil else { throw .unknownBroker(broker) }
    try update { contents throws(CredentialError) in
      guard var secrets = contents[broker], field.map({ secrets[$0] != nil }) ?? true else {
        throw .nothingStored(broker: broker, field: field)
      }
      if let field {
        secrets[field] = nil
        if field == .accessToken { secrets.obtainedNanos = nil }
        contents[broker] = secrets.isEmpty ? nil : secrets
      } else {
        contents[broker] = nil
      }
    }
  }

  // MARK: Sealing

  private func seal(_ contents: Contents, with key: SymmetricKey) throws(CredentialError) -> [UInt8] {
    let header = Self.magic + [Self.version]
    guard let box = try? AES.GCM.seal(StoredText.encode(contents), using: key, authenticating: header) else {
      throw .damaged(path: path)
    }
    let sealed = header + Array(box.nonce) + Array(box.ciphertext) + Array(box.tag)
    guard sealed.count <= Self.bytesMax else { throw .tooLarge(path: path, bytesMax: Self.bytesMax) }
    return sealed
  }

  private func open(_ sealed: [UInt8], with key: SymmetricKey) throws(CredentialError) -> Contents {
    let header = Self.magic.count + 1
    guard sealed.count >= header + Self.nonceBytes + Self.tagBytes, sealed.starts(with: Self.magic) else {
      throw .damaged(path: path)
    }
    let version = sealed[Self.magic.count]
    guard version <= Self.version else { throw .newer(path: path, version: version) }
    let body = sealed.count - Self.tagBytes
    let plain: Data
    do {
      let box = try AES.GCM.SealedBox(
        nonce: AES.GCM.Nonce(data: sealed[header..<header + Self.nonceBytes]),
        ciphertext: sealed[(header + Self.nonceBytes)..<body], tag: sealed[body...])
      plain = try AES.GCM.open(box, using: key, authenticating: sealed[0..<header])
    } catch {
      throw .wrongKey(path: path, key: keyPath)
    }
    guard let contents = StoredText.decode(Array(plain)) else { throw .damaged(path: path) }
    return contents
  }
}
