// The reading side of the connection: headers, payloads, messages, control frames.
// Same owner and allocation policy as the connection itself.

extension WebSocketConnection {
  /// Bytes of the chunk that are not taken yet.
  private var available: Int { chunkCount &- position }

  /// Where the next byte lies. Only called when there is one, or for an empty payload.
  private var cursor: UnsafeMutableRawPointer? { chunk.map { $0 + position } }

  // MARK: Headers

  /// Reads a header; nil when it went on to the payload.
  mutating func readHeader() -> Event? {
    guard partial.isEmpty else { return readSplitHeader() }
    guard available > 0, let cursor else { return .needMore }
    switch FrameHeader.parse(cursor, count: available, role: options.role, allowedRSV: allowedRSV) {
    case .header(let header):
      position &+= header.headerBytes
      return begin(header)
    case .violation(let violation): return fail(violation)
    case .needMore:
      while let byte = takeByte() { partial.append(byte) }
      return .needMore
    }
  }

  private mutating func readSplitHeader() -> Event? {
    while true {
      switch partial.parse(role: options.role, allowedRSV: allowedRSV) {
      case .header(let header):
        assert(header.headerBytes == partial.count)
        partial.removeAll()
        return begin(header)
      case .violation(let violation): return fail(violation)
      case .needMore:
        guard let byte = takeByte() else { return .needMore }
        partial.append(byte)
      }
    }
  }

  mutating func takeByte() -> UInt8? {
    guard available > 0, let cursor else { return nil }
    position &+= 1
    return cursor.load(as: UInt8.self)
  }

  /// Starts a frame, and finishes it when it lies whole in the chunk and needs no reassembly.
  private mutating func begin(_ header: FrameHeader) -> Event? {
    frame = header
    frameBytesMissing = header.payloadCount
    if header.opcode.isControl {
      if header.opcode == .ping && header.payloadCount == TruncatedPing.announcedCount && truncatedPing != .ruledOut {
        stage = .pingProbe
        return nil
      }
      guard header.payloadCount <= available else { return goOn(with: .payload) }
      return deliverControl(takeWholePayload())
    }
    if let violation = admit(header) { return fail(violation) }
    guard header.isFinal, header.opcode != .continuation, header.payloadCount <= available else {
      return goOn(with: .payload)
    }
    let payload = takeWholePayload()
    message = .continuation
    if isCompressed { return deliverCompressed(payload, isText: header.opcode == .text) }
    guard header.opcode == .text else { return .binary(payload) }
    guard isWholeText(payload) else { return fail(.notUTF8) }
    return .text(payload)
  }

  mutating func goOn(with stage: Stage) -> Event? {
    self.stage = stage
    return nil
  }

  /// Checks a data frame against the message under way and the limits, and opens a message if it is the first frame.
  private mutating func admit(_ header: FrameHeader) -> Violation? {
    if header.opcode == .continuation {
      guard message != .continuation else { return .protocol("continuation without a message") }
      guard header.rsv == 0 else { return .protocol("reserved bit set") }
    } else {
      guard message == .continuation else { return .protocol("new message inside a fragmented one") }
      message = header.opcode
      isCompressed = header.rsv & FrameHeader.compressedRSV != 0
      messageFragments = 0
      utf8 = UTF8Validator()
    }
    messageFragments &+= 1
    guard messageFragments <= options.fragmentsMax else {
      return Violation(code: CloseCode.policyViolation, reason: "too many fragments")
    }
    guard header.payloadCount <= options.messageBytesMax &- messageBytes else { return .tooBig }
    return nil
  }

  // MARK: Payloads

  /// Takes the payload of a frame that lies whole in the chunk, unmasked in place.
  private mutating func takeWholePayload() -> UnsafeRawBufferPointer {
    let count = frame.payloadCount
    guard let cursor, count > 0 else { return UnsafeRawBufferPointer(start: cursor, count: 0) }
    if frame.isMasked { Masking.apply(frame.maskKey, to: cursor, count: count) }
    position &+= count
    return UnsafeRawBufferPointer(start: cursor, count: count)
  }

