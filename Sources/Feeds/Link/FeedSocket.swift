// One connection to a broker: TCP or TLS, the WebSocket handshake, frames both ways, pings. What its events mean for the
// feed is decided by the link. Feed loop only; per frame no allocation.

import Logging
import Market
import Reactor
import WebSocket

/// What a link hears from its sockets.
protocol FeedSocketOwner: AnyObject {
  func onEvent(_ event: FeedSupervisor.Event, now: Int64)
  func onFrame(_ frame: UnsafeRawBufferPointer, isText: Bool, shard: Int, now: Int64, _ sink: inout TickSink)
}

final class FeedSocket {
  let shard: Int
  private let label: String
  private let sockets: Sockets
  private let configuration: FeedConfiguration
  private let log: Logger
  private unowned let owner: any FeedSocketOwner

  private(set) var id: SocketID?
  private var endpoint: FeedEndpoint?
  private var handshake: ClientHandshake?
  private var connection = WebSocketConnection(ConnectionOptions(role: .client))
  private var keepalive: Keepalive?
  private let pingNanos: Int64
  private let pongNanos: Int64
  private let heartbeat: FeedFrame?

  init(
    shard: Int, label: String, pingNanos: Int64, pongNanos: Int64, heartbeat: FeedFrame?, sockets: Sockets,
    configuration: FeedConfiguration, log: Logger, owner: any FeedSocketOwner
  ) {
    self.shard = shard
    self.label = label
    self.pingNanos = pingNanos
    self.pongNanos = pongNanos
    self.heartbeat = heartbeat
    self.sockets = sockets
    self.configuration = configuration
    self.log = log
    self.owner = owner
  }

  // MARK: Connecting

  /// Connects to an address that the endpoint's name resolved to.
  func connect(to address: SocketAddress, _ endpoint: FeedEndpoint, now: Int64) {
    self.endpoint = endpoint
    do {
      guard endpoint.isSecure else {
        id = try sockets.connect(to: address)
        return
      }
      guard let tls = configuration.tls else {
        log.error("\(label): the address is wss://, but no certificate authorities are loaded")
        return owner.onEvent(.lost(shard: shard, .network), now: now)
      }
      id = try sockets.connect(to: address, securedBy: tls, hostName: endpoint.host)
    } catch {
      log.warning("\(label): \(error)")
      owner.onEvent(.lost(shard: shard, .network), now: now)
    }
  }

  func onConnect(now: Int64) {
    guard let endpoint, let id else { return }
    owner.onEvent(.connected(shard: shard), now: now)
    var generator = SystemRandomNumberGenerator()
    let nonce = (0..<ClientHandshake.nonceBytes).map { _ in UInt8.random(in: 0...255, using: &generator) }
    do {
      let request = ClientHandshake.Request(
        host: endpoint.host, port: endpoint.port, isSecure: endpoint.isSecure, target: endpoint.target,
        fields: endpoint.fields)
      let started = try ClientHandshake(request, nonce: nonce)
      handshake = started
      _ = sockets.append(id, started.requestBytes)
    } catch {
      log.error("\(label): the upgrade request cannot be written: \(error)")
      owner.onEvent(.lost(shard: shard, .network), now: now)
    }
  }

  func onClosed(_ reason: CloseReason, now: Int64) {
    forget()
    switch reason {
    case .local: break
    case .peer: owner.onEvent(.lost(shard: shard, .serverClose), now: now)
    case .failed(let code):
      log.warning("\(label): connection lost (error \(code))")
      owner.onEvent(.lost(shard: shard, .network), now: now)
    case .tls(let cause):
      log.warning("\(label): TLS: \(cause)")
      owner.onEvent(.lost(shard: shard, .network), now: now)
    }
  }

  func hangUp() {
    if let id {
      if handshake == nil, keepalive != nil, !connection.isCloseSent { sendClose(CloseCode.normal) }
      sockets.closeAfterFlush(id)
    }
    // What still comes from it belongs to the past, and the watch over it must not judge the next.
    forget()
  }

  private func forget() {
    id = nil
    handshake = nil
    keepalive = nil
    endpoint = nil
  }

  // MARK: Bytes

