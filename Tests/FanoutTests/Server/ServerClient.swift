// A WebSocket client over a blocking loopback socket, and a server with a feed that tests write.

import Fanout
import Glibc
import JSONText
import Logging
import Market
import Reactor
import Testing
import TickRing
import WebSocket

/// What a client sees.
enum Seen: Equatable {
  case text(String)
  case binary([UInt8])
  case ping
  case pong([UInt8])
  case closed(code: UInt16?, reason: String)
  /// The transport ended, or nothing came within the patience of a test.
  case nothing
}

final class ServerClient {
  private let descriptor: Int32
  private var connection = WebSocketConnection(ConnectionOptions(role: .client))
  private var maskKey: UInt32 = 0x1234_5678
  private let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
  private var needsBytes = true
  /// Bytes of the HTTP answer, when it was no upgrade.
  private(set) var answer = ""
  /// Bytes of the socket behind that.
  private(set) var receivedBytes = 0
  private static let patienceSeconds = 20

  /// - Parameters:
  ///   - request: the upgrade request, or what a test wants to try instead of it.
  ///   - receiveBuffer: bytes of the kernel's buffer, small for a client that is to be slow.
  init(port: UInt16, request: String? = nil, receiveBuffer: Int32? = nil) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    try #require(descriptor >= 0)
    var patience = timeval(tv_sec: Self.patienceSeconds, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    if var receiveBuffer {
      setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &receiveBuffer, socklen_t(MemoryLayout<Int32>.size))
    }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    try #require(result == 0)
    write(Array((request ?? Self.upgrade()).utf8))
    if request?.contains("\r\n\r\n") ?? true { readHead() }
  }

  deinit {
    Glibc.close(descriptor)
    chunk.deallocate()
  }

  static func upgrade(key: String = "AAAAAAAAAAAAAAAAAAAAAA==", fields: String = "User-Agent: test\r\n") -> String {
    "GET /ws?x=1 HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\(fields)"
      + "Sec-WebSocket-Key: \(key)\r\nSec-WebSocket-Version: 13\r\n\r\n"
  }

  /// Reads the head byte by byte, so that frames behind it stay in the socket.
  private func readHead() {
    var bytes: [UInt8] = []
    var byte: UInt8 = 0
    while !bytes.suffix(4).elementsEqual("\r\n\r\n".utf8), recv(descriptor, &byte, 1, 0) == 1 { bytes.append(byte) }
    answer = String(decoding: bytes, as: UTF8.self)
    if answer.contains("permessage-deflate") {
      connection = WebSocketConnection(ConnectionOptions(role: .client), inflater: PayloadInflater())
    }
  }

  func write(_ bytes: [UInt8]) {
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress! + sent, $0.count - sent, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { return }
      sent += count
    }
  }

  func frame(_ opcode: Opcode, _ payload: [UInt8], rsv: UInt8 = 0) -> [UInt8] {
    maskKey = maskKey &* 1_664_525 &+ 1_013_904_223
    var header = [UInt8](repeating: 0, count: FrameHeader.bytesMax)
    let count = header.withUnsafeMutableBytes {
      FrameWriter.writeHeader(
        opcode, payloadCount: payload.count, maskKey: maskKey, rsv: rsv, to: $0.baseAddress!)
    }
    var masked = payload
    masked.withUnsafeMutableBytes { bytes in
      if let base = bytes.baseAddress { Masking.apply(maskKey, to: base, count: bytes.count) }
    }
    return header.prefix(count) + masked
  }

  func say(_ text: String) { write(frame(.text, Array(text.utf8))) }

  /// The next thing that the server says.
  func next() -> Seen {
    while true {
      if needsBytes {
        let count = recv(descriptor, chunk.baseAddress!, chunk.count, 0)
        guard count > 0 else { return .nothing }
        receivedBytes += count
        connection.receive(UnsafeMutableRawBufferPointer(rebasing: chunk[0..<count]))
        needsBytes = false
      }
      switch connection.next() {
      case .text(let bytes): return .text(String(decoding: bytes, as: UTF8.self))
      case .binary(let bytes): return .binary(Array(bytes))
      case .ping: return .ping
      case .pong(let bytes): return .pong(Array(bytes))
      case .closed(let code, let reason): return .closed(code: code, reason: String(decoding: reason, as: UTF8.self))
      case .violation(_, let reason):
        Issue.record("the server broke the protocol: \(reason)")
        return .nothing
      case .needMore: needsBytes = true
      }
    }
  }

  struct Unexpected: Error { let seen: Seen }

  /// The next text; pings in between are passed over.
  func text() throws -> String {
    while true {
      switch next() {
      case .text(let text): return text
      case .ping: continue
      case let other: throw Unexpected(seen: other)
      }
    }
  }

  func ask(_ text: String) throws -> String {
    say(text)
    return try self.text()
  }

  /// Everything up to the close frame or the end.
  func close() -> Seen {
    while true {
      switch next() {
      case .text, .binary, .ping, .pong: continue
      case let end: return end
      }
    }
  }

  func authenticate(_ key: String = "key-asha") throws {
    #expect(
      try ask(#"{"action":"authenticate","api_key":"\#(key)"}"#).hasPrefix(#"{"type":"auth","status":"success""#))
  }

  func subscribe(_ symbol: String, _ mode: Mode, more: String = "", exchange: String = "NSE") throws {
    let message =
      #"{"action":"subscribe","symbol":"\#(symbol)","exchange":"\#(exchange)","mode":\#(mode.rawValue)\#(more)}"#
    #expect(try ask(message).contains(#""status":"success","subscriptions""#))
  }
}

