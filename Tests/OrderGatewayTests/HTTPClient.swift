import Foundation
import Glibc

// A blocking HTTP/1.1 client over a real loopback socket, one connection per request, each on a thread of its own so
// that the pool which serves the requests is never blocked.

struct HTTPReply: Sendable {
  var status: Int
  var headers: [String: String]
  var body: String

  /// The body as an object; empty when it is not one.
  var object: [String: Any] {
    (try? JSONSerialization.jsonObject(with: Data(body.utf8))) as? [String: Any] ?? [:]
  }

  var message: String { object["message"] as? String ?? "" }
  var data: [String: Any] { object["data"] as? [String: Any] ?? [:] }
  var rows: [[String: Any]] { object["data"] as? [[String: Any]] ?? [] }
}

struct HTTPClient: Sendable {
  var port: Int

  func post(
    _ endpoint: String, _ body: String, contentType: String? = "application/json", method: String = "POST"
  ) async -> HTTPReply {
    await post(endpoint, bytes: Array(body.utf8), contentType: contentType, method: method)
  }

  func post(
    _ endpoint: String, bytes: [UInt8], contentType: String? = "application/json", method: String = "POST"
  ) async -> HTTPReply {
    var head = "\(method) /api/v1/\(endpoint) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    if let contentType { head += "Content-Type: \(contentType)\r\n" }
    head += "Content-Length: \(bytes.count)\r\n\r\n"
    return await exchange([Array(head.utf8) + bytes])
  }

  /// Sends the parts one by one and reads until the server closes.
  func exchange(_ parts: [[UInt8]]) async -> HTTPReply {
    await withCheckedContinuation { continuation in
      Thread { continuation.resume(returning: exchangeBlocking(parts)) }.start()
    }
  }

  private func exchangeBlocking(_ parts: [[UInt8]]) -> HTTPReply {
    let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(socket) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    let connected = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard connected == 0 else { return HTTPReply(status: 0, headers: [:], body: "connect: errno \(errno)") }
    for part in parts {
      var done = 0
      while done < part.count {
        let count = part.withUnsafeBytes {
          send(socket, $0.baseAddress! + done, $0.count - done, Int32(MSG_NOSIGNAL))
        }
        if count <= 0 { break }
        done += count
      }
    }
    var received: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = recv(socket, &buffer, buffer.count, 0)
      if count <= 0 { break }
      received += buffer[..<count]
      if let reply = Self.parse(received) { return reply }
    }
    return HTTPReply(status: 0, headers: [:], body: String(decoding: received, as: UTF8.self))
  }

  /// Nil until the whole reply is there. The server always sends a length.
  private static func parse(_ bytes: [UInt8]) -> HTTPReply? {
    let text = String(decoding: bytes, as: UTF8.self)
    guard let end = text.range(of: "\r\n\r\n") else { return nil }
    let lines = text[..<end.lowerBound].components(separatedBy: "\r\n")
    var headers: [String: String] = [:]
    for line in lines.dropFirst() {
      let parts = line.split(separator: ":", maxSplits: 1)
      if parts.count == 2 { headers[parts[0].lowercased()] = parts[1].trimmingCharacters(in: .whitespaces) }
    }
    let body = String(text[end.upperBound...])
    guard let length = Int(headers["content-length"] ?? "0"), body.utf8.count >= length else { return nil }
    return HTTPReply(status: Int(lines[0].split(separator: " ")[1]) ?? 0, headers: headers, body: body)
  }
}
