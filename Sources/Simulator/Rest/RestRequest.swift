// The few HTTP calls that brokers have beside their feeds, on the same port: a bounded reader and answers. Values
// without I/O; allocate; once per connection, because every answer ends it.

import JSONText

/// A call with its body.
struct RestRequest {
  let method: String
  let target: RequestTarget
  /// Names in lower case; of repeated fields the last counts.
  let fields: [String: String]
  let body: [UInt8]

  /// The token of an `Authorization: Bearer` field; also without that word.
  var bearer: String? { fields["authorization"].map(Self.withoutScheme) }

  static func withoutScheme(_ value: String) -> String {
    value.lowercased().hasPrefix("bearer ") ? String(value.dropFirst(7)) : value
  }
}

/// An answer. The connection ends after it.
struct RestResponse {
  var status: Int
  var fields: [(name: String, value: String)] = []
  var contentType = "application/json"
  var body: [UInt8]

  /// A JSON answer.
  init(_ status: Int, _ build: (inout JSONWriter) -> Void) {
    self.status = status
    var json = JSONWriter()
    json.beginObject()
    build(&json)
    json.endObject()
    body = json.bytes
  }

  init(file: [UInt8], contentType: String) {
    status = 200
    body = file
    self.contentType = contentType
  }

  static var notFound: RestResponse { RestResponse(404) { $0.member("message", "not found") } }
  static var tooMany: RestResponse { RestResponse(429) { $0.member("message", "Too many requests") } }

  private static let reasons = [
    200: "OK", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 413: "Content Too Large",
    429: "Too Many Requests",
  ]

  var bytes: [UInt8] {
    var head = "HTTP/1.1 \(status) \(Self.reasons[status] ?? "")\r\nContent-Type: \(contentType)\r\n"
    for field in fields { head += "\(field.name): \(field.value)\r\n" }
    head += "Content-Length: \(body.count)\r\nConnection: close\r\n\r\n"
    return Array(head.utf8) + body
  }
}

/// Tells REST calls from everything else by their first bytes, and collects them.
struct RestReader {
  enum Progress {
    case needMore
    case request(RestRequest)
    case reject(RestResponse)
    /// No call: these bytes came before those of the piece handed over now, which was not touched.
    case other(earlier: [UInt8])
  }

  private static let headBytesMax = 8192
  private static let bodyBytesMax = 65_536
  private static let headEnd: [UInt8] = [13, 10, 13, 10]

  private let prefixes: [[UInt8]]
  private var bytes: [UInt8] = []
  private var isCall = false

  init(prefixes: [String]) { self.prefixes = prefixes.map { Array($0.utf8) } }

  mutating func receive(_ piece: UnsafeRawBufferPointer) -> Progress {
    let earlier = bytes
    bytes += piece
    if !isCall {
      if prefixes.contains(where: { bytes.starts(with: $0) }) {
        isCall = true
      } else {
        let isOpen = prefixes.contains { $0.starts(with: bytes) }
        return isOpen ? .needMore : .other(earlier: earlier)
      }
    }
    guard let headCount = headCount() else {
      return bytes.count > Self.headBytesMax ? Self.rejected(413, "head too large") : .needMore
    }
    return evaluate(headCount: headCount)
  }

  /// Bytes up to the empty line, with it.
  private func headCount() -> Int? {
    let last = min(bytes.count, Self.headBytesMax) - Self.headEnd.count
    guard last >= 0 else { return nil }
    return (0...last).first { bytes[$0...].starts(with: Self.headEnd) }.map { $0 + Self.headEnd.count }
  }

  private func evaluate(headCount: Int) -> Progress {
    let lines = String(decoding: bytes[..<(headCount - Self.headEnd.count)], as: UTF8.self).split(
      separator: "\r\n", omittingEmptySubsequences: false)
    let parts = lines[0].split(separator: " ", omittingEmptySubsequences: false)
    guard parts.count == 3, parts[2] == "HTTP/1.1" || parts[2] == "HTTP/1.0" else {
      return Self.rejected(400, "malformed request")
    }
    var fields: [String: String] = [:]
    for line in lines.dropFirst() {
      guard let colon = line.firstIndex(of: ":") else { return Self.rejected(400, "malformed field") }
      let value = line[line.index(after: colon)...].drop { $0 == " " }
      fields[line[..<colon].lowercased()] = String(value)
    }
    guard fields["transfer-encoding"] == nil, let bodyCount = Int(fields["content-length"] ?? "0"), bodyCount >= 0
    else { return Self.rejected(400, "a Content-Length is required") }
    guard bodyCount <= Self.bodyBytesMax else { return Self.rejected(413, "body too large") }
    guard bytes.count >= headCount + bodyCount else { return .needMore }
    return .request(
      RestRequest(
        method: String(parts[0]), target: RequestTarget(String(parts[1])), fields: fields,
        body: Array(bytes[headCount..<headCount + bodyCount])))
  }

  private static func rejected(_ status: Int, _ message: String) -> Progress {
    .reject(RestResponse(status) { $0.member("message", message) })
  }
}