  /// Moves what there is of the payload into the buffer; nil when the frame ended without an event.
  mutating func readPayload() -> Event? {
    let taken = min(frameBytesMissing, available)
    if taken > 0, let cursor {
      if frame.isMasked {
        Masking.apply(frame.maskKey, to: cursor, count: taken, phase: frame.payloadCount &- frameBytesMissing)
      }
      let isText = message == .text && !isCompressed && !frame.opcode.isControl
      guard !isText || utf8.consume(cursor, count: taken) else { return fail(.notUTF8) }
      buffer.append(cursor, count: taken, limit: options.messageBytesMax + FrameHeader.controlPayloadMax)
      position &+= taken
      frameBytesMissing &-= taken
    }
    guard frameBytesMissing == 0 else { return .needMore }
    stage = .header
    if frame.opcode.isControl {
      hasDeliveredBuffer = true
      return deliverControl(UnsafeRawBufferPointer(buffer.slice(from: messageBytes)))
    }
    messageBytes &+= frame.payloadCount
    assert(messageBytes == buffer.count)
    return frame.isFinal ? deliverMessage() : nil
  }

  /// Ends the message in the buffer.
  private mutating func deliverMessage() -> Event {
    let isText = message == .text
    message = .continuation
    messageBytes = 0
    hasDeliveredBuffer = true
    if isCompressed { return deliverCompressed(UnsafeRawBufferPointer(buffer.slice(from: 0)), isText: isText) }
    guard isText else { return .binary(UnsafeRawBufferPointer(buffer.slice(from: 0))) }
    guard utf8.isComplete else { return fail(.notUTF8) }
    return .text(UnsafeRawBufferPointer(buffer.slice(from: 0)))
  }

  /// Ends a compressed message. Whether it is text shows only when it is decompressed.
  private mutating func deliverCompressed(_ payload: UnsafeRawBufferPointer, isText: Bool) -> Event {
    guard let inflater else { preconditionFailure("a reserved bit was let through") }
    switch inflater.inflate(payload, bytesMax: inflatedBytesMax) {
    case .tooLarge: return fail(.tooBig)
    case .malformed: return fail(.notDeflate)
    case .message(let message):
      guard isText else { return .binary(message) }
      return isWholeText(message) ? .text(message) : fail(.notUTF8)
    }
  }

  private func isWholeText(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard let base = bytes.baseAddress else { return true }
    var validator = UTF8Validator()
    return validator.consume(base, count: bytes.count) && validator.isComplete
  }

  // MARK: Control frames

  private mutating func deliverControl(_ payload: UnsafeRawBufferPointer) -> Event {
    switch frame.opcode {
    case .ping: .ping(payload)
    case .pong: .pong(payload)
    default: deliverClose(payload)
    }
  }

  private mutating func deliverClose(_ payload: UnsafeRawBufferPointer) -> Event {
    guard payload.count != 1 else { return fail(.protocol("close frame of one byte")) }
    guard payload.count > 0 else { return end(.closed(code: nil, reason: payload)) }
    let code = UInt16(payload[0]) << 8 | UInt16(payload[1])
    guard CloseCode.isValidOnWire(code) else { return fail(.protocol("invalid close code")) }
    let reason = UnsafeRawBufferPointer(rebasing: payload[2...])
    guard isWholeText(reason) else { return fail(.notUTF8) }
    return end(.closed(code: code, reason: reason))
  }

  // MARK: The end

  private mutating func end(_ event: Event) -> Event {
    isCloseReceived = true
    stop()
    return event
  }

  private mutating func fail(_ violation: Violation) -> Event {
    isFailed = true
    stop()
    return .violation(code: violation.code, reason: violation.reason)
  }

  /// Nothing more is read. The memory goes back with the next call, since the last event may point to it.
  private mutating func stop() {
    stage = .ended
    messageBytes = 0
    hasDeliveredBuffer = true
  }
}

extension Violation {
  static let notUTF8 = Violation(code: CloseCode.invalidPayload, reason: "not UTF-8")
  /// The frames were right but what they carry is not what they say: RFC 7692 names no code, and 1007 says just this.
  static let notDeflate = Violation(code: CloseCode.invalidPayload, reason: "not a compressed message")
  static let tooBig = Violation(code: CloseCode.messageTooBig, reason: "message too big")
}
