import WebSocket

/// Where a feed connects to, and what its upgrade request carries. Holds secrets: never logged whole.
public struct FeedEndpoint: Sendable {
  public var host: String
  public var port: UInt16
  public var isSecure: Bool
  /// Path and query.
  public var target: String
  public var fields: [(name: String, value: String)]

  /// Without the text itself, which may hold a secret.
  public enum Invalid: Error, Equatable, CustomStringConvertible {
    case scheme
    case address

    public var description: String {
      switch self {
      case .scheme: "the feed's url must begin with ws:// or wss://"
      case .address: "the feed's url has no usable host and port"
      }
    }
  }

  /// - Parameters:
  ///   - url: `ws://host[:port][/path][?query]` or `wss://…`.
  ///   - query: parameters to append, percent-encoded here.
  public init(
    url: String, query: [(name: String, value: String)] = [], fields: [(name: String, value: String)] = []
  ) throws(Invalid) {
    let rest: Substring
    if url.hasPrefix("wss://") {
      isSecure = true
      rest = url.dropFirst(6)
    } else if url.hasPrefix("ws://") {
      isSecure = false
      rest = url.dropFirst(5)
    } else {
      throw .scheme
    }
    let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
    var authority = rest[..<end]
    let path = rest[end...]
    var port: UInt16 = isSecure ? 443 : 80
    if let colon = authority.lastIndex(of: ":"), !authority[colon...].contains("]") {
      guard let number = UInt16(authority[authority.index(after: colon)...]), number > 0 else { throw .address }
      port = number
      authority = authority[..<colon]
    }
    guard !authority.isEmpty, !authority.contains("@") else { throw .address }
    host = String(authority)
    self.port = port
    self.fields = fields
    target = path.hasPrefix("/") ? String(path) : "/" + path
    for parameter in query {
      target += target.contains("?") ? "&" : "?"
      target += parameter.name + "=" + Self.percentEncode(parameter.value)
    }
  }

  private static func percentEncode(_ text: String) -> String {
    var encoded = ""
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
        UInt8(ascii: "~"):
        encoded.unicodeScalars.append(Unicode.Scalar(byte))
      default:
        let digits = String(byte, radix: 16, uppercase: true)
        encoded += digits.count == 1 ? "%0" + digits : "%" + digits
      }
    }
    return encoded
  }
}
