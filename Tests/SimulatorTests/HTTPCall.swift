// One HTTP call over a plain blocking socket, for the REST calls beside the feeds.

import Foundation
import Glibc
import Testing

struct HTTPCall {
  let status: Int
  let head: String
  let body: [UInt8]

  /// Sends the bytes, in pieces when wanted, and reads to the end of the connection.
  init(port: UInt16, _ request: String, pieceBytes: Int = .max) throws {
    let descriptor = try TestClient.connect(port: port)
    defer { close(descriptor) }
    var rest = Array(request.utf8)[...]
    while !rest.isEmpty {
      let piece = Array(rest.prefix(pieceBytes))
      rest = rest.dropFirst(piece.count)
      _ = Glibc.send(descriptor, piece, piece.count, Int32(MSG_NOSIGNAL))
    }
    var answer: [UInt8] = []
    while true {
      var item = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      guard poll(&item, 1, TestClient.waitMillis) > 0 else { throw TestClientError.timedOut }
      var chunk = [UInt8](repeating: 0, count: 65_536)
      let count = recv(descriptor, &chunk, chunk.count, 0)
      if count <= 0 { break }
      answer += chunk[0..<count]
    }
    let text = String(decoding: answer, as: UTF8.self)
    guard let end = text.range(of: "\r\n\r\n") else { throw TestClientError.brokenProtocol("no HTTP answer") }
    head = String(text[..<end.lowerBound])
    body = Array(text[end.upperBound...].utf8)
    status = Int(head.split(separator: " ").dropFirst().first ?? "") ?? 0
  }

  /// A call with a body.
  static func post(port: UInt16, _ path: String, _ body: String, fields: [String] = []) throws -> HTTPCall {
    let lines = ["POST \(path) HTTP/1.1", "Host: 127.0.0.1:\(port)", "Content-Length: \(body.utf8.count)"] + fields
    return try HTTPCall(port: port, lines.joined(separator: "\r\n") + "\r\n\r\n" + body)
  }

  static func get(port: UInt16, _ path: String, fields: [String] = []) throws -> HTTPCall {
    let lines = ["GET \(path) HTTP/1.1", "Host: 127.0.0.1:\(port)"] + fields
    return try HTTPCall(port: port, lines.joined(separator: "\r\n") + "\r\n\r\n")
  }

  /// The body as a JSON object.
  func json() throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(body)) as? [String: Any])
  }
}