/// Both run the same tests: `TICKGATE_IO_BACKEND` names the other one.
let testBackend = getenv("TICKGATE_IO_BACKEND").map { BackendKind(rawValue: String(cString: $0))! } ?? .auto

/// A running server on a free port with a feed written by the test's own thread.
final class ServerBench {
  let service: FanoutService
  let wants = TestWants()
  let board = FeedBoard(names: ["zerodha", "dhan"])
  let port: UInt16
  let registry: InstrumentRegistry
  private let lastValues: LastValueTable
  private var sequencer: TickSequencer
  static let epochMillis: Int64 = 1_795_000_000_123

  init(
    ringCapacity: Int = 4096, instruments: [Instrument] = serverInstruments, offers: [DeepOffer] = [],
    clock: any WallClock = SystemClock(), _ adjust: (inout FanoutConfiguration) -> Void = { _ in }
  ) throws {
    var configuration = FanoutConfiguration()
    configuration.port = 0
    configuration.clientsMax = 100
    // Clients of tests answer no pings unless that is what they are about.
    configuration.pingIntervalNanos = 0
    configuration.backend = testBackend
    adjust(&configuration)
    let registry = InstrumentRegistry(instruments, offers: offers)
    self.registry = registry
    let ring = TickRing(capacity: ringCapacity)
    lastValues = LastValueTable(registry)
    sequencer = TickSequencer(ring: ring, lastValues: lastValues)
    var log = Logger(label: "test")
    log.logLevel = .error
    service = FanoutService(
      configuration: configuration, registry: registry, ring: ring, lastValues: lastValues, wanted: wants,
      keys: TestKeys(), board: board, log: log, clock: clock, epochNanos: Self.epochMillis * 1_000_000)
    port = try service.start()
  }

  deinit { service.stop() }

  /// One tick whose last price is `number` rupees.
  func tick(_ instrument: UInt32, _ mode: Mode, number: Int64 = 1, feed: UInt8 = 0, flush: Bool = true) {
    var tick = exampleTick(instrument, mode)
    tick.feed = feed
    tick.ltp = number * Price.scale
    sequencer.submit(&tick, publishedNanos: 1)
    if flush { sequencer.flush() }
  }

  /// One update of a book, with as many levels as it has.
  func book(_ name: String, _ book: inout DeepBook) throws {
    let id = try #require(registry.streamID(exchange: .nse, symbol: name))
    book.instrument = try #require(registry.deep[id]).base
    sequencer.submit(&book, as: id, publishedNanos: 1)
    sequencer.flush()
  }

  func flush() { sequencer.flush() }

  /// Waits until the statistics say so. For effects that no client sees.
  func wait(until isTrue: (FanoutStatistics) -> Bool) -> Bool {
    for _ in 0..<4000 {
      if isTrue(service.statistics()) { return true }
      usleep(5000)
    }
    return false
  }

  /// - Parameter fields: header fields of the upgrade.
  func client(
    _ key: String? = "key-asha", fields: String = "User-Agent: test\r\n", receiveBuffer: Int32? = nil
  ) throws -> ServerClient {
    let client = try ServerClient(
      port: port, request: ServerClient.upgrade(fields: fields), receiveBuffer: receiveBuffer)
    #expect(client.answer.hasPrefix("HTTP/1.1 101 Switching Protocols\r\n"))
    if let key { try client.authenticate(key) }
    return client
  }
}
