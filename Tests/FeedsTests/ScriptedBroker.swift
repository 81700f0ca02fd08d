// A broker that says what a test tells it to, frame by frame: what the simulated exchange is too well made to send. It
// knows WebSocket's handshake and nothing else. Blocking, a thread per connection; any thread.

import Glibc
import Reactor
import Synchronization
import TestSupport
import Testing

/// One connection, after its handshake.
struct ScriptedConnection: Sendable {
  fileprivate let socket: Int32
  /// In order of arrival, from 0.
  let number: Int
  /// Path and query of the request.
  let target: String

  enum Opcode: UInt8 { case continuation, text, binary }

  /// False when the other side is gone.
  @discardableResult
  func send(_ bytes: [UInt8]) -> Bool {
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes {
        Glibc.send(socket, $0.baseAddress! + sent, $0.count - sent, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { return false }
      sent += count
    }
    return true
  }

  /// Sends one frame.
  @discardableResult
  func send(_ opcode: Opcode, _ payload: [UInt8], isLast: Bool = true) -> Bool {
    send(Self.header(opcode, payloadCount: payload.count, isLast: isLast) + payload)
  }

  /// Of a frame that is not masked, with the long form of the length.
  static func header(_ opcode: Opcode, payloadCount: Int, isLast: Bool = true) -> [UInt8] {
    let length = (0..<8).map { UInt8(truncatingIfNeeded: payloadCount >> (56 - 8 * $0)) }
    let first = opcode.rawValue | (isLast ? 0x80 : 0)
    switch payloadCount {
    case ..<126: return [first, length[7]]
    case ..<65_536: return [first, 126] + length[6...]
    default: return [first, 127] + length
    }
  }

  /// Reads and forgets until the other side closes.
  func waitForEnd() {
    var chunk = [UInt8](repeating: 0, count: 4096)
    while recv(socket, &chunk, chunk.count, 0) > 0 {}
  }
}

final class ScriptedBroker: Sendable {
  let port: UInt16
  private let listener: Int32
  private let thread: LoopThread

  var url: String { "ws://127.0.0.1:\(port)" }

  /// Longest that a thread waits for the other side.
  private static let patienceSeconds = 20

  /// - Parameter script: run for every connection on a thread of its own; the connection ends with it.
  init(_ script: @escaping @Sendable (ScriptedConnection) -> Void) throws {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = withUnsafeMutableBytes(of: &address) { raw in
      let pointer = raw.baseAddress!.assumingMemoryBound(to: sockaddr.self)
      return bind(listener, pointer, length) == 0 && listen(listener, 128) == 0
        && getsockname(listener, pointer, &length) == 0
    }
    try #require(isBound)
    self.listener = listener
    port = UInt16(bigEndian: address.sin_port)
    thread = LoopThread(name: "scripted") {
      var number = 0
      while true {
        let socket = accept(listener, nil, nil)
        guard socket >= 0 else { return }
        let mine = number
        number += 1
        LoopThread.detached(name: "script") {
          defer { close(socket) }
          var patience = timeval(tv_sec: Self.patienceSeconds, tv_usec: 0)
          for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(socket, SOL_SOCKET, option, &patience, socklen_t(MemoryLayout<timeval>.size))
          }
          guard let target = Self.shakeHands(socket) else { return }
          script(ScriptedConnection(socket: socket, number: mine, target: target))
        }
      }
    }
  }

  func stop() {
    shutdown(listener, Int32(SHUT_RDWR))
    thread.join()
    close(listener)
  }

  /// Answers the request for an upgrade; its target, or nil for what is none.
  private static func shakeHands(_ socket: Int32) -> String? {
    var request: [UInt8] = []
    var byte: UInt8 = 0
    while !request.suffix(4).elementsEqual("\r\n\r\n".utf8) {
      guard request.count < 16_384, recv(socket, &byte, 1, 0) == 1 else { return nil }
      request.append(byte)
    }
    let lines = String(decoding: request, as: UTF8.self).split(separator: "\r\n")
    let first = lines.first?.split(separator: " ") ?? []
    guard first.count == 3,
      let field = lines.first(where: { $0.lowercased().hasPrefix("sec-websocket-key:") }),
      let key = field.split(separator: " ").last
    else { return nil }
    let proof = TestCertificates.run(
      "printf '%s' '\(key)258EAFA5-E914-47DA-95CA-C5AB0DC85B11' | openssl dgst -sha1 -binary | openssl base64")
    let answer =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
      + proof.split(separator: "\n").joined() + "\r\n\r\n"
    let connection = ScriptedConnection(socket: socket, number: 0, target: "")
    return connection.send(Array(answer.utf8)) ? String(first[1]) : nil
  }
}
