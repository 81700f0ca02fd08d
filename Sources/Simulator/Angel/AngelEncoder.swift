// SmartStream packets out of price states, into raw memory of the caller: little-endian, each a WebSocket frame of its
// own, because the protocol does not batch. Pure, allocates nothing.

import WebSocket

/// What a client gets of an instrument. A token can be subscribed in several modes at once.
public enum AngelMode: UInt8, Sendable, CaseIterable {
  case ltp = 1
  case quote = 2
  case snapQuote = 3
  case depth = 4

  /// Its bit in the tables of the tick loop.
  var bit: UInt8 { 1 << (rawValue - 1) }

  var name: String {
    switch self {
    case .ltp: "ltp"
    case .quote: "quote"
    case .snapQuote: "snap_quote"
    case .depth: "depth"
    }
  }
}

enum AngelEncoder {
  static let ltpBytes = 51
  static let quoteBytes = 123
  static let snapQuoteBytes = 379
  static let depthBytes = 443
  private static let headerBytesMax = 4
  /// All four modes, each with its frame header.
  static let packetBytesMax = ltpBytes + quoteBytes + snapQuoteBytes + depthBytes + 4 * headerBytesMax
  private static let tokenBytes = 25
  static let depthLevels = 20

  /// Writes a frame for each mode; answers how many bytes these are.
  static func write(
    _ state: UnsafePointer<PriceState>, _ name: UnsafePointer<WireName>, modes: UInt8,
    to destination: UnsafeMutableRawPointer
  ) -> Int {
    var count = 0
    if modes & AngelMode.ltp.bit != 0 { count += frame(ltpBytes, 1, state, name, destination) }
    if modes & AngelMode.quote.bit != 0 { count += frame(quoteBytes, 2, state, name, destination + count) }
    if modes & AngelMode.snapQuote.bit != 0 { count += frame(snapQuoteBytes, 3, state, name, destination + count) }
    if modes & AngelMode.depth.bit != 0 { count += frame(depthBytes, 4, state, name, destination + count) }
    return count
  }

  private static func frame(
    _ bytes: Int, _ mode: UInt8, _ state: UnsafePointer<PriceState>, _ name: UnsafePointer<WireName>,
    _ destination: UnsafeMutableRawPointer
  ) -> Int {
    let headerBytes = FrameWriter.writeHeader(.binary, payloadCount: bytes, to: destination)
    let packet = destination + headerBytes
    packet.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
    packet.storeBytes(of: mode, as: UInt8.self)
    packet.storeBytes(of: name.pointee.segment, toByteOffset: 1, as: UInt8.self)
    let textBytes = min(name.pointee.textBytes, tokenBytes)
    (packet + 2).copyMemory(from: name.pointee.text, byteCount: textBytes)
    if mode == AngelMode.depth.rawValue {
      writeDepth(state, to: packet)
      return headerBytes + bytes
    }
    // Indices have no sequence.
    packet.putLittle(state.pointee.isIndex ? 0 : name.pointee.sequence, at: 27)
    packet.putLittle(Int64(state.pointee.exchangeSeconds) * 1000, at: 35)
    packet.putLittle(Int64(state.pointee.last), at: 43)
    if mode >= AngelMode.quote.rawValue { writeQuote(state, to: packet) }
    if mode == AngelMode.snapQuote.rawValue { writeSnapQuote(state, to: packet) }
    return headerBytes + bytes
  }

  private static func writeQuote(_ state: UnsafePointer<PriceState>, to packet: UnsafeMutableRawPointer) {
    packet.putLittle(Int64(state.pointee.lastQuantity), at: 51)
    packet.putLittle(state.pointee.isIndex ? 0 : Int64(state.pointee.average), at: 59)
    packet.putLittle(Int64(state.pointee.volume), at: 67)
    packet.putLittle(Double(state.pointee.totalBuy).bitPattern, at: 75)
    packet.putLittle(Double(state.pointee.totalSell).bitPattern, at: 83)
    packet.putLittle(Int64(state.pointee.open), at: 91)
    packet.putLittle(Int64(state.pointee.high), at: 99)
    packet.putLittle(Int64(state.pointee.low), at: 107)
    packet.putLittle(Int64(state.pointee.close), at: 115)
  }

  private static func writeSnapQuote(_ state: UnsafePointer<PriceState>, to packet: UnsafeMutableRawPointer) {
    packet.putLittle(Int64(state.pointee.tradeSeconds), at: 123)
    packet.putLittle(Int64(state.pointee.openInterest), at: 131)
    // Documented as garbage: whoever reads it shall see that.
    packet.putLittle(state.pointee.bookBits, at: 139)
    packet.putLittle(Int64(state.pointee.upperCircuit), at: 347)
    packet.putLittle(Int64(state.pointee.lowerCircuit), at: 355)
    packet.putLittle(Int64(state.pointee.close) * 3 / 2, at: 363)
    packet.putLittle(Int64(state.pointee.close) / 2, at: 371)
    for place in 0..<10 {
      let isBid = place < 5
      let entry = packet + 147 + place * 20
      entry.putLittle(UInt16(isBid ? 1 : 0), at: 0)
      if state.pointee.isIndex { continue }
      let level = state.pointee.level(place % 5, isBid: isBid)
      entry.putLittle(Int64(level.quantity), at: 2)
      entry.putLittle(Int64(state.pointee.price(ofLevel: place % 5, isBid: isBid)), at: 10)
      entry.putLittle(level.orders, at: 18)
    }
  }

  private static func writeDepth(_ state: UnsafePointer<PriceState>, to packet: UnsafeMutableRawPointer) {
    packet.putLittle(Int64(state.pointee.exchangeSeconds) * 1000, at: 27)
    packet.putLittle(Int64(state.pointee.exchangeSeconds) * 1000 + 1, at: 35)
    for place in 0..<2 * depthLevels {
      let isBid = place < depthLevels
      let index = place % depthLevels
      let price = state.pointee.price(ofLevel: index, isBid: isBid)
      // Where the book ends before the price is 0, levels are empty.
      if price <= 0 { continue }
      let level = state.pointee.deepLevel(index, isBid: isBid)
      let entry = packet + 43 + place * 10
      entry.putLittle(Int32(truncatingIfNeeded: level.quantity), at: 0)
      entry.putLittle(price, at: 4)
      entry.putLittle(Int16(truncatingIfNeeded: level.orders), at: 8)
    }
  }
}
