// The life of one connection: upgrade, messages, keepalive, close. Loop thread only; allocates per control message.

import Logging
import Market
import Reactor
import WebSocket

extension FanoutLoop {
  // MARK: Upgrade

  func shakeHands(_ client: FanoutClient, _ bytes: UnsafeMutableRawBufferPointer) {
    switch client.handshake.receive(UnsafeRawBufferPointer(bytes)) {
    case .needMore: break
    case .reject(let rejection): reject(client, rejection)
    case .upgrade(let request, let consumed):
      if let origin = request.origin, !isAllowed(origin) {
        return reject(client, HandshakeRejection(status: 403, message: "this origin is not allowed"))
      }
      open(client, request)
      if consumed < bytes.count { read(client, UnsafeMutableRawBufferPointer(rebasing: bytes[consumed...])) }
    }
  }

  private func isAllowed(_ origin: String) -> Bool {
    configuration.allowedOrigins.isEmpty || configuration.allowedOrigins.contains(origin)
  }

  private func reject(_ client: FanoutClient, _ rejection: HandshakeRejection) {
    ticks.statistics.handshakesFailed += 1
    _ = sockets.append(client.socket, rejection.response)
    sockets.closeAfterFlush(client.socket)
    detach(client)
  }

  private func open(_ client: FanoutClient, _ request: UpgradeRequest) {
    let slot = ticks.slots + Int(client.socket.index)
    var options = ConnectionOptions(role: .server)
    options.messageBytesMax = configuration.messageBytesMax
    options.expectsTruncatedPing = request.isPacedClientCandidate
    slot.pointee.pendingBytesSoftMax = UInt32(configuration.pendingBytesSoftMax)
    setPolicy(request.isPacedClientCandidate ? .paced : configuration.policy, of: client)
    client.userAgent = request.userAgent.map { String($0.prefix(Self.userAgentMax)) }
    let now = SystemClock.monotonicNanos()
    let isBinary = request.protocols.contains(BinaryLayout.subprotocol)
    let deflate = isBinary ? nil : agreement(request)
    client.connection = WebSocketConnection(options, inflater: deflate == nil ? nil : inflater)
    // A stranger's small message must not become a large one.
    client.connection.inflatedBytesMax = min(configuration.anonymousMessageBytesMax, configuration.messageBytesMax)
    client.session = SessionState(client: client.socket.index, rules: context.rules, nowNanos: now)
    client.session.form = isBinary ? .binary : deflate == nil ? [] : .deflate
    client.keepalive = Keepalive(
      pingIntervalNanos: configuration.pingIntervalNanos, pongTimeoutNanos: configuration.pongTimeoutNanos,
      nowNanos: now)
    client.handshake = ServerHandshake()
    client.phase = .open
    slot.pointee.lookNanos = now
    let answer = request.acceptResponse(subprotocol: isBinary ? BinaryLayout.subprotocol : nil, deflate: deflate)
    guard sockets.append(client.socket, answer) else { return cut(client) }
    sockets.fence(client.socket)
    if isBinary { sendRecords(client, context.openingRecords(wallNanos: shared.clock.nowNanos())) }
  }

  /// What is agreed to of the compression that a client offers. One that wants a smaller window than our results may
  /// refer to is declined rather than served by a compressor of its own.
  private func agreement(_ request: UpgradeRequest) -> DeflateAgreement? {
    guard let deflate = request.deflate, let deflateWindowBits, deflate.windowBits >= deflateWindowBits,
      deflateClientCount < configuration.deflateClientsMax
    else { return nil }
    deflateClientCount += 1
    return deflate
  }

  /// Characters of a client's name for itself that are kept.
  private static var userAgentMax: Int { 64 }

  private func setPolicy(_ policy: DeliveryPolicy, of client: FanoutClient) {
    let index = Int(client.socket.index)
    ticks.slots[index].policy = policy
    if policy.isAlwaysHeld {
      ticks.slots[index].isHeld = true
      sockets.limitUnsent(client.socket, bytes: TickFanout.unsentBytesMax)
    } else if context.subscriptions.owedCount(client: client.socket.index) == 0 {
      ticks.slots[index].isHeld = false
    }
  }

  // MARK: Messages

  func read(_ client: FanoutClient, _ bytes: UnsafeMutableRawBufferPointer) {
    client.keepalive.onReceive()
    client.connection.receive(bytes)
    while client.phase == .open {
      switch client.connection.next() {
      case .text(let message), .binary(let message): handle(message, of: client)
      case .ping(let payload):
        let count = FrameWriter.writeControl(.pong, payload: payload, to: scratch)
        send(client, UnsafeRawBufferPointer(rebasing: scratch[0..<count]))
      case .pong: break
      case .closed(let code, _):
        // The answer carries the peer's code; a client that sends none gets none.
        sendClose(client, code: code, reason: "")
        finish(client)
      case .violation(let code, let reason):
        ticks.statistics.protocolErrors += 1
        close(client, Violation(code: code, reason: reason))
      case .needMore: return
      }
    }
  }

