// What a client asked for in its opening handshake, and the answers a server can give (RFC 6455 §4.2).
// Cold path; any thread; allocates.

/// A valid upgrade request.
public struct UpgradeRequest: Sendable {
  /// The key of the RFC's example. The AmiBroker plug-in sends it instead of a random one.
  public static let sampleKey = "dGhlIHNhbXBsZSBub25jZQ=="

  /// Path and query as sent.
  public let target: String
  public let host: String
  /// Present when a browser, or a client that imitates one, connects.
  public let origin: String?
  public let userAgent: String?
  /// `Sec-WebSocket-Key`: base64 of 16 bytes.
  public let key: String
  /// Subprotocols offered, most wanted first.
  public let protocols: [String]
  /// `Sec-WebSocket-Extensions` lines as sent. Only compression is ever agreed to.
  public let extensions: [String]
  /// What a server can agree to of the compression offered; nil when there is no acceptable offer. To agree, hand it to
  /// `acceptResponse` and an inflater to the connection.
  public let deflate: DeflateAgreement?
  /// All fields, for `values(ofField:)`.
  let fields: HTTPFields

  /// The key is the RFC's example.
  public var hasSampleKey: Bool { key == Self.sampleKey }

  /// Looks like the AmiBroker plug-in: it decodes only the first frame of each receive, so it wants one frame per
  /// write, and its pings announce a payload that never comes (`ConnectionOptions.expectsTruncatedPing`).
  public var isPacedClientCandidate: Bool { hasSampleKey && userAgent == nil && origin == nil }

  /// Every value of a header field (`x-forwarded-for`, ...); `name` in lower case.
  public func values(ofField name: String) -> [String] { fields.values(name) }

  /// The 101 answer that opens the connection.
  ///
  /// - Parameters:
  ///   - subprotocol: one of `protocols`, or nil.
  ///   - deflate: `deflate` of this request, or nil to decline compression.
  public func acceptResponse(subprotocol: String? = nil, deflate: DeflateAgreement? = nil) -> [UInt8] {
    precondition(deflate == nil || deflate == self.deflate, "an extension that was not offered")
    precondition(subprotocol.map(protocols.contains) ?? true, "a subprotocol that was not offered")
    var text = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    text += "Sec-WebSocket-Accept: \(HandshakeAccept.value(forKey: key))\r\n"
    if let deflate { text += "Sec-WebSocket-Extensions: \(deflate.answer)\r\n" }
    if let subprotocol { text += "Sec-WebSocket-Protocol: \(subprotocol)\r\n" }
    return Array((text + "\r\n").utf8)
  }
}

/// Proof that the server understood the request: a function of the client's key.
enum HandshakeAccept {
  /// Fixed by RFC 6455 §1.3.
  private static let suffix = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

  static func value(forKey key: String) -> String { Base64.encode(SHA1.digest(Array((key + suffix).utf8))) }
}

/// A refusal of an opening handshake. The connection is closed after it.
public struct HandshakeRejection: Sendable {
  public let status: Int
  public let response: [UInt8]

  /// - Parameters:
  ///   - status: one that `reasons` names (others get an empty phrase).
  ///   - message: plain text for whoever reads the body.
  ///   - fields: further header fields; names and values are trusted.
  public init(status: Int, message: String, fields: [(name: String, value: String)] = []) {
    self.status = status
    let body = message + "\n"
    var text = "HTTP/1.1 \(status) \(Self.reasons[status] ?? "")\r\n"
    for field in fields { text += "\(field.name): \(field.value)\r\n" }
    text += "Content-Type: text/plain; charset=utf-8\r\nContent-Length: \(body.utf8.count)\r\n"
    text += "Connection: close\r\n\r\n" + body
    response = Array(text.utf8)
  }

  private static let reasons = [
    400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
    426: "Upgrade Required", 429: "Too Many Requests", 431: "Request Header Fields Too Large",
    500: "Internal Server Error", 503: "Service Unavailable",
  ]
}
