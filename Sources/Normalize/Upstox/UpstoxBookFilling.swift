// All levels of an entry into a deep book, after the tick of that entry. The entry was checked, and its numbers with it.
// On the tick path of the few instruments with 30 levels: no allocation.

import Market

/// Fills a book from an entry whose tick came before.
struct UpstoxBookFilling {
  private let book: UnsafeMutablePointer<DeepBook>
  private var values = UpstoxValues()
  private var levelCount = 0

  /// Writes all of the book but instrument, feed and times.
  static func fill(_ book: UnsafeMutablePointer<DeepBook>, from entry: UnsafeRawBufferPointer) {
    var filling = UpstoxBookFilling(book)
    var fields = ProtobufReader(entry)
    while fields.next() == .field {
      if fields.tag == UpstoxTag.Entry.value { filling.feed(fields.bytes) }
    }
    filling.finish()
  }

  private init(_ book: UnsafeMutablePointer<DeepBook>) { self.book = book }

  private mutating func feed(_ message: UnsafeRawBufferPointer) {
    var fields = ProtobufReader(message)
    while fields.next() == .field {
      switch fields.tag {
      case UpstoxTag.Feed.full: full(fields.bytes)
      // Other branches of the union end what was there.
      case UpstoxTag.Feed.ltpc, UpstoxTag.Feed.firstLevel: levelCount = 0
      default: break
      }
    }
  }

  private mutating func full(_ message: UnsafeRawBufferPointer) {
    var fields = ProtobufReader(message)
    while fields.next() == .field {
      switch fields.tag {
      case UpstoxTag.Full.market: market(fields.bytes)
      case UpstoxTag.Full.index: levelCount = 0
      default: break
      }
    }
  }

  private mutating func market(_ message: UnsafeRawBufferPointer) {
    var fields = ProtobufReader(message)
    while fields.next() == .field {
      if fields.tag == UpstoxTag.Market.level { levels(fields.bytes) }
    }
  }

  private mutating func levels(_ message: UnsafeRawBufferPointer) {
    var fields = ProtobufReader(message)
    while fields.next() == .field, levelCount < UpstoxDecoder.deepLevels {
      guard fields.tag == UpstoxTag.element else { continue }
      var bid = DepthLevel()
      var ask = DepthLevel()
      values.quote(fields.bytes, &bid, &ask)
      book.pointee.bids[levelCount] = bid
      book.pointee.asks[levelCount] = ask
      levelCount &+= 1
    }
  }

  private func finish() {
    var (bidLevels, askLevels) = (levelCount, levelCount)
    while bidLevels > 0, book.pointee.bids[bidLevels &- 1] == DepthLevel() { bidLevels &-= 1 }
    while askLevels > 0, book.pointee.asks[askLevels &- 1] == DepthLevel() { askLevels &-= 1 }
    book.pointee.bidLevels = UInt16(truncatingIfNeeded: bidLevels)
    book.pointee.askLevels = UInt16(truncatingIfNeeded: askLevels)
    book.pointee.sides = BookSides([.bids, .asks]).rawValue
    book.pointee.capacity = UInt16(truncatingIfNeeded: UpstoxDecoder.deepLevels)
    book.pointee.exchangeTime = 0
  }
}
