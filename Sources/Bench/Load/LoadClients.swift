// The load: many WebSocket clients on one event loop. Each subscribes with sequence numbers and checks that none is
// missing. Market data is found by searching the bytes, so that the generator costs little beside the server.

import CLinux
import Glibc
import JSONText
import Logging
import Market
import Reactor
import TickRing
import WebSocket

final class LoadClient {
  enum Phase { case connecting, upgrading, authenticating, subscribing, running }

  let symbols: [InstrumentKey]
  var phase = Phase.connecting
  var handshake: ClientHandshake?
  var connection: WebSocketConnection
  /// Last sequence by symbol, by the key's bytes as they stand in a message.
  var sequences: [SymbolText: UInt64] = [:]
  var messages: UInt64 = 0

  init(symbols: [InstrumentKey]) {
    self.symbols = symbols
    var options = ConnectionOptions(role: .client)
    options.messageBytesMax = 16 << 20
    connection = WebSocketConnection(options)
  }
}

/// Exchange and symbol as they stand in a message, hashed without making a String.
struct SymbolText: Hashable {
  let hash: UInt64

  init(_ bytes: UnsafeRawBufferPointer) {
    var value: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in bytes { value = (value ^ UInt64(byte)) &* 0x100_0000_01B3 }
    hash = value
  }
}

final class LoadClients: LoopHandler {
  private let plan: LoadPlan
  private let sockets: Sockets
  private var clients: [SocketID: LoadClient] = [:]
  private var running = 0
  private(set) var result = LoadResult()
  private var measureStart: Int64 = .max
  private var measureEnd: Int64 = .max
  private let openedAt: Int64
  private let progress: (LoadResult, Int64) -> Void
  private var nextProgress: Int64 = 0
  private var cpuAtStart: Int64 = 0

  static let setUpNanos: Int64 = 30_000_000_000

  init(plan: LoadPlan, sockets: Sockets, progress: @escaping (LoadResult, Int64) -> Void) throws {
    self.plan = plan
    self.sockets = sockets
    self.progress = progress
    openedAt = SystemClock.monotonicNanos()
    guard let address = SocketAddress(host: plan.host, port: plan.port) else {
      throw LoopError.badAddress("\(plan.host):\(plan.port)")
    }
    for number in 0..<plan.clients {
      clients[try sockets.connect(to: address)] = LoadClient(symbols: plan.symbols(of: number))
    }
  }

  /// Called once, when measuring begins and when it ends.
  var onMeasure: (_ isBeginning: Bool) -> Void = { _ in }

  func onAccept(_ socket: SocketID, listener: Int, peer: SocketAddress) {}

  func onConnect(_ socket: SocketID) {
    guard let client = clients[socket] else { return }
    let nonce = (0..<ClientHandshake.nonceBytes).map { _ in UInt8.random(in: 0...255) }
    let request = ClientHandshake.Request(host: plan.host, port: plan.port, isSecure: false, target: "/")
    guard let handshake = try? ClientHandshake(request, nonce: nonce) else { return fail("handshake") }
    client.handshake = handshake
    client.phase = .upgrading
    _ = sockets.append(socket, handshake.requestBytes)
  }

