// Packets of Dhan's market feed and of its two deep feeds out of price states, into raw memory of the caller:
// little-endian, prices as 32-bit floats in rupees (the deep feeds: 64 bits). Pure, allocates nothing.

/// What a client gets of an instrument. The raw value is kept in tables; 0 stands for nothing there.
public enum DhanMode: UInt8, Sendable, CaseIterable {
  case ticker = 1
  case quote = 2
  case full = 3
  case depth20 = 4
  case depth200 = 5

  var name: String {
    switch self {
    case .ticker: "ticker"
    case .quote: "quote"
    case .full: "full"
    case .depth20: "depth20"
    case .depth200: "depth200"
    }
  }
}

enum DhanEncoder {
  static let tickerBytes = 16
  static let quoteBytes = 50
  static let openInterestBytes = 12
  static let previousCloseBytes = 16
  static let fullBytes = 162
  /// The longest that one tick comes to: the full packet, at first behind the previous close.
  static let marketBytesMax = previousCloseBytes + fullBytes
  /// Times are the wall clock of India, written as if it were UTC.
  private static let zoneSeconds: UInt32 = 19_800
  private static let depthHeaderBytes = 12
  private static let rowBytes = 16
  /// Most bytes of a book of so many levels: both sides.
  static func depthBytes(levels: Int) -> Int { 2 * (depthHeaderBytes + levels * rowBytes) }

  /// Writes what a tick comes to in a mode of the market feed; answers how many bytes these are.
  static func write(
    _ state: UnsafePointer<PriceState>, _ name: UnsafePointer<WireName>, _ mode: DhanMode,
    to packet: UnsafeMutableRawPointer
  ) -> Int {
    switch mode {
    case .ticker:
      header(2, bytes: tickerBytes, name, to: packet)
      packet.putFloat(name.pointee.rupees(state.pointee.last), at: 8)
      packet.putLittle(tradeTime(state), at: 12)
      return tickerBytes
    case .quote:
      header(4, bytes: quoteBytes, name, to: packet)
      writeTrade(state, name, to: packet)
      writeDay(state, name, to: packet + 34)
      guard name.pointee.isDerivative else { return quoteBytes }
      header(5, bytes: openInterestBytes, name, to: packet + quoteBytes)
      (packet + quoteBytes).putLittle(state.pointee.openInterest, at: 8)
      return quoteBytes + openInterestBytes
    case .full:
      header(8, bytes: fullBytes, name, to: packet)
      writeTrade(state, name, to: packet)
      packet.putLittle(state.pointee.openInterest, at: 34)
      // The day's range of the open interest comes for one segment only.
      let hasRange = name.pointee.segment == 2
      packet.putLittle(hasRange ? state.pointee.openInterestHigh : 0, at: 38)
      packet.putLittle(hasRange ? state.pointee.openInterestLow : 0, at: 42)
      writeDay(state, name, to: packet + 46)
      for level in 0..<5 { writeLevel(state, name, level, to: packet + 62 + level * 20) }
      return fullBytes
    case .depth20, .depth200: return 0
    }
  }

  /// The packet that follows a subscription once, but does not come for NSE's shares.
  static func writePreviousClose(
    _ state: UnsafePointer<PriceState>, _ name: UnsafePointer<WireName>, to packet: UnsafeMutableRawPointer
  ) -> Int {
    if name.pointee.segment == 1 { return 0 }
    header(6, bytes: previousCloseBytes, name, to: packet)
    packet.putFloat(name.pointee.rupees(state.pointee.close), at: 8)
    packet.putLittle(state.pointee.openInterestLow, at: 12)
    return previousCloseBytes
  }

  private static func tradeTime(_ state: UnsafePointer<PriceState>) -> UInt32 {
    state.pointee.tradeSeconds &+ zoneSeconds
  }

  private static func header(
    _ code: UInt8, bytes: Int, _ name: UnsafePointer<WireName>, to packet: UnsafeMutableRawPointer
  ) {
    packet.storeBytes(of: code, as: UInt8.self)
    packet.putLittle(UInt16(truncatingIfNeeded: bytes), at: 1)
    packet.storeBytes(of: name.pointee.segment, toByteOffset: 3, as: UInt8.self)
    packet.putLittle(name.pointee.number, at: 4)
  }

  private static func writeTrade(
    _ state: UnsafePointer<PriceState>, _ name: UnsafePointer<WireName>, to packet: UnsafeMutableRawPointer
  ) {
    packet.putFloat(name.pointee.rupees(state.pointee.last), at: 8)
    packet.putLittle(UInt16(truncatingIfNeeded: state.pointee.lastQuantity), at: 12)
    packet.putLittle(tradeTime(state), at: 14)
    packet.putFloat(state.pointee.isIndex ? 0 : name.pointee.rupees(state.pointee.average), at: 18)
    packet.putLittle(state.pointee.volume, at: 22)
    packet.putLittle(state.pointee.totalSell, at: 26)
    packet.putLittle(state.pointee.totalBuy, at: 30)
  }

