// A token file that somebody else writes: looked at every second, taken when it is whole. Whoever writes it may replace
// it by rename or write into it, so an empty or growing file is no token and leaves what was known in use. Reading is
// blocking; the thread of the provider's watch. Parsing is pure.

import JSONText

/// Watches one token file.
public struct TokenFile: Sendable {
  /// Largest file that is taken.
  public static let bytesMax = 65_536
  /// A file that was written less long ago may still be growing: it is looked at again before it is believed.
  public static let settleNanos: Int64 = 250_000_000

  /// What a look found.
  public enum Look: Sendable, Equatable {
    case unchanged
    /// Changed and whole.
    case read(BrokerSecrets)
    /// Removed, or not there yet.
    case gone
    /// Changed just now: look again soon.
    case unsettled
    /// There, but no token: the text says why.
    case unusable(String)
  }

  public let path: String
  private var taken: FileStamp?
  private var seen: (stamp: FileStamp, atNanos: Int64)?
  private var wasThere: Bool?
  /// Why it could not be read at the last look, so that it is reported once.
  private var flaw: CredentialError?

  public init(path: String) { self.path = path }

  /// Whether others than the owner may read it.
  public private(set) var isReadableByOthers = false

  /// - Parameter nowNanos: since the epoch.
  public mutating func look(nowNanos: Int64) -> Look {
    do {
      guard let stamp = try FileStamp.of(path) else { return missing() }
      wasThere = true
      isReadableByOthers = stamp.isReadableByOthers
      if stamp == taken { return .unchanged }
      guard isSettled(stamp, nowNanos) else { return .unsettled }
      guard let (content, readStamp) = try WholeFile.read(path, bytesMax: Self.bytesMax) else { return missing() }
      guard readStamp == stamp, try FileStamp.of(path) == stamp, Int64(content.count) == stamp.bytes else {
        seen = nil
        return .unsettled
      }
      flaw = nil
      taken = stamp
      switch Self.parse(content) {
      case .success(var secrets):
        secrets.obtainedNanos = stamp.modifiedNanos
        return .read(secrets)
      case .failure(let flaw): return .unusable("\(path): \(flaw.rawValue)")
      }
    } catch {
      defer { flaw = error }
      taken = nil
      return error == flaw ? .unchanged : .unusable("\(error)")
    }
  }

  private mutating func missing() -> Look {
    defer { wasThere = false }
    flaw = nil
    taken = nil
    seen = nil
    return wasThere == false ? .unchanged : .gone
  }

  private mutating func isSettled(_ stamp: FileStamp, _ nowNanos: Int64) -> Bool {
    if nowNanos - stamp.modifiedNanos >= Self.settleNanos { return true }
    // A time of modification in the future says nothing: then the same stamp in two looks does.
    if let seen, seen.stamp == stamp { return nowNanos - seen.atNanos >= Self.settleNanos }
    seen = (stamp, nowNanos)
    return false
  }

  // MARK: Content

  /// Why a content is no token.
  public enum Flaw: String, Error, Sendable {
    case empty = "empty"
    case notPlain = "not one line of printable ASCII"
    case notJSON = "starts like a JSON object but is none"
    case noToken = "the JSON object has no access_token"
    case tooLong = "a field is too long or has blanks"
  }

  /// Other names that programs write for the fields.
  private static let names: [CredentialField: [String]] = [
    .accessToken: ["access_token", "accessToken", "jwtToken", "token"],
    .feedToken: ["feed_token", "feedToken"],
    .apiKey: ["api_key", "apiKey"],
    .clientID: ["client_id", "clientId", "clientcode", "dhanClientId"],
  ]

  /// The whole content of a token file: a bare token, or a JSON object with named fields.
  public static func parse(_ content: [UInt8]) -> Result<BrokerSecrets, Flaw> {
    let isBlank: (UInt8) -> Bool = { $0 == 0x20 || (0x09...0x0D).contains($0) }
    var body = content[...]
    if body.starts(with: [0xEF, 0xBB, 0xBF]) { body = body.dropFirst(3) }
    body = body.drop(while: isBlank)
    while let last = body.last, isBlank(last) { body = body.dropLast() }
    guard let first = body.first else { return .failure(.empty) }
    if first == UInt8(ascii: "{") { return parseObject(Array(body)) }
    let text = String(decoding: body, as: UTF8.self)
    guard BrokerSecrets.isSecret(text) else { return .failure(.notPlain) }
    var secrets = BrokerSecrets()
    secrets[.accessToken] = text
    return .success(secrets)
  }

  private static func parseObject(_ body: [UInt8]) -> Result<BrokerSecrets, Flaw> {
    guard let root = try? JSONDocument(body, limits: JSONLimits(depthMax: 4, nodesMax: 1000)).root else {
      return .failure(.notJSON)
    }
    var secrets = BrokerSecrets()
    // A login's answer may be stored as it came, with the tokens inside `data`.
    let place = root["data"].flatMap { $0.kind == .object ? $0 : nil } ?? root
    for (field, names) in names {
      guard let text = names.lazy.compactMap({ place[$0]?.string }).first, !text.isEmpty else { continue }
      guard BrokerSecrets.isSecret(text) else { return .failure(.tooLong) }
      secrets[field] = text
    }
    return secrets[.accessToken] == nil ? .failure(.noToken) : .success(secrets)
  }
}