  func onReceive(_ socket: SocketID, _ bytes: UnsafeMutableRawBufferPointer) {
    guard let client = clients[socket] else { return }
    var chunk = bytes
    if client.handshake != nil {
      switch client.handshake!.receive(UnsafeRawBufferPointer(bytes)) {
      case .needMore: return
      case .refused(let status, _): return fail("the server answered \(status)")
      case .invalid(let reason): return fail("\(reason)")
      case .open(_, let consumed):
        client.handshake = nil
        client.phase = .authenticating
        send(socket, #"{"action":"authenticate","api_key":"\#(plan.key)"}"#)
        chunk = UnsafeMutableRawBufferPointer(rebasing: bytes[consumed...])
      }
    }
    client.connection.receive(chunk)
    while true {
      switch client.connection.next() {
      case .text(let message):
        if client.phase == .running { take(message, client) } else { control(message, socket, client) }
      case .ping(let payload): pong(socket, payload)
      case .closed(let code, let reason):
        return fail("closed by the server: \(code ?? 0) \(String(decoding: reason, as: UTF8.self))")
      case .violation(_, let reason): return fail("protocol violation: \(reason)")
      case .binary, .pong: break
      case .needMore: return
      }
    }
  }

  func onClosed(_ socket: SocketID, reason: CloseReason) {
    guard clients.removeValue(forKey: socket) != nil, sockets.isRunning else { return }
    fail("a connection ended: \(reason)")
  }

  func onTurn(nowNanos: Int64) {}
  func hasWork() -> Bool { false }
  func deadlineNanos() -> Int64 { .max }

  func onSweep(nowNanos: Int64) {
    if running < plan.clients, nowNanos - openedAt > Self.setUpNanos { return fail("set-up took too long") }
    if measureStart == .max, running == plan.clients {
      result.connected = running
      measureStart = nowNanos + plan.warmUpNanos
      measureEnd = measureStart + plan.measureNanos
    }
    if cpuAtStart == 0, nowNanos >= measureStart { begin(nowNanos) }
    if nowNanos >= measureEnd { return finish(nowNanos) }
    if cpuAtStart != 0, nowNanos >= nextProgress {
      nextProgress = nowNanos + 5_000_000_000
      progress(result, nowNanos - measureStart)
    }
  }

  private func begin(_ now: Int64) {
    cpuAtStart = tg_thread_cpu_nanos()
    measureStart = now
    measureEnd = now + plan.measureNanos
    nextProgress = now + 5_000_000_000
    result.messages = 0
    result.bytes = 0
    result.missing = 0
    result.disordered = 0
    for client in clients.values { client.messages = 0 }
    onMeasure(true)
  }

  private func finish(_ now: Int64) {
    guard sockets.isRunning else { return }
    onMeasure(false)
    result.cpuNanos = tg_thread_cpu_nanos() - cpuAtStart
    result.seconds = Double(now - measureStart) / 1e9
    result.perClientLeast = clients.values.map(\.messages).min() ?? 0
    result.perClientMost = clients.values.map(\.messages).max() ?? 0
    stop()
  }

  private func fail(_ problem: String) {
    guard result.problem == nil, sockets.isRunning else { return }
    result.problem = problem
    stop()
  }

  private func stop() {
    for socket in clients.keys { sockets.close(socket) }
    sockets.stop(deadlineNanos: SystemClock.monotonicNanos() + 1_000_000_000)
  }

  // MARK: Messages

  private func control(_ message: UnsafeRawBufferPointer, _ socket: SocketID, _ client: LoadClient) {
    guard let root = try? JSONDocument(message).root else { return fail("not JSON") }
    switch (client.phase, root["type"]?.string) {
    case (.authenticating, "auth"):
      client.phase = .subscribing
      send(socket, subscription(client.symbols))
    case (.subscribing, "subscribe"):
      guard root["status"]?.string == "success" else { return fail(String(decoding: message, as: UTF8.self)) }
      client.phase = .running
      running += 1
    // Ticks may come before the acknowledgement; counting begins later anyway.
    case (.subscribing, "market_data"): break
    default: fail("unexpected: \(String(decoding: message.prefix(200), as: UTF8.self))")
    }
  }

  private func subscription(_ symbols: [InstrumentKey]) -> String {
    let entries = symbols.map { #"{"symbol":"\#($0.symbol)","exchange":"\#($0.exchange.code)"}"# }
    return
      #"{"action":"subscribe","seq":true,"mode":\#(plan.mode.rawValue),"symbols":[\#(entries.joined(separator: ","))]}"#
  }

  private static let seqKey = Array(#""seq":"#.utf8)
  private static let dataKey = Array(#""mode":"#.utf8)

  /// Counts a message and checks its sequence. The symbol is what stands before `"mode":`, the sequence near the end.
  private func take(_ message: UnsafeRawBufferPointer, _ client: LoadClient) {
    result.messages &+= 1
    result.bytes &+= UInt64(message.count)
    client.messages &+= 1
    let base = message.baseAddress!
    guard
      let mode = tg_find(base, message.count, Self.dataKey, Self.dataKey.count),
      let tail = tg_find(
        base + max(0, message.count - 80), min(80, message.count), Self.seqKey, Self.seqKey.count)
    else { return }
    var sequence: UInt64 = 0
    var at = UnsafeRawPointer(tail) + Self.seqKey.count
    while at < base + message.count, at.load(as: UInt8.self) == UInt8(ascii: " ") { at += 1 }
    while at < base + message.count {
      let digit = at.load(as: UInt8.self) &- 0x30
      if digit > 9 { break }
      sequence = sequence &* 10 &+ UInt64(digit)
      at += 1
    }
    let name = SymbolText(UnsafeRawBufferPointer(start: base, count: UnsafeRawPointer(mode) - base))
    if let last = client.sequences[name] {
      if sequence <= last { result.disordered &+= 1 } else { result.missing &+= sequence &- last &- 1 }
    }
    client.sequences[name] = sequence
  }

  private func send(_ socket: SocketID, _ text: String) {
    _ = sockets.append(socket, ClientFrames.text(Array(text.utf8), maskKey: .random(in: .min ... .max)))
  }

  private func pong(_ socket: SocketID, _ payload: UnsafeRawBufferPointer) {
    _ = sockets.append(socket, ClientFrames.control(.pong, payload, maskKey: .random(in: .min ... .max)))
  }
}