  private static func writeDay(
    _ state: UnsafePointer<PriceState>, _ name: UnsafePointer<WireName>, to place: UnsafeMutableRawPointer
  ) {
    place.putFloat(name.pointee.rupees(state.pointee.open), at: 0)
    place.putFloat(name.pointee.rupees(state.pointee.close), at: 4)
    place.putFloat(name.pointee.rupees(state.pointee.high), at: 8)
    place.putFloat(name.pointee.rupees(state.pointee.low), at: 12)
  }

  private static func writeLevel(
    _ state: UnsafePointer<PriceState>, _ name: UnsafePointer<WireName>, _ index: Int,
    to entry: UnsafeMutableRawPointer
  ) {
    let bid = state.pointee.level(index, isBid: true)
    let ask = state.pointee.level(index, isBid: false)
    entry.putLittle(bid.quantity, at: 0)
    entry.putLittle(ask.quantity, at: 4)
    entry.putLittle(bid.orders, at: 8)
    entry.putLittle(ask.orders, at: 10)
    entry.putFloat(name.pointee.rupees(state.pointee.price(ofLevel: index, isBid: true)), at: 12)
    entry.putFloat(name.pointee.rupees(state.pointee.price(ofLevel: index, isBid: false)), at: 16)
  }

  // MARK: Deep feeds

  /// Writes the bids, then the asks, each a packet of its own.
  static func writeDepth(
    _ state: UnsafePointer<PriceState>, _ name: UnsafePointer<WireName>, levels: Int,
    to destination: UnsafeMutableRawPointer
  ) -> Int {
    let bids = writeSide(state, name, levels: levels, isBid: true, to: destination)
    return bids + writeSide(state, name, levels: levels, isBid: false, to: destination + bids)
  }

  private static func writeSide(
    _ state: UnsafePointer<PriceState>, _ name: UnsafePointer<WireName>, levels: Int, isBid: Bool,
    to packet: UnsafeMutableRawPointer
  ) -> Int {
    var rows = 0
    for index in 0..<levels {
      let price = state.pointee.price(ofLevel: index, isBid: isBid)
      if price <= 0 { break }
      let level = state.pointee.deepLevel(index, isBid: isBid)
      let row = packet + depthHeaderBytes + index * rowBytes
      row.putLittle(name.pointee.rupees(price).bitPattern, at: 0)
      row.putLittle(level.quantity, at: 8)
      row.putLittle(UInt32(level.orders), at: 12)
      rows += 1
    }
    let isFixed = levels == 20
    if isFixed, rows < levels {
      (packet + depthHeaderBytes + rows * rowBytes).initializeMemory(
        as: UInt8.self, repeating: 0, count: (levels - rows) * rowBytes)
    }
    let bytes = depthHeaderBytes + (isFixed ? levels : rows) * rowBytes
    packet.putLittle(Int16(truncatingIfNeeded: bytes), at: 0)
    packet.storeBytes(of: isBid ? 41 : 51, toByteOffset: 2, as: UInt8.self)
    packet.storeBytes(of: name.pointee.segment, toByteOffset: 3, as: UInt8.self)
    packet.putLittle(name.pointee.number, at: 4)
    // Rows of the 200-level feed; of the other one a number that means nothing.
    packet.putLittle(isFixed ? state.pointee.exchangeSeconds : UInt32(rows), at: 8)
    return bytes
  }

  // MARK: Disconnect

  /// Why the server ends a connection.
  enum Disconnect: UInt16 {
    case instrumentLimit = 804
    case tooManyConnections = 805
    case tokenExpired = 807
    case authenticationFailed = 808
    case tokenInvalid = 809
    case clientInvalid = 810
    case invalidRequest = 814
  }

  /// The packet of code 50, in the layout of the feed.
  static func disconnect(_ reason: Disconnect, format: PacketFormat) -> [UInt8] {
    let (low, high) = (UInt8(truncatingIfNeeded: reason.rawValue), UInt8(reason.rawValue >> 8))
    if format == .dhan { return [50, 10, 0, 0, 0, 0, 0, 0, low, high] }
    return [14, 0, 50, 0, 0, 0, 0, 0, 0, 0, 0, 0, low, high]
  }
}

extension UnsafeMutableRawPointer {
  @inline(__always) fileprivate func putFloat(_ value: Double, at offset: Int) {
    putLittle(Float(value).bitPattern, at: offset)
  }
}
