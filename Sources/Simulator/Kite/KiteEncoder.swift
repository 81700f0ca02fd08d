// Kite ticker packets out of price states, into raw memory of the caller. Pure, allocates nothing.

/// What a client gets of an instrument. The raw value is kept in tables; 0 stands for nothing there.
public enum KiteMode: UInt8, Sendable, CaseIterable {
  case ltp = 1
  case quote = 2
  case full = 3

  /// As in the client's messages.
  public init?(name: String) {
    switch name {
    case "ltp": self = .ltp
    case "quote": self = .quote
    case "full": self = .full
    default: return nil
    }
  }
}

/// Writes packets.
public enum KiteEncoder {
  /// Largest packet with its length in front.
  public static let packetBytesMax = 2 + 184

  /// Bytes of a packet without its length.
  @inline(__always) public static func packetBytes(_ mode: KiteMode, isIndex: Bool) -> Int {
    switch mode {
    case .ltp: 8
    case .quote: isIndex ? 28 : 44
    case .full: isIndex ? 32 : 184
    }
  }

  /// Writes length and packet; answers how many bytes these are.
  public static func write(
    _ state: UnsafePointer<PriceState>, _ mode: KiteMode, to destination: UnsafeMutableRawPointer
  ) -> Int {
    let length = packetBytes(mode, isIndex: state.pointee.isIndex)
    destination.storeBytes(of: UInt16(truncatingIfNeeded: length).bigEndian, as: UInt16.self)
    let packet = destination + 2
    packet.put(state.pointee.token, at: 0)
    packet.put(state.pointee.last, at: 4)
    if mode != .ltp {
      if state.pointee.isIndex {
        writeIndex(state, mode, to: packet)
      } else {
        writeQuote(state, to: packet)
        if mode == .full { writeFull(state, to: packet) }
      }
    }
    return 2 &+ length
  }

  private static func writeIndex(
    _ state: UnsafePointer<PriceState>, _ mode: KiteMode, to packet: UnsafeMutableRawPointer
  ) {
    packet.put(state.pointee.high, at: 8)
    packet.put(state.pointee.low, at: 12)
    packet.put(state.pointee.open, at: 16)
    packet.put(state.pointee.close, at: 20)
    packet.put(state.pointee.last &- state.pointee.close, at: 24)
    if mode == .full { packet.put(state.pointee.exchangeSeconds, at: 28) }
  }

  private static func writeQuote(_ state: UnsafePointer<PriceState>, to packet: UnsafeMutableRawPointer) {
    packet.put(state.pointee.lastQuantity, at: 8)
    packet.put(state.pointee.average, at: 12)
    packet.put(state.pointee.volume, at: 16)
    packet.put(state.pointee.totalBuy, at: 20)
    packet.put(state.pointee.totalSell, at: 24)
    packet.put(state.pointee.open, at: 28)
    packet.put(state.pointee.high, at: 32)
    packet.put(state.pointee.low, at: 36)
    packet.put(state.pointee.close, at: 40)
  }

  private static func writeFull(_ state: UnsafePointer<PriceState>, to packet: UnsafeMutableRawPointer) {
    packet.put(state.pointee.tradeSeconds, at: 44)
    packet.put(state.pointee.openInterest, at: 48)
    packet.put(state.pointee.openInterestHigh, at: 52)
    packet.put(state.pointee.openInterestLow, at: 56)
    packet.put(state.pointee.exchangeSeconds, at: 60)
    for level in 0..<5 {
      let distance = Int32(truncatingIfNeeded: level) &* state.pointee.tick
      writeLevel(
        state.pointee.level(level, isBid: true), price: state.pointee.bid &- distance, to: packet + 64 + level * 12)
      writeLevel(
        state.pointee.level(level, isBid: false), price: state.pointee.ask &+ distance, to: packet + 124 + level * 12)
    }
  }

  @inline(__always) private static func writeLevel(
    _ level: (quantity: UInt32, orders: UInt16), price: Int32, to entry: UnsafeMutableRawPointer
  ) {
    entry.put(level.quantity, at: 0)
    entry.put(price, at: 4)
    entry.storeBytes(of: level.orders.bigEndian, toByteOffset: 8, as: UInt16.self)
    entry.storeBytes(of: 0, toByteOffset: 10, as: UInt16.self)
  }
}

extension UnsafeMutableRawPointer {
  @inline(__always) fileprivate func put(_ value: some FixedWidthInteger & BitwiseCopyable, at offset: Int) {
    storeBytes(of: value.bigEndian, toByteOffset: offset, as: type(of: value))
  }
}
