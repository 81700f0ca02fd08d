// Dhan's feeds of 20 and 200 levels: a header of their own, one packet per side of a book.

import Market

extension DhanDecoder {
  /// Of a depth packet: header, rows.
  private enum DepthBytes {
    static let header = 12
    static let row = 16
    /// The documented form of a disconnect; the other one ends with the header.
    static let longDisconnect = 14
  }

  private enum DepthCode {
    static let bids: UInt8 = 41
    static let asks: UInt8 = 51
    static let disconnect: UInt8 = 50
  }

  /// Levels of a side that the feed promises.
  private var levelsMax: Int { connection == .depth20 ? 20 : 200 }

  /// The next side of a book. Only that side and its level count are written; the other side has no levels then.
  mutating func nextSide(into book: UnsafeMutablePointer<DeepBook>) -> DecodeStep {
    while bytesLeft > 0, let start = cursor {
      guard bytesLeft >= DepthBytes.header else { return fail() }
      let code = start.byte(2)
      guard code == DepthCode.bids || code == DepthCode.asks else {
        if code == DepthCode.disconnect { return disconnect(start) }
        let length = Int(start.little16(0))
        guard length >= DepthBytes.header, length <= bytesLeft else { return fail() }
        advance(length)
        counters.unknownKinds &+= 1
        continue
      }
      // The word before the rows is their number on the feed of 200 levels, and means nothing on that of 20.
      let rows = connection == .depth20 ? levelsMax : Int(start.little32(8))
      guard rows <= levelsMax else {
        counters.badCounts &+= 1
        return fail()
      }
      let length = DepthBytes.header &+ rows &* DepthBytes.row
      guard length <= bytesLeft else { return fail() }
      advance(length)
      guard let instrument = instrument(segment: start.byte(3), token: start.little32(4)) else { continue }
      guard fill(book, from: start + DepthBytes.header, rows: rows, isBids: code == DepthCode.bids) else {
        dropForPrice()
        continue
      }
      book.pointee.instrument = instrument
      packet = UnsafeRawBufferPointer(start: start, count: length)
      counters.books &+= 1
      return .book
    }
    return finish()
  }

  /// False for an impossible price; the book then holds nothing.
  private func fill(
    _ book: UnsafeMutablePointer<DeepBook>, from rows: UnsafeRawPointer, rows count: Int, isBids: Bool
  ) -> Bool {
    let filled =
      isBids
      ? Self.fillSide(&book.pointee.bids, from: rows, count: count)
      : Self.fillSide(&book.pointee.asks, from: rows, count: count)
    guard let filled else { return false }
    book.pointee.feed = feed
    book.pointee.sides = (isBids ? BookSides.bids : .asks).rawValue
    book.pointee.capacity = UInt16(levelsMax)
    book.pointee.bidLevels = isBids ? filled : 0
    book.pointee.askLevels = isBids ? 0 : filled
    book.pointee.receivedTime = receivedNanos
    book.pointee.exchangeTime = 0
    return true
  }

  /// Rows of price, quantity, orders. Answers how many levels there are up to the last that is not empty; nil for an
  /// impossible price.
  @inline(__always)
  private static func fillSide(
    _ side: inout InlineArray<200, DepthLevel>, from bytes: UnsafeRawPointer, count: Int
  ) -> UInt16? {
    var prices = PriceReading()
    var filled = 0
    for row in 0..<count {
      let bytes = bytes + row &* DepthBytes.row
      let level = DepthLevel(
        price: prices.float64(bytes.little64(0)), quantity: bytes.little32(8), orders: bytes.little32(12))
      side[row] = level
      if isFilled(level) { filled = row &+ 1 }
    }
    return prices.isBad ? nil : UInt16(truncatingIfNeeded: filled)
  }

  /// The reason stands at 12 in the documented form, and at 8 in the one that the vendor's client reads. What follows a
  /// short form could pass for a reason, so a header that says it is short and has one is believed.
  private mutating func disconnect(_ start: UnsafeRawPointer) -> DecodeStep {
    let reasons = UInt32(800)...899
    let short = start.little32(8)
    var code = UInt16(clamping: short)
    var length = DepthBytes.header
    let isShort = start.little16(0) == UInt16(length) && reasons.contains(short)
    if !isShort, bytesLeft >= DepthBytes.longDisconnect, reasons.contains(UInt32(start.little16(12))) {
      code = start.little16(12)
      length = DepthBytes.longDisconnect
    }
    length = min(max(length, Int(start.little16(0))), bytesLeft)
    advance(length)
    return report(.disconnect(code: code), start, length)
  }
}