  private func handle(_ message: UnsafeRawBufferPointer, of client: FanoutClient) {
    ticks.statistics.messagesReceived += 1
    let index = Int(client.socket.index)
    let keyBefore = client.session.principal?.keyID
    let reply = client.session.onMessage(message, in: context, wallNanos: shared.clock.nowNanos())
    followEvents(client)
    if reply.isAlone { sockets.fence(client.socket) }
    sendText(client, reply.text)
    if reply.isAlone { sockets.fence(client.socket) }
    if reply.isRefusal { ticks.statistics.authenticationsFailed += 1 }
    if let violation = reply.close { return close(client, violation) }
    for event in reply.events { sendText(client, event) }
    if !reply.records.isEmpty { sendRecords(client, reply.records) }
    guard client.phase == .open else { return }
    if let policy = reply.policy { setPolicy(policy, of: client) }
    if let keyID = client.session.principal?.keyID, keyID != keyBefore {
      client.connection.inflatedBytesMax = configuration.messageBytesMax
      restore(client, keyID)
    }
    if context.subscriptions.owedCount(client: client.socket.index) > 0 { ticks.list(index) }
  }

  /// A paced client has back what its last connection had.
  private func restore(_ client: FanoutClient, _ keyID: Int64) {
    guard ticks.slots[Int(client.socket.index)].policy == .paced else { return }
    var records: [UInt8] = []
    let index = context.subscriptions
    let number = client.socket.index
    for (instrument, mode) in shared.paced.take(keyID: keyID, nowNanos: nowNanos)
    where !index.contains(client: number, instrument, mode) {
      if index.count(client: number) >= context.rules.subscriptionsMax { break }
      if client.session.form.contains(.binary),
        !Mode.allCases.contains(where: { index.contains(client: number, instrument, $0) })
      {
        context.define(instrument, in: &records)
      }
      index.add(client: number, instrument, mode, flags: client.session.form)
    }
    if !records.isEmpty { sendRecords(client, records) }
  }

  // MARK: Sending

  func sendText(_ client: FanoutClient, _ text: [UInt8]) {
    guard client.phase == .open, let base = scratch.baseAddress else { return }
    separate(client)
    let header = FrameWriter.writeHeader(.text, payloadCount: text.count, to: base)
    let hasHeader = sockets.append(client.socket, base, header)
    guard hasHeader, sockets.append(client.socket, text) else { return cut(client) }
    onSent(client)
  }

