// The client's half of the opening handshake (RFC 6455 §4.1): builds the request, judges the answer.
// A value without I/O, clock or randomness, owned by the thread that owns the socket. Cold path; allocates.

/// Opens a connection to a server. Throw it away after the first outcome that is not `.needMore`.
public struct ClientHandshake: Sendable {
  /// What a program asks for.
  public struct Request: Sendable {
    /// Host name or address, without port.
    public var host: String
    public var port: UInt16
    /// Decides only which port goes without saying in `Host`.
    public var isSecure: Bool
    /// Path and query.
    public var target: String
    /// Further fields in order, for instance authorisation.
    public var fields: [(name: String, value: String)]
    /// Subprotocols offered, most wanted first.
    public var protocols: [String]
    /// Offer permessage-deflate; what came of it is `ClientHandshake.deflate`.
    public var offersDeflate = false

    public init(
      host: String, port: UInt16, isSecure: Bool, target: String, fields: [(name: String, value: String)] = [],
      protocols: [String] = []
    ) {
      self.host = host
      self.port = port
      self.isSecure = isSecure
      self.target = target
      self.fields = fields
      self.protocols = protocols
    }
  }

  /// Why a request cannot be sent. None of the cases tells the value, which may be a secret.
  public enum InvalidRequest: Error, Equatable, Sendable {
    case host
    case target
    /// A field name or value with forbidden characters, or a name that the handshake sets itself.
    case field(name: String)
    case subprotocol
  }

  /// What the answer so far amounts to.
  public enum Outcome: Sendable {
    case needMore
    /// Open. `consumed` bytes of the last piece belong to the answer; what follows is the server's first frames.
    case open(subprotocol: String?, consumed: Int)
    /// The server answered, and not with 101.
    case refused(status: Int, retryAfterSeconds: Int?)
    /// The answer breaks the protocol; the reason is for the log.
    case invalid(reason: StaticString)
  }

  /// Number of random bytes in a key.
  public static let nonceBytes = 16
  private static let ownFields = ["host", "upgrade", "connection"]

  /// The bytes to send.
  public let requestBytes: [UInt8]
  private let accept: String
  private let protocols: [String]
  private let offersDeflate: Bool
  /// The compression agreed to, once the outcome is `.open`; nil for none. With it the connection needs an inflater.
  public private(set) var deflate: DeflateAgreement?
  private var head: HTTPHead

  /// - Parameters:
  ///   - nonce: 16 bytes that nobody can predict, new for every connection.
  ///   - limits: bounds of the answer's head.
  public init(_ request: Request, nonce: [UInt8], limits: HandshakeLimits = HandshakeLimits()) throws(InvalidRequest) {
    precondition(nonce.count == Self.nonceBytes)
    let key = Base64.encode(nonce)
    requestBytes = try Self.text(of: request, key: key)
    accept = HandshakeAccept.value(forKey: key)
    protocols = request.protocols
    offersDeflate = request.offersDeflate
    head = HTTPHead(limits: limits)
  }

  /// Takes the next piece of the byte stream.
  public mutating func receive(_ bytes: UnsafeRawBufferPointer) -> Outcome {
    switch head.receive(bytes) {
    case .needMore: .needMore
    case .malformed: .invalid(reason: "malformed HTTP response")
    case .tooLarge: .invalid(reason: "response head too large")
    case .complete(let consumed): evaluate(consumed: consumed)
    }
  }

  private mutating func evaluate(consumed: Int) -> Outcome {
    guard let status = Self.status(ofLine: head.startLine) else { return .invalid(reason: "malformed status line") }
    guard let fields = head.fields() else { return .invalid(reason: "malformed header field") }
    guard status == 101 else {
      return .refused(status: status, retryAfterSeconds: Self.seconds(fields.values("retry-after").first))
    }
    guard fields.holds("websocket", in: "upgrade"), fields.holds("upgrade", in: "connection") else {
      return .invalid(reason: "101 without upgrade to websocket")
    }
    guard fields.values("sec-websocket-accept") == [accept] else {
      return .invalid(reason: "wrong Sec-WebSocket-Accept")
    }
    guard let extensions = ExtensionList(lines: fields.values("sec-websocket-extensions")) else {
      return .invalid(reason: "malformed extension")
    }
    if let answer = extensions.entries.first {
      guard offersDeflate, extensions.entries.count == 1, let agreement = DeflateAgreement(answer: answer) else {
        return .invalid(reason: "extension that was not offered")
      }
      deflate = agreement
    }
    let chosen = fields.values("sec-websocket-protocol")
    guard chosen.count <= 1, chosen.allSatisfy(protocols.contains) else {
      return .invalid(reason: "subprotocol that was not offered")
    }
    return .open(subprotocol: chosen.first, consumed: consumed)
  }

  private static func text(of request: Request, key: String) throws(InvalidRequest) -> [UInt8] {
    let host = request.host.contains(":") && !request.host.hasPrefix("[") ? "[\(request.host)]" : request.host
    guard HTTPText.isHost(host.utf8) else { throw .host }
    guard HTTPText.isTarget(request.target.utf8), request.target.hasPrefix("/"), !request.target.contains("#") else {
      throw .target
    }
    guard request.protocols.allSatisfy({ HTTPText.isToken($0.utf8) }) else { throw .subprotocol }

    let standardPort: UInt16 = request.isSecure ? 443 : 80
    var text = "GET \(request.target) HTTP/1.1\r\n"
    text += "Host: \(host)\(request.port == standardPort ? "" : ":\(request.port)")\r\n"
    text += "Upgrade: websocket\r\nConnection: Upgrade\r\n"
    text += "Sec-WebSocket-Key: \(key)\r\nSec-WebSocket-Version: 13\r\n"
    if !request.protocols.isEmpty {
      text += "Sec-WebSocket-Protocol: \(request.protocols.joined(separator: ", "))\r\n"
    }
    if request.offersDeflate { text += "Sec-WebSocket-Extensions: \(DeflateAgreement.offer)\r\n" }
    for field in request.fields {
      let name = field.name.lowercased()
      guard HTTPText.isToken(field.name.utf8), HTTPText.isFieldValue(field.value.utf8),
        !ownFields.contains(name), !name.hasPrefix("sec-websocket-")
      else { throw .field(name: field.name) }
      text += "\(field.name): \(field.value)\r\n"
    }
    return Array((text + "\r\n").utf8)
  }

  /// The three digits of `HTTP/1.x nnn reason`; the reason may be missing.
  private static func status(ofLine line: [UInt8]) -> Int? {
    let digits = line.dropFirst(9).prefix(3)
    guard line.starts(with: "HTTP/1.".utf8), line.count >= 12, line[8] == UInt8(ascii: " "),
      HTTPText.isDigit(line[7]), digits.allSatisfy(HTTPText.isDigit), line.count == 12 || line[12] == UInt8(ascii: " ")
    else { return nil }
    return digits.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
  }

  /// `Retry-After` as seconds. Its other form, a date, would need a clock and counts as absent.
  private static func seconds(_ value: String?) -> Int? {
    guard let value, (1...9).contains(value.utf8.count), value.utf8.allSatisfy(HTTPText.isDigit) else { return nil }
    return Int(value)
  }
}
