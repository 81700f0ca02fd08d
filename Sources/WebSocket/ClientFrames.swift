// Whole frames of a client as byte arrays: masked, ready to be sent. Cold path; allocates. Pure; any thread.

/// What a client says besides data in bulk: control messages in JSON, pongs, the close frame.
public enum ClientFrames {
  /// One unfragmented text message. `maskKey` is to be fresh and unpredictable, as for every frame of a client.
  public static func text(_ payload: [UInt8], maskKey: UInt32) -> [UInt8] { message(.text, payload, maskKey) }

  /// One unfragmented binary message.
  public static func binary(_ payload: [UInt8], maskKey: UInt32) -> [UInt8] { message(.binary, payload, maskKey) }

  private static func message(_ opcode: Opcode, _ payload: [UInt8], _ maskKey: UInt32) -> [UInt8] {
    let headerBytes = FrameWriter.headerBytes(payloadCount: payload.count, isMasked: true)
    return [UInt8](unsafeUninitializedCapacity: headerBytes + payload.count) { out, count in
      guard let base = out.baseAddress.map({ UnsafeMutableRawPointer($0) }) else { return }
      FrameWriter.writeHeader(opcode, payloadCount: payload.count, maskKey: maskKey, to: base)
      payload.withUnsafeBytes { bytes in
        if let source = bytes.baseAddress { (base + headerBytes).copyMemory(from: source, byteCount: bytes.count) }
      }
      Masking.apply(maskKey, to: base + headerBytes, count: payload.count)
      count = headerBytes + payload.count
    }
  }

  /// A ping or pong with up to 125 bytes.
  public static func control(_ opcode: Opcode, _ payload: UnsafeRawBufferPointer, maskKey: UInt32) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: FrameWriter.controlFrameBytesMax) { out, count in
      count = FrameWriter.writeControl(
        opcode, payload: payload, maskKey: maskKey, to: UnsafeMutableRawBufferPointer(out))
    }
  }

  /// A close frame.
  public static func close(_ code: UInt16?, maskKey: UInt32) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: FrameWriter.controlFrameBytesMax) { out, count in
      count = FrameWriter.writeClose(code: code, maskKey: maskKey, to: UnsafeMutableRawBufferPointer(out))
    }
  }
}
