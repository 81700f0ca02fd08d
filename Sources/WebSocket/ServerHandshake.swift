// The server's half of the opening handshake (RFC 6455 §4.2), fed with bytes as they come.
// A value without I/O, owned by the thread that owns the socket. Cold path; allocates up to the limits.

/// Reads an upgrade request. Throw it away after the first outcome that is not `.needMore`.
public struct ServerHandshake: Sendable {
  /// What the bytes so far amount to.
  public enum Outcome: Sendable {
    case needMore
    /// A valid request. `consumed` bytes of the last piece belong to it; what follows is the client's first frames.
    case upgrade(UpgradeRequest, consumed: Int)
    /// Send `response`, then close.
    case reject(HandshakeRejection)
  }

  private static let keyBytes = 16
  private static let version = "13"

  private let limits: HandshakeLimits
  private var head: HTTPHead

  public init(limits: HandshakeLimits = HandshakeLimits()) {
    self.limits = limits
    head = HTTPHead(limits: limits)
  }

  /// Takes the next piece of the byte stream.
  public mutating func receive(_ bytes: UnsafeRawBufferPointer) -> Outcome {
    switch head.receive(bytes) {
    case .needMore: return .needMore
    case .malformed: return Self.badRequest("malformed HTTP request")
    case .tooLarge:
      return .reject(HandshakeRejection(status: 431, message: "request head larger than \(limits.headBytesMax) bytes"))
    case .complete(let consumed): return evaluate(consumed: consumed)
    }
  }

  private func evaluate(consumed: Int) -> Outcome {
    guard let fields = head.fields() else { return Self.badRequest("malformed header field") }
    let parts = head.startLine.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
    guard parts.count == 3, HTTPText.isToken(parts[0]), Self.isTarget(parts[1]) else {
      return Self.badRequest("malformed request line")
    }
    guard parts[2].elementsEqual("HTTP/1.1".utf8) else { return Self.badRequest("HTTP/1.1 is required") }
    guard parts[0].elementsEqual("GET".utf8) else {
      return .reject(
        HandshakeRejection(status: 405, message: "only GET is served here", fields: [("Allow", "GET")]))
    }
    guard fields.values("host").count == 1 else { return Self.badRequest("exactly one Host field is required") }
    guard fields.values("transfer-encoding").isEmpty, fields.values("content-length").allSatisfy({ $0 == "0" }) else {
      return Self.badRequest("a request body is not served here")
    }
    guard fields.holds("websocket", in: "upgrade"), fields.holds("upgrade", in: "connection") else {
      return .reject(
        HandshakeRejection(
          status: 426, message: "This is a WebSocket server: connect with a WebSocket client.",
          fields: [("Upgrade", "websocket"), ("Sec-WebSocket-Version", Self.version)]))
    }
    return upgrade(target: String(decoding: parts[1], as: UTF8.self), fields: fields, consumed: consumed)
  }

  private func upgrade(target: String, fields: HTTPFields, consumed: Int) -> Outcome {
    guard fields.values("sec-websocket-version") == [Self.version] else {
      return .reject(
        HandshakeRejection(
          status: 400, message: "Sec-WebSocket-Version must be \(Self.version)",
          fields: [("Sec-WebSocket-Version", Self.version)]))
    }
    let keys = fields.values("sec-websocket-key")
    guard keys.count == 1, Base64.decodedCount(keys[0]) == Self.keyBytes else {
      return Self.badRequest("Sec-WebSocket-Key must be base64 of 16 bytes, once")
    }
    let protocols = fields.members("sec-websocket-protocol")
    guard protocols.allSatisfy({ HTTPText.isToken($0.utf8) }) else {
      return Self.badRequest("malformed Sec-WebSocket-Protocol")
    }
    guard let extensions = ExtensionList(lines: fields.values("sec-websocket-extensions")) else {
      return Self.badRequest("malformed Sec-WebSocket-Extensions")
    }
    let origins = fields.values("origin")
    guard origins.count <= 1 else { return Self.badRequest("more than one Origin") }
    let request = UpgradeRequest(
      target: target, host: fields.values("host")[0], origin: origins.first,
      userAgent: fields.values("user-agent").first, key: keys[0], protocols: protocols,
      extensions: fields.values("sec-websocket-extensions"), deflate: DeflateAgreement(acceptingFirstOf: extensions),
      fields: fields)
    return .upgrade(request, consumed: consumed)
  }

  /// Origin form, or the absolute form that proxies send.
  private static func isTarget(_ bytes: ArraySlice<UInt8>) -> Bool {
    guard HTTPText.isTarget(bytes) else { return false }
    if bytes.first == UInt8(ascii: "/") { return true }
    let text = HTTPText.lowercased(bytes)
    return ["http://", "https://", "ws://", "wss://"].contains { text.hasPrefix($0) }
  }

  private static func badRequest(_ message: String) -> Outcome {
    .reject(HandshakeRejection(status: 400, message: message))
  }
}