  func onReceive(_ bytes: UnsafeMutableRawBufferPointer, now: Int64, _ sink: inout TickSink) {
    guard handshake == nil else { return onHandshake(bytes, now: now, &sink) }
    keepalive?.onReceive()
    connection.receive(bytes)
    drain(now: now, &sink)
  }

  private func onHandshake(_ bytes: UnsafeMutableRawBufferPointer, now: Int64, _ sink: inout TickSink) {
    switch handshake!.receive(UnsafeRawBufferPointer(bytes)) {
    case .needMore: return
    case .refused(let status, let retryAfter):
      log.warning("\(label): the broker answered the upgrade with \(status)")
      owner.onEvent(.refused(shard: shard, status: status, retryAfterSeconds: retryAfter), now: now)
    case .invalid(let reason):
      log.warning("\(label): \(reason)")
      owner.onEvent(.lost(shard: shard, .serverClose), now: now)
    case .open(_, let consumed):
      handshake = nil
      var options = ConnectionOptions(role: .client)
      options.messageBytesMax = configuration.messageBytesMax
      connection = WebSocketConnection(options)
      keepalive = Keepalive(pingIntervalNanos: pingNanos, pongTimeoutNanos: pongNanos, nowNanos: now)
      owner.onEvent(.opened(shard: shard), now: now)
      // Its answer is the first sign of life where nothing else comes at once.
      withUnsafeBytes(of: UInt32(0)) { sendControl(.ping, $0) }
      guard consumed < bytes.count, id != nil else { return }
      onReceive(UnsafeMutableRawBufferPointer(rebasing: bytes[consumed...]), now: now, &sink)
    }
  }

  private func drain(now: Int64, _ sink: inout TickSink) {
    let current = id
    while true {
      let event = connection.next()
      // An event may have hung up: what is left of the chunk is read and dropped.
      if case .needMore = event { return }
      guard id == current else { continue }
      handle(event, now: now, &sink)
    }
  }

  private func handle(_ event: WebSocketConnection.Event, now: Int64, _ sink: inout TickSink) {
    switch event {
    case .binary(let frame): owner.onFrame(frame, isText: false, shard: shard, now: now, &sink)
    case .text(let frame): owner.onFrame(frame, isText: true, shard: shard, now: now, &sink)
    case .ping(let payload):
      sendControl(.pong, payload)
      owner.onEvent(.alive(shard: shard), now: now)
    case .pong: owner.onEvent(.alive(shard: shard), now: now)
    case .closed(let code, _):
      log.warning("\(label): closed by the broker", metadata: ["code": "\(code.map(String.init) ?? "none")"])
      if connection.mustSendClose { sendClose(code) }
      owner.onEvent(.lost(shard: shard, .serverClose), now: now)
    case .violation(let code, let reason):
      log.warning("\(label): protocol violation: \(reason)")
      if connection.mustSendClose { sendClose(code) }
      owner.onEvent(.lost(shard: shard, .serverClose), now: now)
    case .needMore: break
    }
  }

  func onSweep(now: Int64) {
    guard let action = keepalive?.onSweep(nowNanos: now) else { return }
    switch action {
    case .none: break
    case .sendPing(let payload):
      withUnsafeBytes(of: payload) { sendControl(.ping, $0) }
      if let heartbeat { send(heartbeat) }
    case .timedOut: owner.onEvent(.lost(shard: shard, .stall), now: now)
    }
  }

  // MARK: Sending

  func send(_ frame: FeedFrame) {
    guard let id else { return }
    switch frame {
    case .text(let bytes): _ = sockets.append(id, ClientFrames.text(bytes, maskKey: .random(in: .min ... .max)))
    case .binary(let bytes): _ = sockets.append(id, ClientFrames.binary(bytes, maskKey: .random(in: .min ... .max)))
    }
  }

  private func sendControl(_ opcode: Opcode, _ payload: UnsafeRawBufferPointer) {
    guard let id else { return }
    _ = sockets.append(id, ClientFrames.control(opcode, payload, maskKey: .random(in: .min ... .max)))
  }

  private func sendClose(_ code: UInt16?) {
    guard let id else { return }
    _ = sockets.append(id, ClientFrames.close(code, maskKey: .random(in: .min ... .max)))
    connection.closeSent()
  }
}
