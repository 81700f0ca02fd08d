// Whether a connection may be opened: the two query items of the Kite ticker's URL. Pure.

/// The credentials that the simulated exchange asks for.
public struct KiteAuthorization: Sendable, Equatable {
  /// Nil accepts any that is not empty.
  public var apiKey: String?
  /// Nil accepts any that is not empty.
  public var accessToken: String?

  public init(apiKey: String? = nil, accessToken: String? = nil) {
    self.apiKey = apiKey
    self.accessToken = accessToken
  }

  /// Judges a request target such as `/?api_key=k&access_token=t`. The path does not matter; of repeated items the
  /// first counts.
  public func accepts(target: String) -> Bool {
    guard let mark = target.utf8.firstIndex(of: UInt8(ascii: "?")) else { return false }
    var key: String?
    var token: String?
    let query = target.utf8[target.utf8.index(after: mark)...].prefix { $0 != UInt8(ascii: "#") }
    for item in query.split(separator: UInt8(ascii: "&")) {
      let parts = item.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2, let value = Self.percentDecoded(parts[1]) else { continue }
      if parts[0].elementsEqual("api_key".utf8) { key = key ?? value }
      if parts[0].elementsEqual("access_token".utf8) { token = token ?? value }
    }
    return Self.matches(key, wanted: apiKey) && Self.matches(token, wanted: accessToken)
  }

  private static func matches(_ given: String?, wanted: String?) -> Bool {
    guard let given, !given.isEmpty else { return false }
    return wanted == nil || given == wanted
  }

  /// Nil when an escape is broken or the result is not UTF-8.
  private static func percentDecoded(_ text: some Collection<UInt8>) -> String? {
    var bytes: [UInt8] = []
    var iterator = text.makeIterator()
    while let byte = iterator.next() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      guard let high = iterator.next().flatMap(hexDigit), let low = iterator.next().flatMap(hexDigit) else {
        return nil
      }
      bytes.append(high << 4 | low)
    }
    return String(validating: bytes, as: UTF8.self)
  }

  private static func hexDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}
