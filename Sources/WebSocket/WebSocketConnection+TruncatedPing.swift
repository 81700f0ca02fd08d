// How the connection handles a ping that may be truncated. The rule, and why it cannot harm a correct peer, stands at
// `TruncatedPing`.
// Same owner as the connection. Copies the four bytes of a ping only while the kind of peer is unknown.

extension WebSocketConnection {
  /// Collects the bytes after the header of a ping that announces four: steps 1 and 3 of the rule at `TruncatedPing`.
  mutating func probePing() -> Event? {
    while partial.count < TruncatedPing.announcedCount {
      guard let byte = takeByte() else { return .needMore }
      partial.append(byte)
      guard truncatedPing != .ruledOut else { continue }
      let couldStartFrame = TruncatedPing.couldStartFrame(
        partial, isInMessage: message != .continuation, messageBytesMax: options.messageBytesMax)
      if !couldStartFrame {
        truncatedPing = .ruledOut
      } else if truncatedPing == .expected && partial.count == 2 {
        stage = .header
        return .ping(UnsafeRawBufferPointer(start: nil, count: 0))
      }
    }
    var payload = partial.firstWord ^ frame.maskKey
    withUnsafeBytes(of: &payload) { bytes in
      guard let base = bytes.baseAddress else { return }
      buffer.append(base, count: bytes.count, limit: options.messageBytesMax + FrameHeader.controlPayloadMax)
    }
    if truncatedPing == .ruledOut {
      partial.removeAll()
      stage = .header
    } else {
      stage = .pingVerdict
    }
    hasDeliveredBuffer = true
    return .ping(UnsafeRawBufferPointer(buffer.slice(from: messageBytes)))
  }

  /// Reads the two bytes after the doubtful four: step 2 of the rule.
  mutating func judgePing() -> Event? {
    let announced = TruncatedPing.announcedCount
    while partial.count < announced + 2 {
      guard let byte = takeByte() else { return .needMore }
      partial.append(byte)
      if !couldStartNextFrame(partial.bytes[announced]) { break }
    }
    let isGenuine: Bool
    if case .violation = partial.parse(from: announced, role: options.role) {
      isGenuine = false
    } else {
      isGenuine = couldStartNextFrame(partial.bytes[announced])
    }
    truncatedPing = isGenuine ? .ruledOut : .expected
    if isGenuine { partial.removeFirst(announced) }
    return goOn(with: .header)
  }

  /// Whether a frame with this first byte may come now, as far as the message under way decides it. The reserved bits
  /// and the rest are the header parser's.
  private func couldStartNextFrame(_ first: UInt8) -> Bool {
    switch Opcode(rawValue: first & 0x0F) {
    case .continuation: message != .continuation
    case .text, .binary: message == .continuation
    case .close, .ping, .pong: true
    case nil: false
    }
  }
}
