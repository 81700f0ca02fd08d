// Peers of TLS tests that do not come from our own code: raw sockets, and a relay that reads record headers as they
// pass.

import Glibc
import Market
import Reactor
import Synchronization
import TestSupport
import Testing
import TickRing

extension TestCertificates {
  func context(_ name: String) throws -> TLSServerContext {
    try TLSServerContext(certificate: "\(directory)/\(name).pem", key: "\(directory)/\(name).key")
  }

  func client() throws -> TLSClientContext { try TLSClientContext(authorities: .file(authority)) }
}

/// A blocking socket that says what it is told to, whatever the protocol.
struct RawPeer: ~Copyable {
  let descriptor: Int32

  init(port: UInt16) {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let size = socklen_t(MemoryLayout<sockaddr_in>.size)
    _ = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, size) }
    }
  }

  deinit { close(descriptor) }

  func send(_ bytes: [UInt8]) { _ = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) }

  /// Everything until the other side ends.
  func readAll() -> [UInt8] {
    var all: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = recv(descriptor, &chunk, chunk.count, 0)
      if count <= 0 { return all }
      all += chunk[0..<count]
    }
  }

  /// Waits for the first bytes.
  func readSome() -> [UInt8] {
    var chunk = [UInt8](repeating: 0, count: 65_536)
    let count = recv(descriptor, &chunk, chunk.count, 0)
    return count <= 0 ? [] : Array(chunk[0..<count])
  }

  /// The close that follows sends a reset.
  func resetOnClose() {
    var linger = linger(l_onoff: 1, l_linger: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<Glibc.linger>.size))
  }
}

/// Forwards one connection, and notes the TLS records that the server sends through it.
final class Relay: Sendable {
  struct Record: Sendable, Equatable {
    var kind: UInt8
    var bytes: Int
  }

  let port: UInt16
  private let thread: LoopThread
  private let sink = Sink()

  private final class Sink: Sendable { let records = Mutex<[Record]>([]) }

  /// - Parameter serverBytesMax: after so many bytes nothing more is taken from the server.
  init(to server: UInt16, serverBytesMax: Int = .max) throws {
    let listener = try Listener(host: "127.0.0.1", port: 0)
    port = listener.port
    let sink = sink
    thread = LoopThread(name: "relay") { Self.forward(listener.descriptor, server, serverBytesMax, sink) }
  }

  /// Records of the server, once the connection is over.
  func records() -> [Record] {
    thread.join()
    return sink.records.withLock { $0 }
  }

  private struct RecordScanner {
    private var buffer: [UInt8] = []
    mutating func add(_ bytes: ArraySlice<UInt8>) -> [Record] {
      buffer += bytes
      var found: [Record] = []
      while buffer.count >= 5 {
        let size = Int(buffer[3]) << 8 | Int(buffer[4])
        guard buffer.count >= 5 + size else { break }
        found.append(Record(kind: buffer[0], bytes: size))
        buffer.removeFirst(5 + size)
      }
      return found
    }
  }

  private static func forward(
    _ listener: Int32, _ server: UInt16, _ serverBytesMax: Int, _ sink: Sink
  ) {
    var scanner = RecordScanner()
    var ready = pollfd(fd: listener, events: Int16(POLLIN), revents: 0)
    poll(&ready, 1, -1)
    let client = accept(listener, nil, nil)
    close(listener)
    let upstream = RawPeer(port: server)
    var fromServer = 0
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
      var pair = [
        pollfd(fd: client, events: Int16(POLLIN), revents: 0),
        pollfd(fd: upstream.descriptor, events: fromServer < serverBytesMax ? Int16(POLLIN) : 0, revents: 0),
      ]
      poll(&pair, 2, -1)
      if pair[0].revents != 0 {
        let count = recv(client, &chunk, chunk.count, 0)
        if count <= 0 { break }
        upstream.send(Array(chunk[0..<count]))
      }
      if pair[1].revents != 0 {
        let count = recv(upstream.descriptor, &chunk, chunk.count, 0)
        if count <= 0 { break }
        fromServer += count
        let found = scanner.add(chunk[0..<count])
        sink.records.withLock { $0 += found }
        _ = Glibc.send(client, chunk, count, Int32(MSG_NOSIGNAL))
      }
    }
    close(client)
  }
}