  /// Records of the binary stream that are not market data, in messages of whole records and moderate size.
  private func sendRecords(_ client: FanoutClient, _ records: [UInt8]) {
    guard client.phase == .open, let scratch = scratch.baseAddress else { return }
    let isSent = records.withUnsafeBytes { bytes in
      guard let base = bytes.baseAddress else { return true }
      var start = 0
      while start < bytes.count {
        var end = start
        repeat {
          end += Int(UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: end, as: UInt16.self)))
        } while end < bytes.count && end - start < Self.recordsMessageBytes
        let header = FrameWriter.writeHeader(.binary, payloadCount: end - start, to: scratch)
        guard sockets.append(client.socket, scratch, header), sockets.append(client.socket, base + start, end - start)
        else { return false }
        start = end
      }
      return true
    }
    if isSent { checkPending(client) } else { cut(client) }
  }

  /// Bytes after which a message of definitions ends.
  private static var recordsMessageBytes: Int { 60_000 }

  private func send(_ client: FanoutClient, _ frame: UnsafeRawBufferPointer) {
    separate(client)
    guard sockets.append(client.socket, frame) else { return cut(client) }
    onSent(client)
  }

  /// A paced client decodes only the first frame of what comes at once.
  private func separate(_ client: FanoutClient) {
    if ticks.slots[Int(client.socket.index)].policy == .paced { sockets.fence(client.socket) }
  }

  private func onSent(_ client: FanoutClient) {
    // It would decode this frame and throw away market data that comes with it.
    ticks.postpone(
      Int(client.socket.index), untilNanos: SystemClock.monotonicNanos() + configuration.pacedIntervalNanos)
    checkPending(client)
  }

  /// Replies and events are never dropped, so a client that does not take them has to go.
  private func checkPending(_ client: FanoutClient) {
    guard client.phase == .open, sockets.bytesPending(client.socket) > configuration.pendingBytesHardMax else {
      return
    }
    closeSlow(client)
  }

  func closeSlow(_ client: FanoutClient) {
    guard client.phase == .open else { return }
    ticks.statistics.slowClosed += 1
    log.notice(
      "slow consumer closed",
      metadata: [
        "user": "\(client.session.principal?.userID ?? "-")", "address": "\(client.peer)",
        "pending": "\(sockets.bytesPending(client.socket))",
      ])
    close(client, Violation(code: CloseCode.policyViolation, reason: "slow consumer"))
  }

  /// Whether the client takes what waits for it in time.
  func checkAge(_ index: Int) {
    guard ticks.slots[index].pendingBytesSoftMax > 0 else { return }
    let age = sockets.pendingAgeNanos(ticks.socket(index), nowNanos: nowNanos)
    guard age > configuration.pendingAgeSoftNanos, let client = clients[index], client.phase == .open else { return }
    if age > configuration.pendingAgeHardNanos { closeSlow(client) } else { ticks.hold(index, isOverdue: true) }
  }

  func report(on client: FanoutClient) -> ClientReport {
    let index = Int(client.socket.index)
    let slot = ticks.slots[index]
    return ClientReport(
      id: "\(number)-\(index)-\(client.socket.generation)", address: "\(client.peer)",
      userID: client.session.principal?.userID, userAgent: client.userAgent, policy: slot.policy,
      format: client.session.form.contains(.binary) ? "binary" : client.session.form.isEmpty ? "json" : "json+deflate",
      subscriptions: context.subscriptions.count(client: client.socket.index), delivered: slot.delivered,
      conflated: slot.conflated, owed: context.subscriptions.owedCount(client: client.socket.index),
      pendingBytes: sockets.bytesPending(client.socket),
      pendingAgeNanos: sockets.pendingAgeNanos(client.socket, nowNanos: nowNanos), isHeld: slot.isHeld,
      connectedSeconds: (nowNanos - client.connectedNanos) / 1_000_000_000)
  }

  /// No room for a reply: a frame may be in pieces, so no close frame can follow.
  private func cut(_ client: FanoutClient) {
    guard client.phase == .open else { return }
    if sockets.isOpen(client.socket) { ticks.statistics.slowClosed += 1 }
    sockets.close(client.socket)
    detach(client)
  }

  // MARK: Keepalive and close

  /// The sweep's look at a client whose time may have come.
  func look(at client: FanoutClient) {
    let slot = ticks.slots + Int(client.socket.index)
    switch client.phase {
    case .closing: slot.pointee.lookNanos = .max
    case .handshake:
      ticks.statistics.handshakesFailed += 1
      sockets.close(client.socket)
      detach(client)
    case .open:
      if let violation = client.session.overdue(nowNanos: nowNanos) {
        ticks.statistics.authenticationsOverdue += 1
        return close(client, violation)
      }
      switch client.keepalive.onSweep(nowNanos: nowNanos) {
      case .none: break
      case .sendPing(let payload):
        let count = withUnsafeBytes(of: payload.bigEndian) { FrameWriter.writeControl(.ping, payload: $0, to: scratch) }
        send(client, UnsafeRawBufferPointer(rebasing: scratch[0..<count]))
      case .timedOut:
        ticks.statistics.keepaliveTimeouts += 1
        return close(client, Violation(code: CloseCode.internalError, reason: "keepalive ping timeout"))
      }
      slot.pointee.lookNanos = min(client.session.authDueNanos ?? .max, nowNanos + lookPeriodNanos)
    }
  }

  /// Looking at a client touches cold memory, so it is done only often enough for times to be kept within an eighth.
  private var lookPeriodNanos: Int64 {
    let interval = configuration.pingIntervalNanos
    return interval == 0 ? configuration.authTimeoutNanos : min(interval, configuration.pongTimeoutNanos) / 8
  }

  /// Tells the client why, then ends the connection as soon as that is sent.
  func close(_ client: FanoutClient, _ violation: Violation) {
    switch client.phase {
    case .closing: return
    case .handshake: break
    case .open: sendClose(client, code: violation.code, reason: violation.reason)
    }
    finish(client)
  }

  private func sendClose(_ client: FanoutClient, code: UInt16?, reason: StaticString) {
    let count = FrameWriter.writeClose(code: code, reason: reason, to: scratch)
    _ = sockets.append(client.socket, UnsafeRawBufferPointer(rebasing: scratch[0..<count]))
    client.connection.closeSent()
  }

  private func finish(_ client: FanoutClient) {
    sockets.closeAfterFlush(client.socket)
    detach(client)
  }
}
