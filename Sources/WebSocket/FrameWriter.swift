// Writes frame headers and whole control frames into memory of the caller, for either role.
// Pure; any thread; nothing allocates. The header functions run once per encoded tick and are inlined.

/// Builds frames. A client passes a fresh, unpredictable `maskKey` per frame; a server passes none.
public enum FrameWriter {
  /// Room that any control frame fits into: header, mask key, 125 bytes.
  public static let controlFrameBytesMax = 2 + 4 + FrameHeader.controlPayloadMax

  /// Size of the header in front of `payloadCount` bytes.
  @inlinable @inline(__always)
  public static func headerBytes(payloadCount: Int, isMasked: Bool) -> Int {
    let maskBytes = isMasked ? 4 : 0
    if payloadCount <= 125 { return 2 &+ maskBytes }
    return (payloadCount <= 0xFFFF ? 4 : 10) &+ maskBytes
  }

  /// Writes a header to `destination`, which has room for `headerBytes(payloadCount:isMasked:)`, and returns its size.
  /// The payload is not touched: a client masks it with `Masking.apply` and the same key.
  ///
  /// - Parameters:
  ///   - maskKey: the key as one native load of its four bytes reads it; nil for a server.
  ///   - rsv: reserved bits (0x40, 0x20, 0x10) of an agreed extension.
  @inlinable @inline(__always) @discardableResult
  public static func writeHeader(
    _ opcode: Opcode, isFinal: Bool = true, payloadCount: Int, maskKey: UInt32? = nil, rsv: UInt8 = 0,
    to destination: UnsafeMutableRawPointer
  ) -> Int {
    assert(payloadCount >= 0 && (!opcode.isControl || (isFinal && payloadCount <= 125)))
    let maskBit: UInt8 = maskKey == nil ? 0 : 0x80
    destination.storeBytes(of: (isFinal ? 0x80 : 0) | (rsv & 0x70) | opcode.rawValue, as: UInt8.self)
    var written = 2
    if payloadCount <= 125 {
      destination.storeBytes(of: maskBit | UInt8(truncatingIfNeeded: payloadCount), toByteOffset: 1, as: UInt8.self)
    } else if payloadCount <= 0xFFFF {
      destination.storeBytes(of: maskBit | 126, toByteOffset: 1, as: UInt8.self)
      destination.storeBytes(
        of: UInt16(truncatingIfNeeded: payloadCount).bigEndian, toByteOffset: 2, as: UInt16.self)
      written = 4
    } else {
      destination.storeBytes(of: maskBit | 127, toByteOffset: 1, as: UInt8.self)
      destination.storeBytes(of: UInt64(payloadCount).bigEndian, toByteOffset: 2, as: UInt64.self)
      written = 10
    }
    if let maskKey {
      destination.storeBytes(of: maskKey, toByteOffset: written, as: UInt32.self)
      written &+= 4
    }
    return written
  }

  /// Writes a whole ping or pong with up to 125 bytes of payload and returns its size.
  @discardableResult
  public static func writeControl(
    _ opcode: Opcode, payload: UnsafeRawBufferPointer, maskKey: UInt32? = nil,
    to destination: UnsafeMutableRawBufferPointer
  ) -> Int {
    precondition(opcode.isControl && payload.count <= FrameHeader.controlPayloadMax)
    let frameBytes = headerBytes(payloadCount: payload.count, isMasked: maskKey != nil) + payload.count
    precondition(destination.count >= frameBytes)
    guard let base = destination.baseAddress else { preconditionFailure("no room for a frame") }
    let headerBytes = writeHeader(opcode, payloadCount: payload.count, maskKey: maskKey, to: base)
    if let source = payload.baseAddress, payload.count > 0 {
      (base + headerBytes).copyMemory(from: source, byteCount: payload.count)
      if let maskKey { Masking.apply(maskKey, to: base + headerBytes, count: payload.count) }
    }
    return frameBytes
  }

  /// Writes a whole close frame and returns its size. A reason that does not fit into the 123 bytes left is cut at a
  /// character boundary.
  ///
  /// - Parameters:
  ///   - code: nil for a close frame without code (the answer to one without); otherwise valid on the wire.
  ///   - reason: UTF-8. Ignored without a code.
  @discardableResult
  public static func writeClose(
    code: UInt16?, reason: UnsafeRawBufferPointer, maskKey: UInt32? = nil,
    to destination: UnsafeMutableRawBufferPointer
  ) -> Int {
    guard let code else {
      return writeControl(
        .close, payload: UnsafeRawBufferPointer(start: nil, count: 0), maskKey: maskKey, to: destination)
    }
    precondition(CloseCode.isValidOnWire(code))
    let reasonCount = characterBoundary(in: reason, atMost: FrameHeader.controlPayloadMax - 2)
    let headerBytes = headerBytes(payloadCount: 2 + reasonCount, isMasked: maskKey != nil)
    precondition(destination.count >= headerBytes + 2 + reasonCount)
    guard let base = destination.baseAddress else { preconditionFailure("no room for a frame") }
    writeHeader(.close, payloadCount: 2 + reasonCount, maskKey: maskKey, to: base)
    let payload = base + headerBytes
    payload.storeBytes(of: code.bigEndian, as: UInt16.self)
    if let source = reason.baseAddress, reasonCount > 0 {
      (payload + 2).copyMemory(from: source, byteCount: reasonCount)
    }
    if let maskKey { Masking.apply(maskKey, to: payload, count: 2 + reasonCount) }
    return headerBytes + 2 + reasonCount
  }

  /// The same with a reason from the program text.
  @discardableResult
  public static func writeClose(
    code: UInt16?, reason: StaticString = "", maskKey: UInt32? = nil, to destination: UnsafeMutableRawBufferPointer
  ) -> Int {
    let bytes = UnsafeRawBufferPointer(start: reason.utf8Start, count: reason.utf8CodeUnitCount)
    return writeClose(code: code, reason: bytes, maskKey: maskKey, to: destination)
  }

  /// Length of the longest prefix of `text` that is no longer than `limit` and does not end inside a character.
  static func characterBoundary(in text: UnsafeRawBufferPointer, atMost limit: Int) -> Int {
    guard text.count > limit else { return text.count }
    var end = limit
    while end > 0 && text[end] & 0xC0 == 0x80 { end -= 1 }
    return end
  }
}
