// How ticks stand on the wire: one case per layout. An enum, so that the tick loop switches and calls nothing through
// a table. Encoders are pure and allocate nothing.

/// Layout of the packets of one connection, fixed when it opens.
public enum PacketFormat: UInt8, Sendable, BitwiseCopyable {
  case kite, angel, upstox
  /// Dhan's market feed with up to five levels, then the two deep feeds.
  case dhan, dhanDepth20, dhanDepth200

  /// Most bytes that one tick of one instrument takes.
  var packetBytesMax: Int {
    switch self {
    case .kite: KiteEncoder.packetBytesMax
    case .angel: AngelEncoder.packetBytesMax
    case .upstox: UpstoxEncoder.packetBytesMax
    case .dhan: DhanEncoder.marketBytesMax
    case .dhanDepth20: DhanEncoder.depthBytes(levels: 20)
    case .dhanDepth200: DhanEncoder.depthBytes(levels: 200)
    }
  }

  /// Room for packets in one frame: Kite's pulse carries all that changed, the others send what fits here.
  func capacity(packetsMax: Int) -> Int {
    self == .kite ? packetsMax * packetBytesMax : min(packetsMax, 64) * packetBytesMax
  }

  /// Writes what one tick of an instrument comes to in the given modes, all layouts but Kite's. Answers how many bytes
  /// these are, 0 when the feed has nothing to say in that mode.
  @inline(never)
  func write(
    _ state: UnsafePointer<PriceState>, _ name: UnsafePointer<WireName>, modes: UInt8, isSnapshot: Bool,
    to destination: UnsafeMutableRawPointer
  ) -> Int {
    switch self {
    case .kite:
      guard let mode = KiteMode(rawValue: modes) else { return 0 }
      return KiteEncoder.write(state, mode, to: destination)
    case .angel: return AngelEncoder.write(state, name, modes: modes, to: destination)
    case .upstox:
      guard let mode = UpstoxMode(rawValue: modes) else { return 0 }
      return UpstoxEncoder.write(
        state, name, mode, isSnapshot ? .all : UpstoxEncoder.liveParts(state), to: destination)
    case .dhan:
      guard let mode = DhanMode(rawValue: modes) else { return 0 }
      let first = isSnapshot ? DhanEncoder.writePreviousClose(state, name, to: destination) : 0
      return first + DhanEncoder.write(state, name, mode, to: destination + first)
    case .dhanDepth20: return DhanEncoder.writeDepth(state, name, levels: 20, to: destination)
    case .dhanDepth200: return DhanEncoder.writeDepth(state, name, levels: 200, to: destination)
    }
  }
}

extension UnsafeMutableRawPointer {
  /// Stores a little-endian number at any address.
  @inline(__always) func putLittle(_ value: some FixedWidthInteger & BitwiseCopyable, at offset: Int) {
    storeBytes(of: value.littleEndian, toByteOffset: offset, as: type(of: value))
  }
}
