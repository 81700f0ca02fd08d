import Crypto
import GRDB
import Glibc
import Market
import Synchronization

// API keys: durable in SQLite, checked in memory. A key is stored only as HMAC-SHA-256 under the pepper, so neither the
// database nor its backups open the gateway. Checking is a hash and a look-up from any thread; adding and revoking wait
// for the disk and belong to administration.

/// A key as administration sees it; the key itself is shown once, when it is made.
public struct KeyRow: Sendable, Equatable {
  public let id: Int64
  public let name: String
  public let userID: String
  /// Nanoseconds since the epoch.
  public let createdAt: Int64
  /// Nanoseconds since the epoch; nil while the key is valid.
  public let revokedAt: Int64?
}

/// All API keys of the gateway.
public final class KeyStore: KeyVerifying {
  /// Bytes of a key that a client may send; ours have 64.
  public static let keyBytes = 1...256
  /// Keys that may be valid at one time.
  public static let keysMax = 10_000
  /// Random bytes of a new key.
  private static let keyRandomBytes = 32
  private static let nameBytesMax = 64

  private struct State {
    var principals: [Digest: Principal] = [:]
    var listeners: [any KeyRevocationListener] = []
  }

  private typealias Digest = [UInt8]

  /// Where the rows are.
  public let path: String
  private let clock: any WallClock
  private let pepper: SymmetricKey
  private let database: DatabaseQueue
  private let state: Mutex<State>

  /// Opens `tickgate.sqlite` and `pepper` in the state directory; creates what is missing on the first start.
  public init(stateDirectory: String, clock: any WallClock = SystemClock()) throws(KeyError) {
    self.clock = clock
    path = "\(stateDirectory)/tickgate.sqlite"
    if mkdir(stateDirectory, 0o700) != 0, errno != EEXIST {
      throw .system(call: "mkdir", path: stateDirectory, errno: errno)
    }
    let database = try KeyTable.open(path)
    let principals = try Self.translate(path) { try database.read(KeyTable.principals) }
    let pepperPath = "\(stateDirectory)/pepper"
    if let known = try Pepper.read(pepperPath) {
      pepper = SymmetricKey(data: known)
    } else if principals.isEmpty {
      pepper = SymmetricKey(data: try Pepper.create(pepperPath, in: stateDirectory))
    } else {
      throw .pepperMissing(path: pepperPath, keyCount: principals.count)
    }
    self.database = database
    state = Mutex(State(principals: principals))
  }

  // MARK: Checking

  public func principal(forKey key: String) -> Principal? {
    guard Self.keyBytes.contains(key.utf8.count) else { return nil }
    let digest = digest(key)
    return state.withLock { $0.principals[digest] }
  }

  // MARK: Administration

  /// Makes a key for a user and returns its text, which is kept nowhere. Waits for the disk.
  /// - Parameter userID: the user that the key belongs to; the name when nil.
  public func add(name: String, userID: String? = nil) throws(KeyError) -> String {
    let user = userID ?? name
    for text in [name, user] where !Self.isName(text) { throw .badName(text) }
    if state.withLock({ $0.principals.count }) >= Self.keysMax { throw .tooMany(max: Self.keysMax) }
    var generator = SystemRandomNumberGenerator()
    let key = (0..<Self.keyRandomBytes).map { _ in hex(UInt8.random(in: .min ... .max, using: &generator)) }.joined()
    let digest = digest(key)
    let now = clock.nowNanos()
    let id = try write { database in
      try KeyTable.insert(name: name, userID: user, digest: digest, createdAt: now, into: database)
    }
    guard let id else { throw .nameTaken(name) }
    state.withLock { $0.principals[digest] = Principal(userID: user, keyID: id) }
    return key
  }

  /// All keys, revoked ones included, oldest first. Reads the disk.
  public func list() throws(KeyError) -> [KeyRow] { try Self.translate(path) { try database.read(KeyTable.rows) } }

  /// Ends a key: no request is accepted with it from now on, and what it opened is closed. Durable on return.
  /// - Parameter idOrName: the number of the row, or the name of a valid key.
  @discardableResult
  public func revoke(_ idOrName: String) throws(KeyError) -> KeyRow {
    let rows = try list().filter { $0.revokedAt == nil }
    guard let row = rows.first(where: { $0.name == idOrName }) ?? rows.first(where: { "\($0.id)" == idOrName }) else {
      throw .unknown(idOrName)
    }
    // Memory first: the key must be dead even when the disk is.
    let listeners = state.withLock { state in
      for (digest, principal) in state.principals where principal.keyID == row.id {
        state.principals[digest] = nil
      }
      return state.listeners
    }
    for listener in listeners { listener.keyRevoked(keyID: row.id) }
    let now = clock.nowNanos()
    try write { database in try KeyTable.revoke(row.id, at: now, in: database) }
    return row
  }

  /// Registers somebody who closes what a revoked key opened.
  public func addRevocationListener(_ listener: any KeyRevocationListener) {
    state.withLock { $0.listeners.append(listener) }
  }

  // MARK: Helpers

  private func digest(_ key: String) -> Digest {
    Array(HMAC<SHA256>.authenticationCode(for: Array(key.utf8), using: pepper))
  }

  private func write<T>(_ body: (Database) throws -> T) throws(KeyError) -> T {
    try Self.translate(path) { try database.write(body) }
  }

  private static func translate<T>(_ path: String, _ body: () throws -> T) throws(KeyError) -> T {
    do { return try body() } catch { throw .database(path: path, reason: "\(error)") }
  }

  private func hex(_ byte: UInt8) -> String { (byte < 16 ? "0" : "") + String(byte, radix: 16) }

  private static func isName(_ text: String) -> Bool {
    (1...nameBytesMax).contains(text.utf8.count)
      && text.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        case UInt8(ascii: "0")...UInt8(ascii: "9"): true
        case UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "@"): true
        default: false
        }
      }
  }
}
